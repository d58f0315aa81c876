use fourstep::memory::SecretValue;
use fourstep_testkit::aws::{At, Fault, Operation, Outcome, Refusal};
use serde_json::json;

use crate::world::{FUNCTION, SECRET, World, finish_with};

#[tokio::test(flavor = "multi_thread")]
async fn function_and_schedule_are_set_and_the_configuration_is_tested() {
    let world = World::start().await;
    let arguments = ["configure", SECRET, "--function", FUNCTION, "--every", "12h", "--window", "3h"];
    let configured = world.json(&arguments);
    assert_eq!(
        configured["rules"],
        json!({"automatically_after_days": null, "schedule_expression": "rate(12 hours)", "duration": "3h"})
    );
    let end = world.aws.rotation_end(SECRET).await.unwrap();
    assert_eq!(end.outcome, Outcome::TestSucceeded);
    assert!(world.target.accepts("first"), "nothing was rotated");

    // Only what is given changes.
    let cron = world.json(&["configure", SECRET, "--cron", "0 8 1 * ? *"]);
    assert_eq!(
        (&cron["function"], &cron["rules"]["schedule_expression"]),
        (&json!(FUNCTION), &json!("cron(0 8 1 * ? *)"))
    );
    world.aws.rotation_end(SECRET).await.unwrap();
    let now = world.json(&["configure", SECRET, "--every", "60d", "--now"]);
    world.aws.rotation_end(SECRET).await.unwrap();
    assert_eq!((&now["version"], &now["rules"]["automatically_after_days"]), (&json!(world.current()), &json!(60)));
    assert!(world.target.accepts(&world.current_password()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_that_cannot_be_is_refused_before_any_call() {
    let world = World::start().await;
    let calls = world.aws.calls().len();
    for (arguments, part) in [
        (&["--every", "3h"][..], "4h or more"),
        (&["--every", "6h", "--window", "7h"], "6h at the most"),
        (&["--cron", "15 8 1 * ? *"], "the minutes are `15`"),
        (&["--window", "3h"], "--window needs a schedule"),
        (&["--every", "sometimes"], "sometimes"),
        (&["--every", "30d", "--cron", "0 8 1 * ? *"], "cannot be used with"),
    ] {
        world.fourstep(&[&["configure", SECRET, "--function", FUNCTION], arguments].concat()).refused(2, &[part]);
    }
    assert_eq!(world.aws.calls().len(), calls);
    world.fourstep(&["configure", SECRET, "--every", "30d"]).refused(2, &["no function rotates", "--function ARN"]);
    assert_eq!(world.aws.count(Operation::RotateSecret), 0);
}

const CREATE: [&str; 7] = ["configure", "app/new", "--function", FUNCTION, "--every", "45d", "--create"];
const VALUE: &str = r#"{"password":"first"}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_made_with_its_rotation_and_its_value_comes_by_no_argument() {
    let world = World::start().await;
    let more = ["-", "--tag", "team=blue", "--tag", "fourstep:strategy=single-user", "--description", "for tests"];
    let ran = finish_with(world.command(&[&CREATE[..], &more].concat()), &format!("{VALUE}\n")).succeeded();
    assert!(ran.out.contains("every 45 days") && !ran.out.contains("first"), "{ran:?}");
    // Secrets Manager ran testSecret with the value.
    assert_eq!(world.aws.rotation_end("app/new").await.unwrap().outcome, Outcome::TestSucceeded);
    world.aws.secrets().with(|model| {
        let secret = model.secret("app/new").unwrap();
        assert_eq!(secret.versions[0].value, Some(SecretValue::text(VALUE)));
        assert_eq!((secret.tags["team"].as_str(), secret.tags["fourstep:strategy"].as_str()), ("blue", "single-user"));
    });
    // The name is taken now, and nothing is overwritten.
    let again = finish_with(world.command(&[&CREATE[..], &["-"]].concat()), r#"{"password":"other"}"#);
    again.refused(3, &["there is a secret app/new already", "without --create"]);
    let versions = world.aws.secrets().with(|model| model.secret("app/new").unwrap().versions.len());
    assert_eq!(versions, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_whose_rotation_could_not_be_configured_is_there_and_is_gone_on_with() {
    let world = World::start().await;
    let denied = Refusal::access_denied(Operation::RotateSecret);
    world.aws.fault(Fault::refuse(At::Every(Operation::RotateSecret), denied));
    let create = || world.command(&[&CREATE[..], &["-"]].concat());
    finish_with(create(), VALUE).refused(1, &["app/new was made", "secretsmanager:RotateSecret", "without --create"]);
    world.aws.heal();
    world.fourstep(&CREATE[..6]).succeeded();
    assert_eq!(world.aws.rotation_end("app/new").await.unwrap().outcome, Outcome::TestSucceeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_value_is_refused_before_any_call() {
    let world = World::start().await;
    let calls = world.aws.calls().len();
    let create = |more: &[&str]| world.command(&[&CREATE[..], more].concat());
    finish_with(create(&["-"]), "").refused(2, &["has 0 bytes", "1 to 65536"]);
    finish_with(create(&["-"]), &"x".repeat(65_537)).refused(2, &["has 65537 bytes"]);
    finish_with(create(&["/nowhere/value.json"]), "").refused(2, &["/nowhere/value.json cannot be read"]);
    let without = ["configure", "app/new", "--every", "45d", "--create", "-"];
    finish_with(world.command(&without), VALUE).refused(2, &["--function"]);
    assert_eq!(world.aws.calls().len(), calls);
}
