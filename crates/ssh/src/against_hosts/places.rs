//! Where the file is, whose it is, and what is in its way.

use super::*;

#[test]
fn the_file_is_found_where_sshd_looks_for_it() {
    let options =
        Options { config: vec!["AuthorizedKeysFile /run/keys/%u .ssh/authorized_keys"], ..Options::default() };
    let Some(host) = Host::start_with(&options) else { return };
    let key = new_key();
    assert_eq!(failure(&host), "Invalid: the folder `/run/keys` is missing, or is not a folder");
    host.root("install -d -m 755 /run/keys", b"");
    assert_eq!(follow(&host, &order(1, Phase::Set, &[(&key, "v1")])).outcome, Outcome::Changed);
    assert!(host.opens(&text(&key)), "{}", host.log());
    assert_eq!(host.root("stat -c '%a %U' /run/keys/app", b"").stdout, b"600 app\n");
}

#[test]
fn the_user_itself_makes_the_same_edit() {
    let Some(host) = Host::start() else { return };
    let [key, other] = [(); 2].map(|()| new_key());
    let output = host.user("sh", order(1, Phase::Set, &[(&key, "v1")]).command().unwrap().as_bytes());
    let answer = Answer::read(&String::from_utf8(output.stdout).unwrap()).unwrap();
    assert_eq!(answer.outcome, Outcome::Changed);
    assert!(host.opens(&text(&key)));
    assert_eq!(follow(&host, &order(1, Phase::Set, &[(&key, "v1")])).outcome, Outcome::Same, "as root would");
    let command = Order { user: "root", ..order(2, Phase::Set, &[(&other, "v1")]) }.command().unwrap();
    let answer = Answer::read(&String::from_utf8(host.user("sh", command.as_bytes()).stdout).unwrap()).unwrap();
    let Outcome::Failed(failure) = answer.outcome else { panic!("{answer:?}") };
    assert_eq!(failure.what, "the login is that of user `app`");
}

/// No machine of the tests has SELinux. So this shows what is asked of chcon, and as whom, and not what SELinux makes of it.
#[test]
fn a_new_file_is_given_the_security_context_of_the_old_one_before_it_takes_its_place() {
    let Some(host) = Host::start() else { return };
    follow(&host, &order(1, Phase::Set, &[(&new_key(), "v1")]));
    let chcon = "#!/bin/sh\n{ id -un; printf '%s\\n' \"$@\"; grep -c fourstep: \"$2\"; grep -c fourstep: authorized_keys; } >>~app/asked\n";
    let made = host.user("cat >~app/chcon && chmod 755 ~app/chcon", chcon.as_bytes());
    assert!(made.status.success(), "{made:?}");
    assert!(host.root("mount --bind ~app/chcon /usr/bin/chcon", b"").status.success());
    follow(&host, &order(2, Phase::Set, &[(&new_key(), "v1"), (&new_key(), "v2")]));
    let asked = String::from_utf8(host.root("cat ~app/asked", b"").stdout).unwrap();
    let asked: Vec<_> = asked.lines().collect();
    assert!(asked.len() == 5 && asked[..2] == ["app", "--reference=authorized_keys"], "{asked:?}");
    assert_eq!(asked[3..], ["3", "2"], "the new file is whole, and the old one is in its place");
}

#[test]
fn bad_files_and_homes_are_named_and_nothing_is_changed() {
    let Some(host) = Host::start() else { return };
    for (make, expected) in [
        ("mkdir ~app/.ssh ~app/.ssh/authorized_keys", "Invalid: `/home/app/.ssh/authorized_keys` is a directory"),
        (
            "mkdir ~app/.ssh && ln -s /etc/passwd ~app/.ssh/authorized_keys",
            "Invalid: `/home/app/.ssh/authorized_keys` is a symbolic link, or leads through one",
        ),
        ("ln -s /etc ~app/.ssh", "Invalid: `/home/app/.ssh` is a symbolic link, or leads through one"),
        ("ln -s /nowhere ~app/.ssh", "Invalid: the folder `/home/app/.ssh` is missing, or is not a folder"),
        (
            "mkdir ~app/.ssh && mkfifo ~app/.ssh/authorized_keys",
            "Invalid: `/home/app/.ssh/authorized_keys` is no plain file",
        ),
        (
            "mkdir ~app/.ssh && printf 'a\\000b' >~app/.ssh/authorized_keys",
            "Invalid: `/home/app/.ssh/authorized_keys` holds bytes that are no text",
        ),
        ("mkdir -m 500 ~app/.ssh", "Forbidden: `/home/app/.ssh` may not be read or written"),
        ("chmod 500 ~app", "Forbidden: `/home/app/.ssh` may not be read or written"),
    ] {
        let made = host.user(make, b"");
        assert!(made.status.success(), "{made:?}");
        assert_eq!(failure(&host), expected, "{make}");
        host.root("chmod 750 ~app; rm -rf ~app/.ssh", b"");
    }
    for (make, expected) in [
        ("mkdir ~app/.ssh && chown 1 ~app/.ssh", "Forbidden: `/home/app/.ssh` belongs to somebody else"),
        (
            "install -d -o app ~app/.ssh && echo >~app/.ssh/authorized_keys",
            "Forbidden: `/home/app/.ssh/authorized_keys` belongs to somebody else",
        ),
        (
            "mount --bind ~app ~app && mount -o remount,ro,bind ~app",
            "Forbidden: `/home/app/.ssh` is on a file system that is read-only",
        ),
        (
            "mount -t tmpfs -o nr_inodes=1,uid=12345 tmpfs ~app",
            "Unavailable: there is no space left for `/home/app/.ssh`",
        ),
        ("mv ~app ~app.away", "Invalid: the user's home `/home/app` is missing"),
    ] {
        let made = host.root(make, b"");
        assert!(made.status.success(), "{made:?}");
        assert_eq!(failure(&host), expected, "{make}");
        host.root("umount ~app; [ ! -e ~app.away ] || mv ~app.away ~app; rm -rf ~app/.ssh", b"");
    }
    for user in ["nobody-there", "x; rm -rf /", "0", "12345"] {
        let Outcome::Failed(failure) = follow(&host, &Order { user, ..order(1, Phase::Set, &[]) }).outcome else {
            panic!("{user}")
        };
        assert_eq!(failure.what, format!("there is no user `{user}`"));
    }
    assert_eq!(host.root("ls -A /home/app", b"").stdout, b"");
}

