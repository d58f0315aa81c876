//! The demo, as `cargo xtask demo` shows it.

use std::process::Command;

use fourstep_test_servers::mysql::{Flavour, MySql};
use fourstep_test_servers::postgres::Postgres;
use fourstep_test_servers::sshd::Host;
use fourstep_testkit::function;

#[tokio::test]
async fn rotates_twice_with_each_strategy_an_api_key_and_ssh_keys_and_counts_what_a_consumer_notices() {
    if Postgres::start().await.is_none() || MySql::start(Flavour::MySql).await.is_none() || Host::start().is_none() {
        return;
    }
    let demo = function::example("fourstep-test-servers", "demo").unwrap();
    let [programs, ..] = ["rotate-postgres", "rotate-mysql", "rotate-api-key", "rotate-ssh"]
        .map(|name| function::binary(name).unwrap().parent().unwrap().to_owned());
    let output = Command::new(demo).arg(programs).output().unwrap();
    let (shown, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{shown}\n{errors}");
    let counts: Vec<_> = shown.lines().filter(|line| line.contains("logins with AWSCURRENT")).collect();
    assert_eq!(counts.len(), 6, "{shown}");
    assert!(counts[2..].iter().all(|line| line.ends_with(" 0 refused")), "{shown}");
    assert!(shown.contains("\ndual-password: "), "{shown}");
    for step in ["createSecret", "setSecret", "testSecret", "finishSecret"] {
        assert_eq!(shown.matches(step).count(), 10, "{shown}");
    }
    let uses: Vec<_> = shown.lines().filter(|line| line.contains("uses of AWSCURRENT")).collect();
    assert!(uses.len() == 2 && uses.iter().all(|line| line.ends_with(" 0 refused")), "{shown}");
    assert_eq!(shown.matches("2 at the service").count(), 2, "{shown}");
    assert!(!shown.contains("key-value-"), "{shown}");
    let sessions: Vec<_> = shown.lines().filter(|line| line.contains("ssh sessions with AWSCURRENT")).collect();
    assert!(sessions.len() == 2 && sessions.iter().all(|line| line.ends_with(" 0 refused")), "{shown}");
    assert!(shown.contains("1 and 1 in authorized_keys") && shown.contains("2 and 2 in authorized_keys"), "{shown}");
    assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
    assert!(!shown.contains("first-password") && !shown.contains("administrator-password"), "{shown}");
}
