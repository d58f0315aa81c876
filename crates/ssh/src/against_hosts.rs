//! The script, on hosts with a real sshd, as the agent of Systems Manager and as the user itself.

use std::time::{Duration, UNIX_EPOCH};

use fourstep_testkit::sshd::{Host, Options};
use proptest::prelude::*;
use russh::keys::PrivateKey;
use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, PublicKey};

use crate::answer::{Answer, Outcome};
use crate::edit::{self, Action, BY_HAND, Generation, Order, Phase};

const SECRET: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:app/ssh-AbCdEf";

fn new_key() -> PrivateKey {
    PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519).unwrap()
}

fn text(key: &PrivateKey) -> String {
    key.to_openssh(LineEnding::LF).unwrap().to_string()
}

fn line(key: &PublicKey, version: &str) -> String {
    edit::line(None, key, &edit::comment(SECRET, version)).unwrap()
}

fn order(number: u64, phase: Phase, want: &[(&PrivateKey, &str)]) -> Order<'static> {
    Order {
        action: Action::Edit,
        user: "app",
        secret: SECRET,
        generation: Generation::new(UNIX_EPOCH + Duration::from_millis(1_700_000_000_000 + number), phase),
        want: want.iter().map(|(key, version)| line(key.public_key(), version)).collect(),
        gone: vec![],
    }
}

fn follow(host: &Host, order: &Order<'_>) -> Answer {
    let output = host.root(&order.command().unwrap(), b"");
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.len() < 2000, "{} characters: {printed}", printed.len());
    let answer = Answer::read(&printed);
    answer.unwrap_or_else(|| panic!("{printed}{}", String::from_utf8_lossy(&output.stderr)))
}

fn failure(host: &Host) -> String {
    match follow(host, &order(1, Phase::Set, &[(&new_key(), "v1")])).outcome {
        Outcome::Failed(failure) => format!("{}: {}", failure.kind, failure.what),
        outcome => panic!("{outcome:?}"),
    }
}

fn lines(host: &Host) -> Vec<String> {
    String::from_utf8(host.authorized_keys()).unwrap().lines().map(str::to_owned).collect()
}

/// A host for each shell that is `sh` somewhere. The last one has busybox for all that the script runs but su, and no flock,
/// runuser, getent or chcon.
fn hosts() -> Option<Vec<Host>> {
    let busybox = "sh mawk base64 cat cp head id ls mkdir mv rm sync tr wc".split(' ');
    let missing = ["/usr/bin/flock", "/usr/sbin/runuser", "/usr/bin/getent", "/usr/bin/chcon"];
    let mut programs: Vec<_> = missing.map(|program| (program.to_owned(), "/dev/null")).into();
    programs.extend(busybox.map(|program| (format!("/usr/bin/{program}"), "/bin/busybox")));
    let shells = [vec![("/bin/sh".to_owned(), "/bin/dash")], vec![("/bin/sh".to_owned(), "/bin/bash")], programs];
    shells.into_iter().map(|programs| Host::start_with(&Options { programs, ..Options::default() })).collect()
}

#[test]
fn every_shell_makes_the_keys_of_the_secret_exactly_those_that_are_wanted() {
    let Some(hosts) = hosts() else { return };
    let [first, second, third, foreign] = [(); 4].map(|()| new_key());
    for host in &hosts {
        let answer = follow(host, &order(1, Phase::Set, &[(&first, "v1")]));
        assert_eq!(answer.outcome, Outcome::Changed, "a missing file is made");
        assert!(host.opens(&text(&first)), "{}", host.log());
        assert_eq!(answer.port, Some(host.port()));
        assert_eq!(answer.refusals, [] as [&str; 0]);
        let own = edit::blob(&answer.host_keys[0]).unwrap();
        assert!(host.known_hosts().contains(&own), "the host says its own host key");

        // A repetition changes nothing.
        let before = host.root("stat -c '%i %Y %a %U' /home/app/.ssh/authorized_keys", b"").stdout;
        assert_eq!(follow(host, &order(1, Phase::Set, &[(&first, "v1")])).outcome, Outcome::Same);
        let after = host.root("stat -c '%i %Y %a %U' /home/app/.ssh/authorized_keys", b"").stdout;
        assert_eq!(before, after);
        assert!(String::from_utf8(after).unwrap().contains(" 600 app"), "the user's own, and nobody else's");

        // What an abandoned rotation left goes; what is not ours stays.
        host.user(
            "cat >>~app/.ssh/authorized_keys",
            format!("{}\n", foreign.public_key().to_openssh().unwrap()).as_bytes(),
        );
        follow(host, &order(2, Phase::Set, &[(&first, "v1"), (&second, "v2")]));
        follow(host, &order(3, Phase::Set, &[(&first, "v1"), (&third, "v3")]));
        assert!([&first, &third, &foreign].iter().all(|key| host.opens(&text(key))));
        assert!(!host.opens(&text(&second)));
        assert_eq!(lines(host).len(), 4, "{:?}", lines(host));
        let left = host.root("ls -A /home/app/.ssh", b"").stdout;
        assert_eq!(String::from_utf8(left).unwrap(), "authorized_keys\n", "no copy of an old key is left");
    }
}

