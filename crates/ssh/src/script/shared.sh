# Makes the keys of one secret, in the authorized_keys of one user, exactly those that are wanted; or looks at them.
#
# POSIX sh with awk, base64, cksum and id; flock, runuser, chcon and setfacl where there are any. The same text runs as
# root, by the agent of Systems Manager, and as the user itself, over SSH. It takes everything from variables, in base64,
# and none of it is ever read as shell text:
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
# The first line of its output is the result, and the last one is `end`: without it, the answer was cut. It prints less than
# 2,000 characters, since the API of Systems Manager cuts at 2,500.
#
# Root works in a folder only where nobody but root can change that folder or any folder above it. Everywhere else, as in
# a home, this text runs again as the user: whatever the user puts in its way then leads to what the user may do anyway.

# Every host has ls, of which only columns before the name are read; what follows `||` ends the script; the program of awk
# is no shell text; the caller sets the variables.
# shellcheck disable=SC2012,SC2015,SC2016,SC2153
set -u
LC_ALL=C
PATH=$PATH:/usr/bin:/bin:/usr/sbin:/sbin:/usr/local/sbin
export LC_ALL PATH

decode() {
    printf %s "$1" | base64 -d
}

# Prints the result and what else is known of the file, and ends this stage.
finish() {
    printf 'fourstep 1 %s\n' "$*"
    if [ -n "${FOURSTEP_FILE-}" ]; then say_of_file; else echo end; fi
    case $1 in
    failed | stale) exit 1 ;;
    *) exit 0 ;;
    esac
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

owner_of() {
    ls -ldn -- "$1" | awk 'NR == 1 { print $3 }'
}

# Ends with 0 where nobody but root can change this folder or one above it. An access list that lets others write shows as
# the group's right to. A file system in user space shows whatever its maker wants, so nothing below its root counts.
is_roots() (
    at=$(pwd -P) awk '
        BEGIN {
            at = ENVIRON["at"] "/"
            gsub(/\\/, "\\134", at)
            gsub(/ /, "\\040", at)
            gsub(/\t/, "\\011", at)
            gsub(/\n/, "\\012", at)
        }
        $3 ~ /^fuse/ {
            place = $2 == "/" ? "/" : $2 "/"
            if (index(at, place) == 1) exit 1
        }' /proc/self/mounts 2>/dev/null || exit 1
    while :; do
        ls -ldn . | awk '
            NR == 1 { safe = $3 == 0 && substr($1, 6, 1) != "w" && substr($1, 9, 1) != "w" }
            END { exit !safe }' || exit 1
        [ "$(pwd -P)" != / ] || exit 0
        cd -P .. 2>/dev/null || exit 1
    done
)

