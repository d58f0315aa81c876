//! What sshd says of itself: which files it reads, and what else decides on a login.

use super::*;
use crate::answer::Note;

fn look(key: &PrivateKey) -> Order<'static> {
    Order { action: Action::Look, ..order(1, Phase::Set, &[(key, "v1")]) }
}

fn host(config: Vec<&'static str>) -> Option<Host> {
    Host::start_with(&Options { config, ..Options::default() })
}

#[test]
fn the_file_is_found_though_a_match_asks_for_the_port() {
    let Some(host) = Host::start() else { return };
    let matches = format!(
        "Match LocalPort 1\nAuthorizedKeysFile /nowhere\nMatch RDomain x\nX11Forwarding no\n\
         Match LocalPort {} LocalAddress {}\nAuthorizedKeysFile .ssh/other\n",
        host.port(),
        host.address()
    );
    host.root("cat >>/etc/ssh/sshd_config", matches.as_bytes());
    host.stop();
    host.resume();
    let key = new_key();
    let answer = follow(&host, &order(1, Phase::Set, &[(&key, "v1")]));
    assert_eq!((answer.outcome, answer.notes), (Outcome::Changed, vec![]));
    assert!(host.opens(&text(&key)), "{}", host.log());
    assert_eq!(host.root("ls -A ~app/.ssh", b"").stdout, b"other\n");
    assert_eq!(answer.port, Some(host.port()));
}

#[test]
fn settings_that_sshd_does_not_say_are_an_answer_of_their_own() {
    let Some(host) = Host::start() else { return };
    let key = new_key();
    host.root("echo 'Nonsense yes' >>/etc/ssh/sshd_config", b"");
    let answer = follow(&host, &order(1, Phase::Set, &[(&key, "v1")]));
    assert_eq!((answer.outcome, answer.notes), (Outcome::Changed, vec![Note::Unread]));
    assert_eq!(follow(&host, &look(&key)).notes, [Note::Unread]);
    assert!(host.opens(&text(&key)), "it was the file all the same");
}

#[test]
fn the_user_itself_asks_sshd_too_where_its_settings_may_be_read() {
    let Some(host) = Host::start() else { return };
    let key = new_key();
    let follow_as_user = || {
        let output = host.user("sh", order(1, Phase::Set, &[(&key, "v1")]).command().unwrap().as_bytes());
        Answer::read(&String::from_utf8(output.stdout).unwrap()).unwrap()
    };
    // Without -G, which OpenSSH 9.3 brought, sshd wants its own keys before it says anything.
    let says = host.user("/usr/sbin/sshd -G || /usr/sbin/sshd -T", b"").status.success();
    assert_eq!(follow_as_user().notes.contains(&Note::Unread), !says);
    host.root("chmod 600 /etc/ssh/sshd_config", b"");
    assert_eq!(follow_as_user().notes, [Note::Unread]);
}

#[test]
fn a_key_goes_from_all_files_that_sshd_reads() {
    let Some(hosts) = hosts() else { return };
    for host in &hosts {
        let [old, new, foreign] = [(); 3].map(|()| new_key());
        let public = |key: &PrivateKey| key.public_key().to_openssh().unwrap();
        let marked = line(old.public_key(), "v1");
        host.authorize(b"");
        let second = format!("# mine\n{}\n{}\n{marked}\n", public(&old), public(&foreign));
        host.user("cat >~app/.ssh/authorized_keys2", second.as_bytes());
        let first = order(1, Phase::Set, &[(&old, "v1"), (&new, "v2")]);
        assert_eq!(follow(host, &first).outcome, Outcome::Changed);
        assert_eq!(follow(host, &first).outcome, Outcome::Same, "again");
        assert!([&old, &new, &foreign].iter().all(|key| host.opens(&text(key))));
        assert_eq!(follow(host, &order(1, Phase::Finish, &[(&new, "v2")])).outcome, Outcome::Changed);
        assert!(!host.opens(&text(&old)), "{}", host.log());
        assert!(host.opens(&text(&new)) && host.opens(&text(&foreign)));
        let left = String::from_utf8(host.root("cat ~app/.ssh/authorized_keys2", b"").stdout).unwrap();
        assert_eq!(left, format!("# mine\n{}\n", public(&foreign)));
        // Where the other one cannot be changed, the key is not said to be gone.
        host.root("printf 'a\\000b' >~app/.ssh/authorized_keys2", b"");
        let Outcome::Failed(failure) = follow(host, &order(2, Phase::Set, &[(&new, "v2")])).outcome else {
            panic!("it was passed over")
        };
        assert_eq!(failure.what, "`/home/app/.ssh/authorized_keys2` holds bytes that are no text");
        host.root("rm -rf ~app/.ssh", b"");
    }
}