#[test]
fn an_order_that_is_delivered_late_changes_nothing() {
    let Some(host) = Host::start() else { return };
    let [old, new] = [(); 2].map(|()| new_key());
    let set = order(1, Phase::Set, &[(&old, "v1"), (&new, "v2")]);
    follow(&host, &set);
    follow(&host, &order(1, Phase::Finish, &[(&new, "v2")]));
    let before = host.authorized_keys();
    assert_eq!(follow(&host, &set).outcome, Outcome::Stale);
    assert_eq!(follow(&host, &order(0, Phase::Finish, &[(&old, "v1")])).outcome, Outcome::Stale);
    assert_eq!(host.authorized_keys(), before);
    assert!(!host.opens(&text(&old)));
}

#[test]
fn a_key_that_is_named_as_gone_is_refused_whoever_wrote_its_line() {
    let Some(host) = Host::start() else { return };
    let [old, new] = [(); 2].map(|()| new_key());
    let by_hand = format!(
        "from=\"127.0.0.0/8\",command=\"echo \\\"ssh-ed25519 AAAA\\\"\" {}",
        old.public_key().to_openssh().unwrap()
    );
    host.authorize(format!("# by hand\n{by_hand}\n").as_bytes());
    let gone = vec![old.public_key().clone()];
    follow(&host, &Order { gone: gone.clone(), ..order(1, Phase::Set, &[(&new, "v2")]) });
    assert_eq!(lines(&host)[..2], ["# by hand".to_owned(), line(new.public_key(), "v2")]);
    // A key that is wanted is never gone.
    follow(&host, &Order { gone, ..order(2, Phase::Set, &[(&old, "v1"), (&new, "v2")]) });
    assert!(host.opens(&text(&old)) && host.opens(&text(&new)));
}

#[test]
fn a_wanted_key_that_somebody_installed_by_hand_keeps_its_options_and_goes_with_its_key() {
    let Some(hosts) = hosts() else { return };
    let [key, next] = [(); 2].map(|()| new_key());
    let by_hand = format!("from=\"127.0.0.0/8\",no-pty  {}", key.public_key().to_openssh().unwrap());
    let marked = format!("{} {}", by_hand.trim_end(), edit::comment(SECRET, BY_HAND));
    for host in &hosts {
        host.authorize(format!("# mine\n{by_hand} of admin\r\n").as_bytes());
        // With an option of ours, which is not for lines of others.
        let want =
            [line(key.public_key(), BY_HAND), line(next.public_key(), "v2")].map(|line| format!("restrict {line}"));
        for outcome in [Outcome::Changed, Outcome::Same] {
            assert_eq!(follow(host, &Order { want: want.to_vec(), ..order(1, Phase::Set, &[]) }).outcome, outcome);
            let file = String::from_utf8(host.authorized_keys()).unwrap();
            let lines: Vec<_> = file.split('\n').collect();
            assert_eq!(lines[..3], ["# mine".to_owned(), format!("{marked}\r"), want[1].clone()]);
            assert!(host.opens(&text(&key)), "{}", host.log());
        }
        // Nothing names the old key any more, and it goes all the same.
        follow(host, &order(2, Phase::Set, &[(&next, "v2")]));
        assert_eq!(lines(host)[..2], ["# mine".to_owned(), line(next.public_key(), "v2")]);
        assert!(!host.opens(&text(&key)));
    }
}

#[test]
fn a_line_of_another_secret_with_the_same_key_is_that_secret_s_alone() {
    let Some(host) = Host::start() else { return };
    let key = new_key();
    let other = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:app/other-GhIjKl";
    let theirs = edit::line(None, key.public_key(), &edit::comment(other, "v7")).unwrap();
    host.authorize(format!("{theirs}\n").as_bytes());
    follow(&host, &order(1, Phase::Set, &[(&key, "v1")]));
    assert_eq!(lines(&host)[..2], [theirs.clone(), line(key.public_key(), "v1")]);
    follow(&host, &Order { gone: vec![key.public_key().clone()], ..order(2, Phase::Set, &[]) });
    assert_eq!(lines(&host)[0], theirs);
    assert_eq!(lines(&host).len(), 2);
}

