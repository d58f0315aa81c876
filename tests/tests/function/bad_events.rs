//! Events that Secrets Manager would not send.

use fourstep::Step;
use serde_json::{Value, json};

use super::*;

type Change = fn(&mut Value);

#[tokio::test]
async fn each_is_invalid_and_names_the_field_and_the_fix() {
    let world = World::new().await;
    let cases: &[(&str, Change, &str)] = &[
        ("no step", |event| remove(event, "Step"), "the event has no field `Step`"),
        ("unknown step", |event| event["Step"] = "rotateSecret".into(), "field `Step` of the event is `rotateSecret`"),
        (
            "a secret as step",
            |event| event["Step"] = PASSWORD.into(),
            "`Step` of the event is a text that is not repeated",
        ),
        ("a number as step", |event| event["Step"] = 1.into(), "field `Step` of the event must be a string"),
        ("no token", |event| remove(event, "ClientRequestToken"), "the event has no field `ClientRequestToken`"),
        ("null token", |event| event["ClientRequestToken"] = Value::Null, "no field `ClientRequestToken`"),
        ("a secret as token", |event| event["ClientRequestToken"] = PASSWORD.into(), "has 16 characters; it must be"),
        ("long token", |event| event["ClientRequestToken"] = "x".repeat(65).into(), "has 65 characters; it must be"),
        (
            "an object as token",
            |event| event["ClientRequestToken"] = json!({}),
            "`ClientRequestToken` of the event must",
        ),
        ("no secret", |event| remove(event, "SecretId"), "the event has no field `SecretId`"),
        ("an array as secret", |event| event["SecretId"] = json!([]), "field `SecretId` of the event must be a string"),
        ("empty secret", |event| event["SecretId"] = "".into(), "field `SecretId` of the event must be the ARN"),
        (
            "a number as RotationToken",
            |event| event["RotationToken"] = 1.into(),
            "field `RotationToken` of the event must",
        ),
        ("an array", |event| *event = json!([event]), "the event is not a JSON object"),
        ("a text", |event| *event = PASSWORD.into(), "the event is not a JSON object"),
        ("null", |event| *event = Value::Null, "the event is not a JSON object"),
    ];
    for (name, change, expected) in cases {
        println!("{name}");
        let mut event = world.event(Step::Create);
        change(&mut event);
        let fix = "Let Secrets Manager invoke this function (RotateSecret)";
        world.fails(event, "Invalid", &[expected, "Nothing was changed", fix]).await;
    }
    assert!(world.aws.calls().is_empty(), "Secrets Manager is not asked");
    assert_eq!(world.sandbox.starts(), 1);
}

#[tokio::test]
async fn an_operator_s_event_is_refused_where_it_may_not_be_and_says_why() {
    let mut world = World::new().await;
    let event = |action: &str| json!({ "Action": action, "SecretId": NAME });
    let expected = ["field `Action` of the event is `explode`; it takes", "Nothing was changed", "\"SecretId\": …"];
    world.fails(event("explode"), "Invalid", &expected).await;
    assert!(world.aws.calls().is_empty(), "Secrets Manager is not asked");
    world.change(|secret| secret.rotation.as_mut().unwrap().lambda_arn = Some(format!("{FUNCTION_ARN}-other")));
    let expected = ["secret app/db is rotated by another function", "RotationLambdaARN"];
    world.fails(event("reconcile"), "Invalid", &expected).await;
    world.sandbox = world.sandbox.variable("OPERATOR_EVENTS", "off");
    world.sandbox.kill();
    world.aws.forget_calls();
    world.fails(event("reconcile"), "Forbidden", &["its variable OPERATOR_EVENTS is off"]).await;
    assert!(world.aws.calls().is_empty(), "Secrets Manager is not asked");
    // One that may only be read answers to diagnose alone.
    world.sandbox = world.sandbox.variable("OPERATOR_EVENTS", "read");
    world.sandbox.kill();
    for action in ["rollback", "recover", "retire", "reconcile", "reset", "adopt"] {
        let expected = [&*format!("does not do `{action}` for operators"), "OPERATOR_EVENTS names diagnose"];
        world.fails(event(action), "Forbidden", &expected).await;
    }
    assert!(world.aws.calls().is_empty(), "Secrets Manager is not asked");
}

/// Who may invoke the function sends it what Secrets Manager would, for a secret of somebody else's.
#[tokio::test]
async fn a_step_for_a_secret_of_another_function_is_refused() {
    let world = World::new().await;
    let first = world.sandbox.invoke(world.event(Step::Create)).await.result;
    assert_eq!(first, Ok(Value::Null), "it is this function's");
    for (other, expected) in [
        (Some(format!("{FUNCTION_ARN}-other")), "is rotated by another function"),
        (Some("arn:aws:lambda:eu-central-1:999999999999:function:rotation-function".to_owned()), "by another function"),
        (None, "no function rotates secret"),
    ] {
        world.change(|secret| secret.rotation.as_mut().unwrap().lambda_arn = other.clone());
        for step in Step::ALL {
            world.fails(world.event(step), "Invalid", &[expected, "Invoke the function that RotationLambdaARN"]).await;
        }
    }
    // An alias or a version of this function is this function.
    world.change(|secret| secret.rotation.as_mut().unwrap().lambda_arn = Some(format!("{FUNCTION_ARN}:live")));
    assert_eq!(world.sandbox.invoke(world.event(Step::Create)).await.result, Ok(Value::Null));
}

#[tokio::test]
async fn what_is_not_json_is_invalid_too() {
    let world = World::new().await;
    for event in [String::new(), PASSWORD.to_owned(), format!("{{\"Step\":\"{PASSWORD}")] {
        world.fails(event, "Invalid", &["the event is not JSON", "Nothing was changed"]).await;
    }
    assert_eq!(world.sandbox.starts(), 1);
}

#[tokio::test]
async fn both_spellings_of_a_step_work_and_unknown_fields_are_ignored() {
    let world = World::new().await;
    let mut event = world.event(Step::Create);
    event["Step"] = "create_secret".into();
    event["New"] = json!({ "field": [1] });
    assert_eq!(world.sandbox.invoke(event).await.result, Ok(Value::Null));
    assert!(world.change(|secret| secret.version(PENDING).unwrap().value.is_some()));
    world.tells_no_secret();
}

fn remove(event: &mut Value, field: &str) {
    event.as_object_mut().unwrap().remove(field);
}
