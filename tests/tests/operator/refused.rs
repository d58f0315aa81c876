//! What the target itself will not have: a login too many, a password of its history, a key that is revoked.

use fourstep::memory::PutSecretValue;
use fourstep::{AWSCURRENT, AWSPENDING, AWSPREVIOUS, Step};
use fourstep_test_servers::key_service::FIRST_KEY;
use fourstep_test_servers::mysql::{Flavour, MySql};
use serde_json::{Value, json};

use crate::rotated::{Minted, Rotated, SECRET};

const FIRST: &str = "first-Passw0rd~1";

/// An account of MySQL with some options, rotated once by the function. `None`: MySQL is not installed.
async fn account(options: &str) -> Option<(MySql, Rotated)> {
    let server = MySql::shared(Flavour::MySql).await?;
    server.execute(&format!("CREATE USER <app>@'%' IDENTIFIED BY '{FIRST}' {options}")).await;
    let value = json!({
        "engine": "mysql", "host": server.host(), "port": server.port(), "username": server.name("app"),
        "password": FIRST, "ssl": false,
    });
    let rotated = Rotated::start("rotate-mysql", &[], &value).await;
    Some((server, rotated))
}

async fn opens(server: &MySql, value: &Value) -> bool {
    server.connect(&server.name("app"), value["password"].as_str().unwrap(), None).await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn recover_locks_no_account_that_takes_two_refused_logins() {
    let Some((server, rotated)) = account("FAILED_LOGIN_ATTEMPTS 2 PASSWORD_LOCK_TIME UNBOUNDED").await else { return };
    // Somebody stored what opens nothing: the version that works is AWSPREVIOUS now, and there is a dead one more.
    let works = rotated.current();
    rotated.die_before(Step::Set).await;
    let (dead, good) = (rotated.id(AWSPENDING).unwrap(), rotated.id(AWSCURRENT).unwrap());
    let mut typed = works.clone();
    typed["password"] = "typed-Wrong~1".into();
    let put = PutSecretValue::current(SECRET, typed.to_string());
    rotated.aws.secrets().with(|model| model.put_secret_value(put)).unwrap();
    let typed = rotated.id(AWSCURRENT).unwrap();

    // One refused login, and it stops: a second would lock the account.
    let ran = rotated.run(&["recover", SECRET, "--yes"]).refused(3, &[&typed, "are not tried", "--skip"]);
    assert!(!ran.error.contains(&dead), "{}", ran.error);
    assert!(opens(&server, &works).await, "the account is not locked");
    // The login just now made the server forget the refusal, as any client's does.
    rotated.run(&["recover", SECRET, "--yes", "--skip", &typed]).refused(3, &[&dead]);
    assert!(opens(&server, &works).await, "the account is not locked");
    let reply = rotated.json(&["recover", SECRET, "--skip", &typed, "--skip", &dead]);
    assert_eq!((&reply["Changed"], rotated.id(AWSCURRENT)), (&json!(true), Some(good)));
    assert!(opens(&server, &works).await);

    // The server does lock at the second refusal in a row.
    for password in ["wrong-1", "wrong-2"] {
        assert!(!opens(&server, &json!({ "password": password })).await);
    }
    assert!(!opens(&server, &works).await, "the server counts refused logins");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_that_the_password_history_refuses_changes_nothing() {
    let Some((server, rotated)) = account("PASSWORD HISTORY 5").await else { return };
    let (before, current) = (rotated.current(), rotated.id(AWSCURRENT));
    let ran = rotated.run(&["rollback", SECRET, "--yes"]).refused(
        3,
        &["does not take the older value", "password history", "(error 3638)", "Roll back to another version"],
    );
    assert!(!ran.error.contains(FIRST), "{}", ran.error);
    assert_eq!((rotated.id(AWSCURRENT), rotated.id(AWSPENDING)), (current, None));
    assert!(opens(&server, &before).await && !opens(&server, &json!({ "password": FIRST })).await);
    rotated.rotate();
    assert!(opens(&server, &rotated.current()).await);
    // So says the operator's own machine, too.
    rotated.break_function(&[]);
    let ran = rotated.run(&["rollback", SECRET, "--yes", "--local", "mysql"]).refused(3, &["(error 3638)"]);
    assert!(!ran.error.contains(FIRST), "{}", ran.error);
    assert!(opens(&server, &rotated.current()).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_to_a_key_that_is_revoked_changes_nothing() {
    let minted = Minted::start().await;
    let (rotated, service) = (&minted.rotated, &minted.service);
    let (current, previous) = (rotated.id(AWSCURRENT).unwrap(), rotated.id(AWSPREVIOUS).unwrap());
    rotated.run(&["rollback", SECRET, "--yes"]).refused(3, &[&previous, "it is revoked", "start a rotation"]);
    assert_eq!((rotated.id(AWSCURRENT).unwrap(), rotated.id(AWSPREVIOUS).unwrap()), (current, previous));
    let alive = |value: &Value| service.state().accepts(value["key"].as_str().unwrap());
    assert!(alive(&rotated.current()) && !alive(&json!({ "key": FIRST_KEY })));
}
