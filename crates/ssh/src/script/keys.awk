# Reads authorized_keys as sshd does. It stands between single quotes in the script, so it has none itself.
#
# Its environment:
#
#   secret      the ARN of the secret, which marks its lines
#   want        lines of authorized_keys: the keys of this secret that are to log in
#   gone        keys in base64, one a line, that are not to log in
#   generation  how old the order is
#   task        edit     prints the new file
#               strip    prints the new file of another place that sshd reads: nothing is added there
#               look     prints nothing
#               earlier  prints how many lines an earlier secret of the same name left, and its ARN
#
# It ends with 0: the output is the new file; 10: nothing is to be changed; 11: the file has a higher generation, which is
# the output; 12: a wanted key is not in the file.

function starts_with_key(line) {
    if (line !~ /^(ssh-|ecdsa-|sk-)[A-Za-z0-9@.-]*[ \t]+AAAA[A-Za-z0-9+\/]+=*([ \t\r]|$)/) return 0
    type = line
    sub(/[ \t].*/, "", type)
    line = substr(line, length(type) + 1)
    sub(/^[ \t]+/, "", line)
    blob = line
    sub(/[ \t\r].*/, "", blob)
    after = comment = length(line) > length(blob) ? substr(line, length(blob) + 1) : ""
    sub(/^[ \t]+/, "", comment)
    sub(/[ \t\r]+$/, "", comment)
    return 1
}

# Gives 1 for a line with a key that logs in, and sets what it is made of.
function parse(line,    at, sign, quoted, plain) {
    quoted = 0
    options = type = blob = comment = ""
    sub(/^[ \t]+/, "", line)
    if (line == "" || line ~ /^[#\r]/) return 0
    if (starts_with_key(line)) return 1
    for (at = 1; at <= length(line); at++) {
        sign = substr(line, at, 1)
        if (sign == "\\" && substr(line, at + 1, 1) == "\"") at++
        else if (sign == "\"") quoted = !quoted
        else if (!quoted && (sign == " " || sign == "\t")) break
    }
    options = substr(line, 1, at - 1)
    line = substr(line, at)
    sub(/^[ \t]+/, "", line)
    if (!starts_with_key(line)) return 0
    plain = tolower(options)
    gsub(/"([^"\\]|\\.)*"/, "", plain)
    # The key of an authority signs those that log in.
    return ("," plain ",") !~ /,cert-authority,/
}

# The name of a secret, without the six characters by which two of the same name differ.
function name_of(resource) {
    return substr(resource, 1, length(resource) - 7)
}

# Says whose mark a comment is: ours, that of an earlier secret of this name (which was deleted and created again, or was
# in another region before its replica was promoted), that of another one, or that of nobody.
function owner_of(said,    part, own) {
    if (said ~ /[ \t]/) return ""
    if (index(said, mark) == 1) return length(said) > length(mark) ? "ours" : ""
    if (said !~ /^fourstep:arn:.+:[^:]+$/) return ""
    # fourstep:arn:aws:secretsmanager:<region>:<account>:secret:<name>-<six characters>:<version>
    if (split(said, part, ":") == 9 && split(mark, own, ":") == 9 && part[3] == own[3] && part[4] == own[4] &&
        part[6] == own[6] && part[7] == own[7] && name_of(part[8]) == name_of(own[8])) {
        arn = substr(said, 10, length(said) - 10 - length(part[9]))
        return "earlier"
    }
    return "another"
}

# Marks the line of a wanted key, so that it goes with its key. Its options are those of whoever wrote it.
function mark_by_hand() {
    $0 = substr($0, 1, length($0) - length(after)) " " by_hand (after ~ /\r$/ ? "\r" : "")
    changed++
}

# Gives 1 for a line of a wanted key that stays, 0 for one in whose place the wanted line comes.
function keeps(at) {
    if (owner == "ours" && comment != by_hand) {
        if (task == "strip") return 1
        if ((at in found_ours) || options " " type != start[at]) return 0
        found_ours[at] = 1
    } else if (owner == "earlier" && comment !~ /:by-hand$/) {
        return 0
    } else if (comment != by_hand) {
        mark_by_hand()
    }
    found[at] = 1
    return 1
}

BEGIN {
    changed = kept = notes = earlier = 0
    highest = ""
    task = ENVIRON["task"]
    mark = "fourstep:" ENVIRON["secret"] ":"
    by_hand = mark "by-hand"
    note = "# fourstep:" ENVIRON["secret"] " generation "
    generation = ENVIRON["generation"]
    wanted = split(ENVIRON["want"], lines, "\n")
    for (i = 1; i <= wanted; i++) {
        parse(lines[i])
        number[blob] = i
        start[i] = options " " type
    }
    count = split(ENVIRON["gone"], blobs, "\n")
    for (i = 1; i <= count; i++) if (!(blobs[i] in number)) is_gone[blobs[i]] = 1
}

index($0, note) == 1 && task != "strip" {
    value = substr($0, length(note) + 1)
    sub(/\r$/, "", value)
    if (value ~ /^[0-9]+$/) {
        notes++
        if (value + 0 > highest + 0) highest = value
        at_note[++kept] = 1
        text[kept] = $0
        next
    }
}

parse($0) {
    owner = owner_of(comment)
    if ((blob in number) && owner != "another") {
        if (!keeps(number[blob])) { changed++; next }
    } else if (owner == "ours" || ((blob in is_gone) && owner != "another")) {
        changed++
        next
    } else if (owner == "earlier") {
        earlier++
        earlier_arn = arn
    }
}

{ text[++kept] = $0 }

END {
    if (task == "earlier") {
        if (earlier) print earlier, earlier_arn
        exit
    }
    missing = 0
    for (i = 1; i <= wanted; i++) if (!(i in found)) missing++
    if (task == "look") exit missing ? 12 : 10
    if (task == "strip") {
        if (!changed) exit 10
        for (i = 1; i <= kept; i++) print text[i]
        exit
    }
    if (highest + 0 > generation + 0) { print highest; exit 11 }
    if (!missing && !changed && notes == 1 && highest == generation) exit 10
    for (i = 1; i <= kept; i++) if (!(i in at_note)) print text[i]
    for (i = 1; i <= wanted; i++) if (!(i in found)) print lines[i]
    # Last, so that a file that was cut short shows it.
    print note generation
}
