//! The script, on hosts with a real sshd, as the agent of Systems Manager and as the user itself.

mod any_file;
mod at_once;
mod daemon;
mod lines;
mod places;
mod race;
mod root;

use std::time::{Duration, UNIX_EPOCH};

use fourstep::ErrorKind;
use fourstep_test_servers::sshd::{Host, Options};
use russh::keys::PrivateKey;
use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, PublicKey};

use crate::answer::{Answer, Outcome};
use crate::order::{self, Action, BY_HAND, Generation, Order, Phase};

const SECRET: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:app/ssh-AbCdEf";

fn new_key() -> PrivateKey {
    PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519).unwrap()
}

fn text(key: &PrivateKey) -> String {
    key.to_openssh(LineEnding::LF).unwrap().to_string()
}

fn line(key: &PublicKey, version: &str) -> String {
    order::line(None, key, &order::comment(SECRET, version)).unwrap()
}

fn order(number: u64, phase: Phase, want: &[(&PrivateKey, &str)]) -> Order<'static> {
    Order {
        action: Action::Edit,
        user: "app",
        may_be_root: false,
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

fn lines_of(host: &Host) -> Vec<String> {
    String::from_utf8(host.authorized_keys()).unwrap().lines().map(str::to_owned).collect()
}

/// A host for each shell that is `sh` somewhere, with each `awk` that is one. The last one has busybox for all that the script runs but su, and no flock,
/// runuser, getent or chcon.
fn hosts() -> Option<Vec<Host>> {
    // What the name leads to on this machine.
    let awk = std::fs::canonicalize("/usr/bin/awk").unwrap().to_str().unwrap().to_owned();
    let busybox = "sh base64 cat chmod chown cksum head id ls mkdir mv rm sync tr wc".split(' ');
    let missing = ["/usr/bin/flock", "/usr/sbin/runuser", "/usr/bin/getent", "/usr/bin/chcon"];
    let mut programs: Vec<_> = missing.map(|program| (program.to_owned(), "/dev/null")).into();
    programs.extend(busybox.map(|program| (format!("/usr/bin/{program}"), "/bin/busybox")));
    programs.push((awk.clone(), "/bin/busybox"));
    let shell = |sh, other| vec![("/bin/sh".to_owned(), sh), (awk.clone(), other)];
    let shells = [shell("/bin/dash", "/usr/bin/mawk"), shell("/bin/bash", "/usr/bin/gawk"), programs];
    shells.into_iter().map(|programs| Host::start_with(&Options { programs, ..Options::default() })).collect()
}
