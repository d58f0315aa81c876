# Makes the keys of one secret, in the authorized_keys of one user, exactly those that are wanted; or looks at them.
#
# POSIX sh with awk, base64 and id; flock, runuser and chcon where there are any. The same text runs as root, by the
# agent of Systems Manager, and as the user itself, over SSH. It takes everything from variables, in base64, and none of
# it is ever read as shell text:
#
#   FOURSTEP_ACTION      edit or look
#   FOURSTEP_USER        the name of the user
#   FOURSTEP_ROOT        yes: the function's owner names this very user, who may have uid 0
#   FOURSTEP_SECRET      the ARN of the secret, which marks its lines
#   FOURSTEP_GENERATION  a number: an edit of a lower one than the file's is late, and is refused
#   FOURSTEP_WANT        lines of authorized_keys: the keys of this secret that are to log in
#   FOURSTEP_GONE        keys in base64, one a line, that are not to log in, whoever wrote their lines
#   FOURSTEP_SCRIPT      this text
#
# The first line of its output is the result. It prints less than 2,000 characters, since the API of Systems Manager cuts
# at 2,500. What it does in the user's home, it does as the user: root would follow what the user puts there.

set -u
LC_ALL=C
PATH=$PATH:/usr/bin:/bin:/usr/sbin:/sbin:/usr/local/sbin
export LC_ALL PATH

decode() {
    printf %s "$1" | base64 -d
}

finish() {
    printf 'fourstep 1 %s\n' "$*"
    case $1 in
    failed | stale) exit 1 ;;
    *) exit 0 ;;
    esac
}

owner_of() {
    ls -ldn -- "$1" | awk 'NR == 1 { print $3 }'
}

# What the system says when a command fails, in words that the caller knows.
explain() {
    case $1 in
    *'No space left'* | *'quota exceeded'*) finish failed full "$2" ;;
    *'Read-only file system'*) finish failed read-only "$2" ;;
    *'ermission denied'* | *'not permitted'*) finish failed denied "$2" ;;
    *) finish failed system "$2" ;;
    esac
}

# --- The second stage: the file itself, as the owner of its folder -------------------------------------------------