/// An old habit, of the time when SSH 2 read a file of its own.
#[test]
fn a_further_file_that_is_a_link_to_the_first_needs_no_edit() {
    let Some(hosts) = hosts() else { return };
    for host in &hosts {
        let [old, new] = [(); 2].map(|()| new_key());
        host.authorize(b"");
        host.user("ln -s authorized_keys ~app/.ssh/authorized_keys2; ln -s /etc/passwd ~app/.ssh/other", b"");
        assert_eq!(follow(host, &order(1, Phase::Set, &[(&old, "v1")])).outcome, Outcome::Changed);
        assert_eq!(follow(host, &order(2, Phase::Set, &[(&new, "v2")])).outcome, Outcome::Changed);
        assert!(host.opens(&text(&new)) && !host.opens(&text(&old)), "{}", host.log());
        // A link to anything else may hold a key, and nobody looked there.
        host.user("ln -sf other ~app/.ssh/authorized_keys2", b"");
        let Outcome::Failed(failure) = follow(host, &order(3, Phase::Set, &[(&new, "v2")])).outcome else {
            panic!("it was passed over")
        };
        assert!(failure.what.contains("authorized_keys2` is a symbolic link"), "{}", failure.what);
        host.root("rm -rf ~app/.ssh", b"");
    }
}

#[test]
fn what_else_decides_on_a_login_is_told_as_what_it_is() {
    for (config, note) in [
        (vec!["AuthorizedKeysCommand /bin/true", "AuthorizedKeysCommandUser nobody"], Note::Command),
        (vec!["ForceCommand internal-sftp"], Note::Forced),
        (vec!["PasswordAuthentication yes", "AuthenticationMethods publickey,password"], Note::Methods),
    ] {
        let Some(host) = host(config) else { return };
        let key = new_key();
        let answer = follow(&host, &order(1, Phase::Set, &[(&key, "v1")]));
        assert_eq!((answer.outcome, answer.notes), (Outcome::Changed, vec![note]));
        let answer = follow(&host, &look(&key));
        assert_eq!((answer.outcome, answer.refusals), (Outcome::Holds, vec![]));
    }
    let Some(host) = host(vec!["PasswordAuthentication yes", "AuthenticationMethods publickey,password publickey"])
    else {
        return;
    };
    assert_eq!(follow(&host, &look(&new_key())).notes, []);
}

#[test]
fn a_host_whose_keys_come_from_a_command_alone_says_so() {
    let config = vec!["AuthorizedKeysFile none", "AuthorizedKeysCommand /bin/true", "AuthorizedKeysCommandUser nobody"];
    let Some(host) = host(config) else { return };
    let failure = failure(&host);
    assert_eq!(failure, "Invalid: sshd reads no file of keys: `/bin/true` names them, by AuthorizedKeysCommand");
}

#[test]
fn lines_of_an_earlier_secret_of_this_name_go_with_keys_that_are_known_and_are_told_of() {
    let Some(hosts) = hosts() else { return };
    let earlier = SECRET.replace("AbCdEf", "XyZ123");
    let elsewhere = SECRET.replace("eu-central-1", "us-east-1");
    let of =
        |secret: &str, key: &PrivateKey| order::line(None, key.public_key(), &order::comment(secret, "v1")).unwrap();
    for host in &hosts {
        let [wanted, gone, unknown, other] = [(); 4].map(|()| new_key());
        let of_another = of(&SECRET.replace("app/ssh", "app/sshd"), &other);
        let before = [of(&elsewhere, &wanted), of(&elsewhere, &gone), of(&earlier, &unknown), of_another.clone()];
        host.authorize(format!("{}\n", before.join("\n")).as_bytes());
        let gone_keys = vec![gone.public_key().clone()];
        let answer = follow(host, &Order { gone: gone_keys, ..order(1, Phase::Set, &[(&wanted, "v2")]) });
        assert_eq!(answer.outcome, Outcome::Changed);
        let found = answer.earlier.unwrap();
        assert_eq!((found.lines, found.arn), (1, earlier.clone()));
        let after = [of(&earlier, &unknown), of_another, line(wanted.public_key(), "v2")];
        assert_eq!(lines_of(host)[..3], after);
        assert_eq!(lines_of(host).len(), 4);
        // What is known as a key of this secret goes with it.
        assert_eq!(follow(host, &order(2, Phase::Set, &[])).outcome, Outcome::Changed);
        assert!(!host.opens(&text(&wanted)));
    }
}
