# --- The second stage: the file itself, as whoever may change its folder -------------------------------------------
#
# Its variables are those above, and:
#
#   FOURSTEP_FILE    the path of the file
#   FOURSTEP_TASK    edit or look; strip: the file is another one that sshd reads, to which nothing is added
#   FOURSTEP_FIRST   the path of the file of the first stage, to which others may lead
#   FOURSTEP_HOME    the user's home
#   FOURSTEP_OWNER   uid:gid of the user
#   FOURSTEP_STRICT  yes: sshd refuses keys in files that others may write

# The program is that of keys.awk.
read_keys() {
    task=$1 want=$(decode "$FOURSTEP_WANT") gone=$(decode "$FOURSTEP_GONE") secret=$(decode "$FOURSTEP_SECRET") \
        generation=$(decode "$FOURSTEP_GENERATION") awk "$keys" "$2"
}

is_loose() {
    [ -e "$1" ] && ls -ldnL -- "$1" | awk -v uid="${FOURSTEP_OWNER%:*}" '
        NR == 1 { exit !(substr($1, 6, 1) == "w" || substr($1, 9, 1) == "w" || ($3 != 0 && $3 != uid)) }'
}

# Says why sshd would refuse the key, where the file shows that, and which lines are of an earlier secret.
say_of_file() {
    [ "$FOURSTEP_TASK" != strip ] || return 0
    [ -z "${earlier-}" ] || printf 'earlier %s\n' "$earlier"
    [ "$FOURSTEP_STRICT" = yes ] || return 0
    for place in "$FOURSTEP_HOME" "${FOURSTEP_FILE%/*}" "$FOURSTEP_FILE"; do
        if is_loose "$place"; then printf 'refuses mode %s\n' "$place"; fi
    done
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
            # Whoever had it was killed. Only one can rename it, and it may be another one's by now.
            if mv "$lock" "$lock.$$" 2>/dev/null; then
                [ "$(cat "$lock.$$/holder" 2>/dev/null)" = "$holder" ] || mv "$lock.$$" "$lock" 2>/dev/null
                rm -rf "$lock.$$"
            fi
            continue
        fi
        [ "$tries" -lt 5 ] || finish failed locked "$file"
        tries=$((tries + 1))
        sleep 1
    done
    trap 'rm -rf "$lock"' EXIT
    printf %s "$$" >"$lock/holder"
}