# Reads authorized_keys as sshd does. Ends with 0: the output is the new file; 10: nothing is to be changed;
# 11: the file has a higher generation, which is the output; 12: a wanted key is not in the file.
read_keys() {
    want=$(decode "$FOURSTEP_WANT") gone=$(decode "$FOURSTEP_GONE") secret=$(decode "$FOURSTEP_SECRET") \
        generation=$(decode "$FOURSTEP_GENERATION") looks=$1 awk '
        function starts_with_key(text) {
            if (text !~ /^(ssh-|ecdsa-|sk-)[A-Za-z0-9@.-]*[ \t]+AAAA[A-Za-z0-9+\/]+=*([ \t\r]|$)/) return 0
            type = text
            sub(/[ \t].*/, "", type)
            text = substr(text, length(type) + 1)
            sub(/^[ \t]+/, "", text)
            blob = text
            sub(/[ \t\r].*/, "", blob)
            after = comment = substr(text, length(blob) + 1)
            sub(/^[ \t]+/, "", comment)
            sub(/[ \t\r]+$/, "", comment)
            return 1
        }
        # Gives 1 for a line with a key that logs in, and sets what it is made of.
        function parse(text,    at, sign, quoted, plain) {
            options = type = blob = comment = ""
            sub(/^[ \t]+/, "", text)
            if (text == "" || text ~ /^[#\r]/) return 0
            if (starts_with_key(text)) return 1
            for (at = 1; at <= length(text); at++) {
                sign = substr(text, at, 1)
                if (sign == "\\" && substr(text, at + 1, 1) == "\"") at++
                else if (sign == "\"") quoted = !quoted
                else if (!quoted && (sign == " " || sign == "\t")) break
            }
            options = substr(text, 1, at - 1)
            text = substr(text, at)
            sub(/^[ \t]+/, "", text)
            if (!starts_with_key(text)) return 0
            plain = tolower(options)
            gsub(/"([^"\\]|\\.)*"/, "", plain)
            # The key of an authority signs those that log in.
            return ("," plain ",") !~ /,cert-authority,/
        }
        function is_ours() {
            return index(comment, mark) == 1 && length(comment) > length(mark) && comment !~ /[ \t]/
        }
        function is_of_another_secret() {
            return comment ~ /^fourstep:arn:[^ \t]+:[^ \t:]+$/ && !is_ours()
        }
        BEGIN {
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
        {
            if (index($0, note) == 1) {
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
            if (parse($0)) {
                if ((blob in number) && !is_of_another_secret()) {
                    i = number[blob]
                    if (!is_ours()) {
                        # Marked, so that it goes with its key. Its options are those of whoever wrote it.
                        $0 = substr($0, 1, length($0) - length(after)) " " by_hand (after ~ /\r$/ ? "\r" : "")
                        changed++
                    } else if (comment != by_hand) {
                        if ((i in found_ours) || options " " type != start[i]) { changed++; next }
                        found_ours[i] = 1
                    }
                    found[i] = 1
                } else if (is_ours() || ((blob in is_gone) && !is_of_another_secret())) { changed++; next }
            }
            text[++kept] = $0
        }
        END {
            missing = 0
            for (i = 1; i <= wanted; i++) if (!(i in found)) missing++
            if (ENVIRON["looks"] == "look") exit missing ? 12 : 10
            if (highest + 0 > generation + 0) { print highest; exit 11 }
            if (!missing && !changed && notes == 1 && highest == generation) exit 10
            for (i = 1; i <= kept; i++) if (!(i in at_note)) print text[i]
            for (i = 1; i <= wanted; i++) if (!(i in found)) print lines[i]
            # Last, so that a file that was cut short shows it.
            print note generation
        }' "$2"
}

take_lock() {
    tries=0
    if command -v flock >/dev/null; then
        # The folder itself is locked: that leaves no file behind.
        exec 9<.
        until flock -n 9; do
            [ "$tries" -lt 5 ] || finish failed locked "$file"
            tries=$((tries + 1))
            sleep 1
        done
        return
    fi
    lock=.fourstep.lock
    until mkdir "$lock" 2>/dev/null; do
        holder=$(cat "$lock/holder" 2>/dev/null)
        if [ -n "$holder" ] && ! kill -0 "$holder" 2>/dev/null; then
            # Whoever had it was killed. Only one can rename it.
            mv "$lock" "$lock.$$" 2>/dev/null && rm -rf "$lock.$$"
            continue
        fi
        [ "$tries" -lt 5 ] || finish failed locked "$file"
        tries=$((tries + 1))
        sleep 1
    done
    trap 'rm -rf "$lock"' EXIT
    printf %s "$$" >"$lock/holder"
}

second_stage() {
    file=$FOURSTEP_FILE
    folder=${file%/*}
    name=${file##*/}
    new=.fourstep.new
    umask 077
    if [ ! -d "$folder" ]; then
        [ ! -e "$folder" ] && [ ! -L "$folder" ] || finish failed no-folder "$folder"
        [ "$action" = edit ] || finish lacks
        problem=$(mkdir -p "$folder" 2>&1) || explain "$problem" "$folder"
        [ "$(id -u)" != 0 ] || chown "$FOURSTEP_OWNER" "$folder"
    fi
    cd -P -- "$folder" 2>/dev/null || finish failed denied "$folder"
    # From here on, every name is relative to this folder, whatever its path leads to meanwhile.
    [ "$(pwd -P)" = "$FOURSTEP_FOLDER" ] || finish failed symlink "$folder"
    [ ! -L "$name" ] || finish failed symlink "$file"
    [ ! -d "$name" ] || finish failed directory "$file"
    if [ -e "$name" ]; then
        [ -f "$name" ] || finish failed special "$file"
        [ "$(id -u)" = 0 ] || [ "$(owner_of "$name")" = "$(id -u)" ] || finish failed owner "$file"
        [ -r "$name" ] || finish failed denied "$file"
        # Opened once: another run may put a new file in its place at any moment.
        [ "$(tr -cd '\000' <"$name" | wc -c)" -eq 0 ] || finish failed binary "$file"
    fi
    if [ "$action" = look ]; then
        [ -e "$name" ] || finish lacks
        read_keys look "$name"
        [ $? = 10 ] || finish lacks
        finish holds
    fi
    if [ ! -w . ]; then
        problem=$( (: >"$new") 2>&1) || explain "$problem" "$folder"
    fi
    take_lock
    # One who was killed may have left it, and it may hold old keys.
    rm -f "$new"
    trap 'rm -f "$new"; [ -z "${lock-}" ] || rm -rf "$lock"' EXIT
    trap 'exit 1' HUP INT TERM
    source=$name
    [ -e "$name" ] || source=/dev/null
    if [ -e "$name" ]; then
        # Keeps mode and owner.
        problem=$(cp -p -- "$name" "$new" 2>&1) || explain "$problem" "$file"
    fi
    problem=$( { read_keys edit "$source" >"$new"; } 2>&1)
    case $? in
    0) ;;
    10) finish same ;;
    11) finish stale "$(cat "$new")" ;;
    *) explain "$problem" "$file" ;;
    esac
    # What was written has to be, to the last line, what would be written again.
    read_keys edit "$new" >/dev/null 2>&1
    [ $? = 10 ] || finish failed full "$file"
    if [ -e "$name" ]; then
        command -v chcon >/dev/null && chcon --reference="$name" "$new" 2>/dev/null
    elif [ "$(id -u)" = 0 ]; then
        chown "$FOURSTEP_OWNER" "$new"
    fi
    sync "$new" 2>/dev/null
    problem=$(mv -f -- "$new" "$name" 2>&1) || explain "$problem" "$file"
    finish changed
}

