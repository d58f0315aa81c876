//! Secrets, and states of secrets, that cannot be rotated.

use fourstep::memory::{SecretValue, UpdateSecretVersionStage};
use fourstep::{AWSCURRENT, AWSPENDING, Step};
use serde_json::{Value, json};

use super::*;

#[tokio::test]
async fn a_value_that_is_no_account_is_invalid_and_names_the_field_and_the_fix() {
    let filler = "x".repeat(65_536 - account().to_string().len() - 12);
    let cases: &[(&str, SecretValue, &[&str])] = &[
        ("binary", SecretValue::Binary("b2xkLVBhc3N3MHJkLyJ+MQ==".to_owned().into()), &["is binary", "SecretString"]),
        ("not JSON", SecretValue::text(PASSWORD), &["is not a JSON object", "Store the secret as a JSON object"]),
        ("half of JSON", SecretValue::text(format!("{{\"password\":\"{PASSWORD}")), &["is not valid JSON, at line 1"]),
        ("an array", SecretValue::text(json!([account()]).to_string()), &["is not a JSON object"]),
        ("no username", without("username"), &["has no field `username`", "Add `username`"]),
        ("no password", without("password"), &["has no field `password`", "Add `password`"]),
        ("no host", without("host"), &["has no field `host`", "Add `host`"]),
        ("no engine", without("engine"), &["has no field `engine`", "Add `engine`", "postgres"]),
        (
            "another engine",
            with("engine", "mysql"),
            &["field `engine` of the secret is `mysql`", "Set `engine` to one of"],
        ),
        ("a word as port", with("port", "abc"), &["field `port` must be a port number", "Correct `port`"]),
        (
            "a large port",
            with("port", 70_000),
            &["field `port` must be a port number from 1 to 65535", "Correct `port`"],
        ),
        ("a word as ssl", with("ssl", "maybe"), &["field `ssl` must be true or false", "Correct `ssl`"]),
        ("a list as username", with("username", json!([PASSWORD])), &["field `username` must be a string"]),
        ("a number as password", with("password", 22), &["field `password` must be a string"]),
        ("empty password", with("password", ""), &["no field `password`"]),
        ("long username", with("username", "u".repeat(64)), &["64", "63"]),
        (
            "too large with a new password",
            with("notes", filler),
            &["Secrets Manager stores at most 65536", "Remove fields"],
        ),
    ];
    for (name, value, parts) in cases {
        println!("{name}");
        let world = World::with_value(value.clone()).await;
        world.fails(world.event(Step::Create), "Invalid", parts).await;
    }
}

#[tokio::test]
async fn a_state_that_forbids_it_is_invalid_and_says_how_to_go_on() {
    type Change = fn(&mut Secret);
    let cases: &[(&str, Change, &[&str])] = &[
        ("deleted", |secret| secret.deleted = Some(SystemTime::now()), &["is scheduled for deletion", "RestoreSecret"]),
        (
            "a replica",
            |secret| secret.primary_region = Some("eu-west-1".to_owned()),
            &["is a replica; its primary is in eu-west-1", "Rotate the primary"],
        ),
        (
            "rotation not enabled",
            |secret| secret.rotation.as_mut().unwrap().enabled = false,
            &["rotation of secret app/db is not enabled", "Turn it on with RotateSecret"],
        ),
        (
            "token without a label",
            |secret| label(secret, PENDING, &[]),
            &["has no label", "Start a rotation with RotateSecret"],
        ),
        (
            "token staged on something else",
            |secret| label(secret, PENDING, &["MYLABEL"]),
            &["has MYLABEL, not AWSPENDING", "Start a rotation with RotateSecret"],
        ),
        ("no current value", |secret| label(secret, CURRENT, &[]), &["no AWSCURRENT version", "Store a first value"]),
        (
            "an unknown tag of ours",
            |secret| drop(secret.tags.insert("fourstep:stategy".to_owned(), "auto".to_owned())),
            &["fourstep:stategy", "Remove it or correct its name"],
        ),
        (
            "a tag with a bad value",
            |secret| drop(secret.tags.insert("fourstep:strategy".to_owned(), PASSWORD.to_owned())),
            &["the tag `fourstep:strategy`", "it takes auto, single-user"],
        ),
    ];
    for (name, change, parts) in cases {
        println!("{name}");
        let world = World::new().await;
        world.change(change);
        world.fails(world.event(Step::Create), "Invalid", parts).await;
    }
}

#[tokio::test]
async fn a_secret_that_does_not_exist_is_invalid() {
    let world = World::new().await;
    let mut event = world.event(Step::Create);
    event["SecretId"] = "arn:aws:secretsmanager:us-east-1:123456789012:secret:no/such-AbCdEf".into();
    world.fails(event, "Invalid", &["secret:no/such-AbCdEf does not exist", "Correct SecretId"]).await;
}

#[tokio::test]
async fn the_pending_label_of_another_rotation_is_left_alone() {
    let world = World::new().await;
    world.aws.secrets().with(|model| {
        let other = fourstep::memory::PutSecretValue::pending(NAME, OTHER, "{}");
        model.put_secret_value(other).unwrap();
    });
    for step in Step::ALL {
        let expected = format!("AWSPENDING is on version {OTHER}");
        world.fails(world.event(step), "Invalid", &[&expected, "ignore it"]).await;
    }
}

#[tokio::test]
async fn a_token_that_is_current_already_is_done_and_nothing_is_changed() {
    let world = World::new().await;
    world.sandbox.invoke(world.event(Step::Create)).await.result.unwrap();
    world.aws.secrets().with(|model| {
        model.update_secret_version_stage(UpdateSecretVersionStage::promotion(NAME, PENDING, CURRENT)).unwrap();
    });
    let before = world.state();
    for step in Step::ALL {
        assert_eq!(world.sandbox.invoke(world.event(step)).await.result, Ok(Value::Null), "{step}");
    }
    assert_eq!(world.state(), before);
    assert!(world.change(|secret| secret.version(PENDING).unwrap().has(AWSCURRENT)));
    world.tells_no_secret();
}

#[tokio::test]
async fn a_pending_version_without_a_value_is_unavailable_in_set_and_a_conflict_in_finish() {
    let world = World::new().await;
    world.fails(world.event(Step::Set), "Unavailable", &["has no value that is visible yet", AWSPENDING]).await;
    world.fails(world.event(Step::Finish), "Conflict", &["has no value to promote", "Start the rotation again"]).await;
}

fn without(field: &str) -> SecretValue {
    let mut account = account();
    account.as_object_mut().unwrap().remove(field);
    SecretValue::text(account.to_string())
}

fn with(field: &str, value: impl Into<Value>) -> SecretValue {
    let mut account = account();
    account[field] = value.into();
    SecretValue::text(account.to_string())
}

fn label(secret: &mut Secret, version: &str, labels: &[&str]) {
    let version = secret.versions.iter_mut().find(|known| known.id == version).unwrap();
    version.labels = labels.iter().map(|label| (*label).to_owned()).collect();
}