#[test]
fn options_are_written_before_the_key_and_changed_with_the_setting() {
    let Some(host) = Host::start() else { return };
    let key = new_key();
    let with = |options: &str| edit::line(Some(options), key.public_key(), &edit::comment(SECRET, "v1")).unwrap();
    for (number, options) in [(1, "restrict,from=\"127.0.0.0/8\""), (2, "restrict,from=\"10.0.0.0/8\"")] {
        follow(&host, &Order { want: vec![with(options)], ..order(number, Phase::Set, &[]) });
        assert_eq!(lines(&host)[0], with(options));
        assert_eq!(lines(&host).len(), 2);
        assert_eq!(host.opens(&text(&key)), number == 1);
    }
}

#[test]
fn looking_changes_nothing_and_tells_whether_the_keys_are_there() {
    let Some(host) = Host::start() else { return };
    let [key, other] = [(); 2].map(|()| new_key());
    let look = |key| Order { action: Action::Look, ..order(1, Phase::Set, &[(key, "v1")]) };
    assert_eq!(follow(&host, &look(&key)).outcome, Outcome::Lacks);
    assert_eq!(host.root("ls -A /home/app", b"").stdout, b"");
    follow(&host, &order(1, Phase::Set, &[(&key, "v1")]));
    let before = host.authorized_keys();
    assert_eq!(follow(&host, &look(&key)).outcome, Outcome::Holds);
    assert_eq!(follow(&host, &look(&other)).outcome, Outcome::Lacks);
    assert_eq!(host.authorized_keys(), before);
    host.root("chmod g+w /home/app; chmod 777 /home/app/.ssh", b"");
    let refusals = follow(&host, &look(&key)).refusals;
    assert_eq!(refusals.len(), 2, "{refusals:?}");
    assert!(!host.opens(&text(&key)), "sshd refuses it as foretold");
}

#[test]
fn the_file_is_found_where_sshd_looks_for_it() {
    let options =
        Options { config: vec!["AuthorizedKeysFile /etc/ssh/keys/%u .ssh/authorized_keys"], ..Options::default() };
    let Some(host) = Host::start_with(&options) else { return };
    let key = new_key();
    assert_eq!(failure(&host), "Invalid: the folder `/etc/ssh/keys` is missing, or is not a folder");
    host.root("install -d -m 755 /etc/ssh/keys", b"");
    assert_eq!(follow(&host, &order(1, Phase::Set, &[(&key, "v1")])).outcome, Outcome::Changed);
    assert!(host.opens(&text(&key)), "{}", host.log());
    assert_eq!(host.root("stat -c '%a %U' /etc/ssh/keys/app", b"").stdout, b"600 app\n");
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
    let after = lines(&host);
    assert_eq!(after[..10_000], foreign);
    assert_eq!(after[10_000], line(key.public_key(), "v1"));
    assert!(host.opens(&text(&key)));
}

#[test]
fn mode_and_owner_of_the_file_are_kept() {
    let Some(host) = Host::start() else { return };
    host.authorize(b"# mine\n");
    host.root("chmod 640 ~app/.ssh/authorized_keys; chgrp 4242 ~app/.ssh/authorized_keys", b"");
    host.root("chown root:root ~app/.ssh; chmod 755 ~app/.ssh", b"");
    let key = new_key();
    assert_eq!(follow(&host, &order(1, Phase::Set, &[(&key, "v1")])).outcome, Outcome::Changed);
    assert_eq!(host.root("stat -c '%a %U %g' ~app/.ssh/authorized_keys", b"").stdout, b"640 app 4242\n");
    assert!(host.opens(&text(&key)));
}

#[test]
fn two_edits_at_once_both_come_to_their_end() {
    let Some(hosts) = hosts() else { return };
    for host in &hosts {
        let keys: Vec<_> = (0..3).map(|_| new_key()).collect();
        std::thread::scope(|scope| {
            for (number, key) in keys.iter().enumerate() {
                let order = order(u64::try_from(number).unwrap(), Phase::Set, &[(key, "v1")]);
                scope.spawn(move || {
                    let outcome = follow(host, &order).outcome;
                    assert!(matches!(outcome, Outcome::Changed | Outcome::Stale), "{outcome:?}");
                });
            }
        });
        assert_eq!(lines(host)[0], line(keys[2].public_key(), "v1"), "the newest one stays");
        assert_eq!(lines(host).len(), 2);
    }
}