# Goes to the folder, which is made where it may be missing. From then on, every name is relative to it, whatever its
# path leads to meanwhile.
enter_folder() {
    if [ ! -d "$folder" ]; then
        [ "$FOURSTEP_TASK" = edit ] || [ -e "$folder" ] || [ -L "$folder" ] || finish lacks
        [ ! -e "$folder" ] && [ ! -L "$folder" ] || finish failed no-folder "$folder"
        case $folder in
        "$FOURSTEP_HOME"/*) ;;
        *) finish failed no-folder "$folder" ;;
        esac
        [ "$(id -u)" != 0 ] || finish failed loose "$folder"
        problem=$(mkdir -p -- "$folder" 2>&1) || explain "$problem" "$folder"
    fi
    cd -P -- "$folder" 2>/dev/null || finish failed denied "$folder"
    case $folder in
    "$FOURSTEP_HOME"/*)
        physical=$(cd -P -- "$FOURSTEP_HOME" 2>/dev/null && pwd -P) || finish failed denied "$FOURSTEP_HOME"
        [ "$(pwd -P)" = "${physical%/}/${folder#"$FOURSTEP_HOME"/}" ] || finish failed symlink "$folder"
        ;;
    esac
    case $(owner_of .) in
    0 | "${FOURSTEP_OWNER%:*}") ;;
    *) finish failed owner "$folder" ;;
    esac
    # Whoever runs this as root has looked already, and the folder may be another one since.
    [ "$(id -u)" != 0 ] || is_roots || finish failed loose "$folder"
}

inode_of() {
    ls -Ldi -- "$1" 2>/dev/null | awk 'NR == 1 { print $1 }'
}

# Refuses what is no text file of the user, or of root where only root could put it there.
check_file() {
    if [ -L "$name" ]; then
        # What leads to the file that was edited already needs no edit.
        [ "$FOURSTEP_TASK" != strip ] || [ "$(inode_of "$name")" != "$(inode_of "$FOURSTEP_FIRST")" ] || finish same
        finish failed symlink "$file"
    fi
    [ ! -d "$name" ] || finish failed directory "$file"
    [ -e "$name" ] || return 0
    [ -f "$name" ] || finish failed special "$file"
    case $(id -u):$(owner_of "$name") in
    0:0 | *:"${FOURSTEP_OWNER%:*}") ;;
    *) finish failed owner "$file" ;;
    esac
    [ -r "$name" ] || finish failed denied "$file"
    # Opened once: another run may put a new file in its place at any moment.
    [ "$(tr -cd '\000' <"$name" | wc -c)" -eq 0 ] || finish failed binary "$file"
}

# Ends with 0 if the new file holds, to the last line, what it is to hold.
is_whole() {
    if [ "$FOURSTEP_TASK" = strip ]; then
        [ "$(read_keys strip "$name" | cksum)" = "$(cksum <"$new")" ]
    else
        # What would be written again: nothing.
        read_keys edit "$new" >/dev/null 2>&1
        [ $? = 10 ]
    fi
}

# Gives the new file the mode, the owner, the access list and the security context of the old one. Who owns it comes last.
keep_attributes() {
    command -v chcon >/dev/null && chcon --reference="$name" "$new" 2>/dev/null
    command -v setfacl >/dev/null && getfacl -- "$name" 2>/dev/null | setfacl --set-file=- -- "$new" 2>/dev/null
    attributes=$(ls -ldn -- "$name" | awk 'NR == 1 {
        for (at = 2; at <= 10; at++) mode = mode * 2 + (substr($1, at, 1) ~ /[rwxst]/)
        printf "%o %s:%s", mode, $3, $4
    }')
    chmod "${attributes% *}" "$new"
    if [ "$(id -u)" = 0 ]; then
        chown -h "${attributes#* }" "$new"
    else
        # The group, where the user is one of it.
        chown -h ":${attributes#*:}" "$new" 2>/dev/null
    fi
}

write_file() {
    if [ ! -w . ]; then
        problem=$( (set -C; : >"$new") 2>&1) || explain "$problem" "$folder"
    fi
    take_lock
    # One who was killed may have left it, and it may hold old keys.
    rm -f -- "$new"
    trap 'rm -f -- "$new"; [ -z "${lock-}" ] || rm -rf "$lock"' EXIT
    trap 'exit 1' HUP INT TERM
    source=$name
    [ -e "$name" ] || source=/dev/null
    problem=$( (set -C; read_keys "$FOURSTEP_TASK" "$source" >"$new") 2>&1)
    status=$?
    case $status in
    0 | 10) earlier=$(read_keys earlier "$source") ;;
    11) finish stale "$(cat "$new")" ;;
    *) explain "$problem" "$file" ;;
    esac
    [ "$status" = 0 ] || finish same
    is_whole || finish failed full "$file"
    if [ -e "$name" ]; then
        keep_attributes
    elif [ "$(id -u)" = 0 ]; then
        chown -h "$FOURSTEP_OWNER" "$new"
    fi
    sync "$new" 2>/dev/null
    problem=$(mv -f -- "$new" "$name" 2>&1) || explain "$problem" "$file"
    finish changed
}

second_stage() {
    file=$FOURSTEP_FILE
    folder=${file%/*}
    name=${file##*/}
    new=.fourstep.new
    umask 077
    enter_folder
    check_file
    if [ "$FOURSTEP_TASK" = look ]; then
        [ -e "$name" ] || finish lacks
        read_keys look "$name"
        [ $? = 10 ] || finish lacks
        finish holds
    fi
    [ -e "$name" ] || [ "$FOURSTEP_TASK" = edit ] || finish same
    write_file
}

