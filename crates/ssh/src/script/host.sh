# --- The first stage: the user, what sshd says, and who may change the files -------------------------------------

setting() {
    printf '%s\n' "$configuration" | awk -v name="$1" '$1 == name { sub(/^[^ ]+ /, ""); print; exit }'
}

# Asks sshd for its settings of a session of this user. It refuses to say them where a `Match` asks for what is not given;
# older ones know no rdomain. As the user it may not read its own keys, which -G does without.
ask_daemon() {
    daemon=$(command -v sshd) || return 1
    for how in -T -G; do
        for domain in ,rdomain= ''; do
            session=user=$user,host=localhost,addr=127.0.0.1,laddr=$1,lport=$2$domain
            configuration=$("$daemon" "$how" -C "$session" 2>/dev/null) && [ -n "$configuration" ] && return 0
        done
    done
    configuration=''
    return 1
}

read_configuration() {
    configuration='' is_read=yes port=22
    ask_daemon 127.0.0.1 22 || { is_read=no; return; }
    place=$(setting listenaddress)
    port=${place##*:}
    address=${place%:*}
    address=${address#'['}
    address=${address%']'}
    case $address in
    0.0.0.0 | :: | '') address=127.0.0.1 ;;
    esac
    [ "$address $port" = '127.0.0.1 22' ] || ask_daemon "$address" "$port" || is_read=no
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
    case $path in
    /*) ;;
    *) path=$home/$path ;;
    esac
}

# Makes the folder where its parent is root's alone, and gives it to the user.
make_folder() (
    cd -P -- "${folder%/*}" 2>/dev/null && is_roots || exit 0
    [ ! -e "${folder##*/}" ] && [ ! -L "${folder##*/}" ] || exit 0
    umask 077
    mkdir -- "${folder##*/}" && chown -h "$uid:$gid" "${folder##*/}"
)

# Runs the second stage: here where only root can change the folder, else as the user.
on_file() {
    FOURSTEP_FILE=$1 FOURSTEP_TASK=$2
    folder=${1%/*}
    if [ "$(id -u)" = 0 ]; then
        case $2:$folder in
        edit:"$home"/*) problem=$(make_folder 2>&1) || explain "$problem" "$folder" ;;
        esac
        if [ "$uid" != 0 ] && ! (cd -P -- "$folder" 2>/dev/null && is_roots); then
            program=$(decode "$FOURSTEP_SCRIPT")
            if command -v runuser >/dev/null; then
                runuser -u "$user" -- sh -c "$program"
            else
                su -s /bin/sh "$user" -c "$program"
            fi
            return
        fi
    fi
    (second_stage)
}

# Says what keeps sshd from accepting any key of the user, and what else decides on a login.
say_of_daemon() {
    [ "$is_read" = yes ] || echo note unread
    [ "$(setting pubkeyauthentication)" != no ] || echo refuses pubkeyauthentication
    case $(setting authorizedkeyscommand) in
    '' | none) ;;
    *) echo note command ;;
    esac
    case $(setting forcecommand) in
    '' | none) ;;
    *) echo note forced ;;
    esac
    case " $(setting authenticationmethods) " in
    '  ' | ' any ' | *' publickey '*) ;;
    *) echo note methods ;;
    esac
}

say_host_keys() {
    host_keys=$(printf '%s\n' "$configuration" | awk '$1 == "hostkey" { sub(/^[^ ]+ /, ""); print }')
    [ -n "$host_keys" ] || host_keys=$(ls -1 /etc/ssh/ssh_host_*_key 2>/dev/null)
    printf '%s\n' "$host_keys" | while IFS= read -r key; do
        [ -n "$key" ] || continue
        cat "$key.pub" 2>/dev/null || ssh-keygen -y -P '' -f "$key" </dev/null 2>/dev/null
    done | awk '
        $1 == "ssh-ed25519" { rank = 1 } $1 ~ /^ecdsa-/ { rank = 2 } $1 == "ssh-rsa" { rank = 3 }
        rank { lines[rank] = lines[rank] "hostkey " $1 " " $2 "\n"; rank = 0 }
        END {
            for (rank = 1; rank <= 3; rank++) {
                printed += length(lines[rank])
                if (printed < 1200) printf "%s", lines[rank]
            }
        }'
}

find_user() {
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
}

first_stage() {
    find_user
    read_configuration
    files=$(setting authorizedkeysfile)
    files=${files:-.ssh/authorized_keys .ssh/authorized_keys2}
    if [ "$files" = none ]; then
        case $(setting authorizedkeyscommand) in
        '' | none) finish failed pattern none ;;
        *) finish failed command "$(setting authorizedkeyscommand)" ;;
        esac
    fi
    FOURSTEP_HOME=$home FOURSTEP_OWNER=$uid:$gid FOURSTEP_STRICT=yes
    [ "$(setting strictmodes)" != no ] || FOURSTEP_STRICT=no
    export FOURSTEP_FILE FOURSTEP_TASK FOURSTEP_HOME FOURSTEP_OWNER FOURSTEP_STRICT
    # A pattern of file names stands for itself.
    set -f
    # Each word is a path.
    # shellcheck disable=SC2086
    set -- $files
    set +f
    expand "$1"
    first=$path FOURSTEP_FIRST=$path
    export FOURSTEP_FIRST
    answer=$(on_file "$first" "$action" 2>/dev/null | short)
    result=${answer%%"$newline"*}
    result=${result#fourstep 1 }
    if [ "$action" = edit ]; then
        strip_others "$@"
    fi
    printf 'fourstep 1 %s\n' "${result:-failed system $first}"
    # The user may have written it, and has no say in what else is answered.
    printf '%s\n' "$answer" | awk '/^(refuses mode|earlier) /'
    printf 'port %s\n' "$port"
    say_of_daemon
    say_host_keys
    echo end
    case $result in
    '' | 'failed '* | 'stale '*) exit 1 ;;
    esac
}

# Keeps what the user may have written from pushing out what root says.
short() {
    head -c 2000 | awk 'NR <= 6 { print substr($0, 1, 300) }'
}

# Takes away from the further files that sshd reads what is not to log in.
strip_others() {
    while [ $# -gt 1 ]; do
        shift
        case $result in
        changed | same) ;;
        *) return ;;
        esac
        expand "$1"
        other=$(on_file "$path" strip 2>/dev/null | short)
        other=${other%%"$newline"*}
        case ${other#fourstep 1 } in
        changed) result=changed ;;
        same | lacks) ;;
        *) result=${other#fourstep 1 } result=${result:-failed system $path} ;;
        esac
    done
}

newline='
'
# The folder that the agent left may be closed to the user.
cd / || exit 1
if [ -n "${FOURSTEP_FILE-}" ]; then
    second_stage
else
    action=$(decode "$FOURSTEP_ACTION")
    first_stage
fi