#[test]
fn a_full_disk_leaves_the_file_as_it_was() {
    let Some(host) = Host::start() else { return };
    let made = host.root("mount -t tmpfs -o size=64k,uid=12345,mode=750 tmpfs ~app", b"");
    assert!(made.status.success(), "{made:?}");
    let foreign = format!("# {}\n", "x".repeat(98)).repeat(360);
    host.authorize(foreign.as_bytes());
    assert_eq!(failure(&host), "Unavailable: there is no space left for `/home/app/.ssh/authorized_keys`");
    assert_eq!(host.authorized_keys(), foreign.as_bytes());
    assert_eq!(host.root("ls -A ~app/.ssh", b"").stdout, b"authorized_keys\n");
}

#[test]
fn ten_thousand_lines_are_kept() {
    let Some(host) = Host::start() else { return };
    let foreign: Vec<_> = (0..10_000).map(|number| format!("ssh-ed25519 AAAAC3Nza{number:05} {number}")).collect();
    // Without a final newline.
    host.authorize(foreign.join("\n").as_bytes());
    let key = new_key();
    assert_eq!(follow(&host, &order(1, Phase::Set, &[(&key, "v1")])).outcome, Outcome::Changed);
    let after = lines_of(&host);
    assert_eq!(after[..10_000], foreign);
    assert_eq!(after[10_000], line(key.public_key(), "v1"));
    assert!(host.opens(&text(&key)));
}

#[test]
fn mode_and_owner_of_the_file_are_kept() {
    let Some(host) = Host::start() else { return };
    host.authorize(b"# mine\n");
    host.root("chmod 640 ~app/.ssh/authorized_keys; chgrp 4242 ~app/.ssh/authorized_keys", b"");
    // A home that is root's alone, as those of users who may only transfer files: root itself writes the file.
    host.root("chown root:root ~app ~app/.ssh; chmod 755 ~app ~app/.ssh", b"");
    let key = new_key();
    assert_eq!(follow(&host, &order(1, Phase::Set, &[(&key, "v1")])).outcome, Outcome::Changed);
    assert_eq!(host.root("stat -c '%a %U %g' ~app/.ssh/authorized_keys", b"").stdout, b"640 app 4242\n");
    assert!(host.opens(&text(&key)));
}

#[test]
fn a_folder_of_root_in_the_users_own_home_is_left_to_the_user_who_may_not_change_it() {
    let Some(host) = Host::start() else { return };
    host.authorize(b"# mine\n");
    host.root("chown root:root ~app/.ssh; chmod 755 ~app/.ssh", b"");
    assert_eq!(failure(&host), "Forbidden: `/home/app/.ssh` may not be read or written");
    assert_eq!(host.authorized_keys(), b"# mine\n");
}

#[test]
fn a_file_that_its_owner_may_only_read_keeps_that_mode() {
    let Some(hosts) = hosts() else { return };
    for host in &hosts {
        host.authorize(b"# mine\n");
        host.root("chmod 400 ~app/.ssh/authorized_keys", b"");
        let key = new_key();
        assert_eq!(follow(host, &order(1, Phase::Set, &[(&key, "v1")])).outcome, Outcome::Changed);
        assert_eq!(host.root("stat -c '%a %U' ~app/.ssh/authorized_keys", b"").stdout, b"400 app\n");
        assert!(host.opens(&text(&key)), "{}", host.log());
    }
}

#[test]
fn a_home_behind_a_symbolic_link_is_a_home() {
    let Some(hosts) = hosts() else { return };
    for host in &hosts {
        host.root("mv ~app /home/elsewhere && ln -s elsewhere /home/app", b"");
        let key = new_key();
        assert_eq!(follow(host, &order(1, Phase::Set, &[(&key, "v1")])).outcome, Outcome::Changed);
        let look = Order { action: Action::Look, ..order(1, Phase::Set, &[(&key, "v1")]) };
        let answer = follow(host, &look);
        assert_eq!((answer.outcome, answer.refusals), (Outcome::Holds, vec![]));
        assert!(host.opens(&text(&key)), "{}", host.log());
    }
}

/// As on NFS with root_squash: the home is closed to root, too.
#[test]
fn a_home_that_root_may_not_enter_is_the_users_own_business() {
    let Some(hosts) = hosts() else { return };
    for host in &hosts {
        host.root("chmod 700 ~app", b"");
        let key = new_key();
        let order = order(1, Phase::Set, &[(&key, "v1")]);
        let squashed = "exec setpriv --bounding-set=-dac_override,-dac_read_search --inh-caps=-all sh";
        assert!(!host.root(squashed, b"ls ~app/.").status.success(), "root is let in");
        let output = host.root(squashed, order.command().unwrap().as_bytes());
        let answer = Answer::read(&String::from_utf8(output.stdout).unwrap()).unwrap();
        assert_eq!(answer.outcome, Outcome::Changed);
        assert!(host.opens(&text(&key)), "{}", host.log());
    }
}