# --- The first stage: the user, the file, and what sshd says -------------------------------------------------------

setting() {
    printf '%s\n' "$config" | awk -v name="$1" '$1 == name { sub(/^[^ ]+ /, ""); print; exit }'
}

# Replaces sshd's tokens in a path.
expand() {
    rest=$1
    path=
    while :; do
        case $rest in
        *%*)
            path=$path${rest%%"%"*}
            rest=${rest#*"%"}
            case $rest in
            h*) path=$path$home ;;
            u*) path=$path$user ;;
            U*) path=$path$uid ;;
            %*) path=$path% ;;
            *) finish failed pattern "$1" ;;
            esac
            rest=${rest#?}
            ;;
        *) break ;;
        esac
    done
    path=$path$rest
}

# Runs this text again, as the user that owns the folder.
as_user() {
    program=$(decode "$FOURSTEP_SCRIPT")
    if [ "$(id -u)" != 0 ] || [ "$1" = 0 ]; then
        sh -c "$program"
    elif command -v runuser >/dev/null; then
        runuser -u "$user" -- sh -c "$program"
    else
        su -s /bin/sh "$user" -c "$program"
    fi
}

is_loose() {
    [ -e "$1" ] && ls -ldn -- "$1" | awk -v uid="$uid" '
        NR == 1 { exit !(substr($1, 6, 1) == "w" || substr($1, 9, 1) == "w" || ($3 != 0 && $3 != uid)) }'
}

# Says why sshd would refuse the key, where that can be told from outside.
say_refusals() {
    [ "$(setting pubkeyauthentication)" != no ] || echo refuses pubkeyauthentication
    [ "$(setting strictmodes)" != no ] || return
    for place in "$home" "${file%/*}" "$file"; do
        if is_loose "$place"; then echo refuses mode "$place"; fi
    done
}

