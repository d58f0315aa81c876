# The body of the document of Systems Manager: hands its parameters, each of which has a pattern, to the script below it.
# A line before sets named_users: the users that the owner of the stack names. Only one of them may be root, by whatever
# name.
user='{{ User }}'
root='{{ Root }}'
case $root,$(printf %s "$named_users" | tr ' ' ,), in
yes*,"$user",*) ;;
*) root=no ;;
esac
encode() {
    printf %s "$1" | base64 | tr -d '\n'
}
FOURSTEP_ACTION=$(encode '{{ Action }}')
FOURSTEP_USER=$(encode "$user")
FOURSTEP_ROOT=$(encode "$root")
FOURSTEP_SECRET=$(encode '{{ Secret }}')
FOURSTEP_GENERATION=$(encode '{{ Generation }}')
FOURSTEP_WANT='{{ Want }}'
FOURSTEP_GONE='{{ Gone }}'
export FOURSTEP_ACTION FOURSTEP_USER FOURSTEP_ROOT FOURSTEP_SECRET FOURSTEP_GENERATION FOURSTEP_WANT FOURSTEP_GONE
run() {
    FOURSTEP_SCRIPT=$(base64 | tr -d '\n')
    export FOURSTEP_SCRIPT
    exec sh -c "$(printf %s "$FOURSTEP_SCRIPT" | base64 -d)" </dev/null
}
run <<'END_OF_SCRIPT'
