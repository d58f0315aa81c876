//! Keys that end by themselves, and the schedule that has to replace them before.

use fourstep::store::RotationRules;
use fourstep::{AWSCURRENT, ErrorKind, Step};
use fourstep_testkit::captured::capture;
use fourstep_testkit::script::{Exchange, Script};
use fourstep_testkit::world::assert_error;
use serde_json::json;

use crate::world::{ADMIN, MINTED, PUSHED, ROLLED, World};

fn limited(provider: &str) -> String {
    provider.replace("timeout = \"2s\"", "timeout = \"2s\"\nlifetime = \"90d\"")
}

fn days(days: u32) -> RotationRules {
    RotationRules { automatically_after_days: Some(days), ..RotationRules::default() }
}

fn expression(text: &str) -> RotationRules {
    RotationRules { schedule_expression: Some(text.to_owned()), ..RotationRules::default() }
}

impl World {
    /// Begins a rotation of a secret that is rotated by these rules.
    fn begin_by(&mut self, rules: RotationRules) {
        self.begin();
        self.rotate_by(rules);
    }

    fn rotate_by(&self, rules: RotationRules) {
        self.secret(|secret| secret.rotation.as_mut().unwrap().rules = rules);
    }
}

#[tokio::test]
async fn a_key_that_would_end_before_the_next_rotation_is_not_made() {
    for provider in [MINTED, ROLLED] {
        for rules in [days(180), days(90), expression("rate(180 days)"), expression("cron(0 8 1 1/6 ? *)")] {
            let mut world = World::new(&limited(provider)).await;
            world.begin_by(rules.clone());
            let error = world.fails(Step::Create).await;
            let shown = rules.to_string();
            let parts = ["would live for no more than", &shown, "Nothing was changed", "fourstep configure app/key"];
            assert_error(&error, ErrorKind::Invalid, &parts);
            assert!(world.service.requests().iter().all(|request| request == "GET /me"), "{shown}");
            assert!(!world.has_pending_value());
            // Set right, the rotation goes on; and what was stored is not looked at again.
            world.rotate_by(days(30));
            world.step(Step::Create).await.unwrap();
            world.rotate_by(rules);
            world.attempt().await.unwrap();
            assert!(world.opens(AWSCURRENT));
        }
    }
}

#[tokio::test]
async fn a_pushed_value_that_would_end_before_the_next_rotation_is_not_made() {
    let mut world = World::new(&limited(PUSHED)).await;
    world.begin_by(days(90));
    let error = world.fails(Step::Create).await;
    assert_error(&error, ErrorKind::Invalid, &["would live for no more than", "if the service allows it, raise"]);
    assert!(!world.has_pending_value());
    world.inner.tag("fourstep:lifetime", "91d");
    assert_error(&world.fails(Step::Create).await, ErrorKind::Invalid, &["the provider file allows"]);
    world.inner.tag("fourstep:lifetime", "90d");
    world.rotate_by(days(30));
    world.attempt().await.unwrap();
    assert!(world.opens(AWSCURRENT));
}

#[tokio::test]
async fn an_operator_has_a_lost_key_replaced_whatever_the_schedule_is() {
    let secret = json!({"key": "lost", "key_id": "key-9", "masterarn": "admin"});
    let mut world = World::with(&(limited(MINTED) + ADMIN), &secret, &[]).await;
    world.begin_by(days(180));
    world.inner.abandon_pending();
    let (captured, guard) = capture();
    world.inner.reset("Keys").await.unwrap();
    drop(guard);
    assert_eq!(captured.text().matches("is made all the same, since an operator asks for it").count(), 1);
}

#[tokio::test]
async fn a_tag_makes_the_lifetime_shorter_and_never_longer() {
    let mut world = World::new(&limited(MINTED)).await;
    world.inner.tag("fourstep:lifetime", "91d");
    world.begin_by(days(30));
    let error = world.fails(Step::Create).await;
    assert_error(&error, ErrorKind::Invalid, &["`fourstep:lifetime`", "the provider file allows", "Correct or remove"]);
    world.inner.tag("fourstep:lifetime", "30d");
    let error = world.fails(Step::Create).await;
    assert_error(&error, ErrorKind::Invalid, &["every 30 days", "raise `fourstep:lifetime`"]);
    world.inner.tag("fourstep:lifetime", "40d");
    world.attempt().await.unwrap();
    // Where the file has none, there is nothing to narrow.
    let mut world = World::new(MINTED).await;
    world.inner.tag("fourstep:lifetime", "40d");
    world.begin_by(days(30));
    let error = world.fails(Step::Create).await;
    assert_error(&error, ErrorKind::Invalid, &["for nothing: the provider file has no `lifetime`"]);
}

#[tokio::test]
async fn the_service_is_asked_for_the_lifetime_of_the_tag() {
    let asked = json!({"name": "*", "seconds": 3_456_000});
    let script = Script::start(vec![
        Exchange::new("GET", "/me").answer(200, json!({})),
        Exchange::new("GET", "/keys?page=1").answer(200, json!({"keys": []})),
        Exchange::new("GET", "/keys?page=1").answer(200, json!({"keys": []})),
        Exchange::new("POST", "/keys")
            .body(asked)
            .answer(201, json!({"id": 1, "key": "a-new-key", "expires_at": null})),
        Exchange::new("GET", "/keys?page=1").answer(200, json!({"keys": []})),
    ])
    .await
    .unwrap();
    let provider = limited(MINTED)
        .replace("name = \"{{ name }}\"", "name = \"{{ name }}\", seconds = \"{{ expires.seconds }}\"")
        .replace("KEYS_URL", "SCRIPT_URL");
    let secret = json!({"key": "an-old-key", "key_id": "0"});
    let mut world = World::with(&provider, &secret, &[("SCRIPT_URL", script.url())]).await;
    world.inner.tag("fourstep:lifetime", "40d");
    world.begin_by(days(30));
    world.step(Step::Create).await.unwrap_or_else(|error| panic!("{error}; {:?}", script.mismatches()));
    script.finish();
}

#[tokio::test]
async fn a_key_that_nothing_replaces_in_time_is_a_warning() {
    let mut world = World::new(&limited(MINTED)).await;
    let (captured, guard) = capture();
    world.begin_by(RotationRules::default());
    world.attempt().await.unwrap();
    drop(guard);
    assert_eq!(captured.text().matches("no schedule that can be read replaces the new key").count(), 1);
    // What the service says of the end counts as well.
    let mut world = World::new(MINTED).await;
    world.service.state().expires_at = json!(
        humantime::format_rfc3339_seconds(std::time::SystemTime::now() + std::time::Duration::from_secs(86_400))
            .to_string()
    );
    let (captured, guard) = capture();
    world.begin_by(days(30));
    world.attempt().await.unwrap();
    drop(guard);
    assert_eq!(captured.text().matches("made a key that may end before the next rotation").count(), 1);
}