say_host_keys() {
    keys=$(printf '%s\n' "$config" | awk '$1 == "hostkey" { sub(/^[^ ]+ /, ""); print }')
    [ -n "$keys" ] || keys=$(ls -1 /etc/ssh/ssh_host_*_key 2>/dev/null)
    printf '%s\n' "$keys" | while IFS= read -r key; do
        [ -n "$key" ] || continue
        cat "$key.pub" 2>/dev/null || ssh-keygen -y -P '' -f "$key" </dev/null 2>/dev/null
    done | awk '
        $1 == "ssh-ed25519" { rank = 1 } $1 ~ /^ecdsa-/ { rank = 2 } $1 == "ssh-rsa" { rank = 3 }
        rank { keys[rank] = keys[rank] "hostkey " $1 " " $2 "\n"; rank = 0 }
        END {
            for (rank = 1; rank <= 3; rank++) {
                printed += length(keys[rank])
                if (printed < 1400) printf "%s", keys[rank]
            }
        }'
}

first_stage() {
    user=$(decode "$FOURSTEP_USER") && [ -n "$user" ] || finish failed base64 base64
    if command -v getent >/dev/null; then
        entry=$(getent passwd "$user")
    else
        entry=$(awk -F: -v user="$user" '$1 == user' /etc/passwd)
    fi
    case $entry in
    "$user":*) ;;
    *) finish failed no-user "$user" ;;
    esac
    IFS=: read -r _ _ uid gid _ home _ <<END
$entry
END
    [ -n "$home" ] && [ -d "$home" ] || finish failed no-home "$home"
    [ "$(id -u)" = 0 ] || [ "$(id -u)" = "$uid" ] || finish failed other-user "$(id -un)"
    case $uid in
    *[1-9]*) ;;
    *) [ "$(decode "$FOURSTEP_ROOT")" = yes ] || finish failed root "$user" ;;
    esac
    config=
    daemon=$(command -v sshd) && config=$("$daemon" -T -C "user=$user,host=localhost,addr=127.0.0.1" 2>/dev/null)
    files=$(setting authorizedkeysfile)
    files=${files:-.ssh/authorized_keys}
    expand "${files%% *}"
    file=$path
    [ "$file" != none ] || finish failed pattern none
    case $file in
    /*) ;;
    *) file=$home/$file ;;
    esac
    folder=${file%/*}
    physical=$(cd -P -- "$home" 2>/dev/null && pwd -P) || finish failed denied "$home"
    case $folder in
    "$home") ;;
    "$home"/*) physical=$physical/${folder#"$home"/} ;;
    *) physical=$(cd -P -- "$folder" 2>/dev/null && pwd -P) || finish failed no-folder "$folder" ;;
    esac
    above=$folder
    [ -d "$above" ] || above=$home
    owner=$(owner_of "$above/.")
    [ "$owner" = 0 ] || [ "$owner" = "$uid" ] || finish failed owner "$above"
    FOURSTEP_FILE=$file FOURSTEP_FOLDER=$physical FOURSTEP_OWNER=$uid:$gid
    export FOURSTEP_FILE FOURSTEP_FOLDER FOURSTEP_OWNER
    result=$(as_user "$owner" 2>/dev/null | head -n 1)
    printf '%s\n' "${result:-fourstep 1 failed system $file}"
    printf 'file %s\n' "$file"
    printf 'port %s\n' "$(setting port)"
    say_refusals
    say_host_keys
    echo end
    case $result in
    '' | 'fourstep 1 failed '* | 'fourstep 1 stale '*) exit 1 ;;
    esac
}

# The folder that the agent left may be closed to the user.
cd / || exit 1
action=$(decode "$FOURSTEP_ACTION")
if [ -n "${FOURSTEP_FILE-}" ]; then
    second_stage
else
    first_stage
fi
