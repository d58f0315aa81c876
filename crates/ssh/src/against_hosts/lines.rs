//! Which lines an edit writes, keeps and takes away.

use super::*;

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
        let own = order::blob(&answer.host_keys[0]).unwrap();
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
        assert_eq!(lines_of(host).len(), 4, "{:?}", lines_of(host));
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
    assert_eq!(lines_of(&host)[..2], ["# by hand".to_owned(), line(new.public_key(), "v2")]);
    // A key that is wanted is never gone.
    follow(&host, &Order { gone, ..order(2, Phase::Set, &[(&old, "v1"), (&new, "v2")]) });
    assert!(host.opens(&text(&old)) && host.opens(&text(&new)));
}

#[test]
fn a_wanted_key_that_somebody_installed_by_hand_keeps_its_options_and_goes_with_its_key() {
    let Some(hosts) = hosts() else { return };
    let [key, next] = [(); 2].map(|()| new_key());
    let by_hand = format!("from=\"127.0.0.0/8\",no-pty  {}", key.public_key().to_openssh().unwrap());
    let marked = format!("{} {}", by_hand.trim_end(), order::comment(SECRET, BY_HAND));
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
        assert_eq!(lines_of(host)[..2], ["# mine".to_owned(), line(next.public_key(), "v2")]);
        assert!(!host.opens(&text(&key)));
    }
}

#[test]
fn a_line_of_another_secret_with_the_same_key_is_that_secret_s_alone() {
    let Some(host) = Host::start() else { return };
    let key = new_key();
    let other = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:app/other-GhIjKl";
    let theirs = order::line(None, key.public_key(), &order::comment(other, "v7")).unwrap();
    host.authorize(format!("{theirs}\n").as_bytes());
    follow(&host, &order(1, Phase::Set, &[(&key, "v1")]));
    assert_eq!(lines_of(&host)[..2], [theirs.clone(), line(key.public_key(), "v1")]);
    follow(&host, &Order { gone: vec![key.public_key().clone()], ..order(2, Phase::Set, &[]) });
    assert_eq!(lines_of(&host)[0], theirs);
    assert_eq!(lines_of(&host).len(), 2);
}

#[test]
fn options_are_written_before_the_key_and_changed_with_the_setting() {
    let Some(host) = Host::start() else { return };
    let key = new_key();
    let with = |options: &str| order::line(Some(options), key.public_key(), &order::comment(SECRET, "v1")).unwrap();
    for (number, options) in [(1, "restrict,from=\"127.0.0.0/8\""), (2, "restrict,from=\"10.0.0.0/8\"")] {
        follow(&host, &Order { want: vec![with(options)], ..order(number, Phase::Set, &[]) });
        assert_eq!(lines_of(&host)[0], with(options));
        assert_eq!(lines_of(&host).len(), 2);
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