#[test]
fn an_edit_that_is_held_up_says_so_and_one_that_was_killed_is_cleaned_up() {
    let Some(hosts) = hosts() else { return };
    for host in &hosts {
        let key = new_key();
        host.authorize(b"# mine\n");
        // What a run leaves that was killed while it wrote: its lock, and a file with an old key.
        host.user(
            "cd ~app/.ssh && echo old >.fourstep.new && mkdir .fourstep.lock && sh -c 'echo $$' >.fourstep.lock/holder",
            b"",
        );
        follow(host, &order(1, Phase::Set, &[(&key, "v1")]));
        assert!(host.opens(&text(&key)));
        let left = String::from_utf8(host.root("ls -A ~app/.ssh", b"").stdout).unwrap();
        assert!(!left.contains(".fourstep.new"), "{left}");
    }
    let host = &hosts[0];
    std::thread::scope(|scope| {
        scope.spawn(|| {
            host.user(
                "cd ~app/.ssh && exec 9<. && flock 9 && touch ~app/held && while [ -e ~app/held ]; do sleep 0.1; done",
                b"",
            )
        });
        while !host.root("test -e ~app/held", b"").status.success() {}
        let failure = failure(host);
        host.root("rm ~app/held", b"");
        assert_eq!(failure, "Unavailable: another edit of `/home/app/.ssh/authorized_keys` is under way");
    });
}

/// A line of a file, before the edit.
#[derive(Clone, Debug)]
enum Line {
    Foreign(String),
    /// One of the secret's own, by its number.
    Own(usize),
}

fn file() -> impl Strategy<Value = Vec<Line>> {
    let foreign = prop_oneof!["[ -~\t\r]{0,60}", "\\PC{0,30}", proptest::sample::select(nearly_ours())];
    let line = prop_oneof![3 => foreign.prop_map(Line::Foreign), 1 => (0..3_usize).prop_map(Line::Own)];
    proptest::collection::vec(line, 1..40)
}

/// Lines with the mark of the secret, which is not the whole comment of a key that logs in.
fn nearly_ours() -> Vec<String> {
    let other = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:other-AbCdEf";
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA";
    vec![
        String::new(),
        format!("# fourstep:{SECRET}:v1"),
        format!("# fourstep:{SECRET} generation x"),
        format!("{key} of bob fourstep:{SECRET}:v1"),
        format!("{key} fourstep:{SECRET}:v1 copied"),
        format!("command=\"x fourstep:{SECRET}:v1\" ssh-rsa AAAAB3NzaC1yc2EAAAA bob"),
        format!("{key} fourstep:{other}:v1"),
        format!("cert-authority,principals=\"a b\" {key} fourstep:{SECRET}:v1"),
    ]
}

#[test]
fn every_foreign_line_of_any_file_is_untouched() {
    let Some(hosts) = hosts() else { return };
    let [old, stray, new] = [(); 3].map(|()| new_key());
    let own = [
        line(old.public_key(), "v1"),
        line(stray.public_key(), "v2"),
        format!("restrict {}\r", line(stray.public_key(), "v2")),
    ];
    let config = ProptestConfig { failure_persistence: None, cases: 12, ..ProptestConfig::default() };
    let outcome = proptest::test_runner::TestRunner::new(config).run(&(file(), any::<bool>()), |(file, ends)| {
        let text = |line: &Line| match line {
            Line::Foreign(text) => text.clone(),
            Line::Own(number) => own[*number].clone(),
        };
        let mut before = file.iter().map(text).collect::<Vec<_>>().join("\n");
        // Without its newline, an empty last line is none.
        if ends || before.ends_with('\n') || before.is_empty() {
            before.push('\n');
        }
        let foreign: Vec<_> = file.iter().filter(|line| matches!(line, Line::Foreign(_))).map(text).collect();
        for host in &hosts {
            host.authorize(before.as_bytes());
            let answer = follow(host, &order(5, Phase::Set, &[(&old, "v1"), (&new, "v3")]));
            prop_assert_eq!(answer.outcome, Outcome::Changed);
            let after = String::from_utf8(host.authorized_keys()).unwrap();
            let after = after.strip_suffix('\n').expect("every line ends");
            let wanted = [line(old.public_key(), "v1"), line(new.public_key(), "v3")];
            let (found, mut left): (Vec<_>, Vec<_>) =
                after.split('\n').partition(|line| wanted.iter().any(|wanted| wanted == line));
            prop_assert_eq!(found.len(), 2, "each once: {:?}", after);
            let note = left.pop().expect("the generation is noted last");
            prop_assert!(note.starts_with(&format!("# fourstep:{SECRET} generation ")), "{}", note);
            prop_assert_eq!(&left, &foreign, "{:?}", before);
        }
        Ok(())
    });
    outcome.unwrap();
}
