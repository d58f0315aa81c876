use std::future;
use std::sync::Mutex;
use std::time::Duration;

use fourstep::memory::{PutSecretValue, UpdateSecretVersionStage};
use fourstep::{AWSCURRENT, AWSPENDING, Step};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::*;
use crate::{HttpApi, JsonApi};

const T1: &str = "11111111-1111-4111-8111-111111111111";
const T2: &str = "22222222-2222-4222-8222-222222222222";
const T3: &str = "33333333-3333-4333-8333-333333333333";

/// An emulation with the secret `app`, whose version T1 is current, and a client of it.
async fn started() -> (Aws, HttpApi) {
    let aws = Aws::start().await.unwrap();
    let api = HttpApi::new(aws.url());
    let input = json!({ "Name": "app", "ClientRequestToken": T1, "SecretString": "v1" });
    api.call(Operation::CreateSecret, &input).await.unwrap();
    aws.forget_calls();
    (aws, api)
}

async fn get(api: &HttpApi) -> Result<Value, Refusal> {
    api.call(Operation::GetSecretValue, &json!({ "SecretId": "app" })).await.map(|found| found["SecretString"].clone())
}

async fn put(api: &HttpApi, token: &str, value: &str) -> Result<Value, Refusal> {
    let input = json!({ "SecretId": "app", "ClientRequestToken": token, "SecretString": value });
    api.call(Operation::PutSecretValue, &input).await
}

async fn rotate(api: &HttpApi, token: &str) -> Result<Value, Refusal> {
    let input = json!({ "SecretId": "app", "ClientRequestToken": token, "RotationLambdaARN": "arn:lambda" });
    api.call(Operation::RotateSecret, &input).await
}

fn broken<T: std::fmt::Debug>(answer: Result<T, Refusal>) -> bool {
    answer.unwrap_err().exception == "ConnectionError"
}

fn current(aws: &Aws) -> String {
    aws.secrets().with(|model| model.secret("app").unwrap().labelled(AWSCURRENT).unwrap().id.clone())
}

/// What a rotation function does that always works.
fn perform_step(store: &MemoryStore, event: &Value) {
    let token = event["ClientRequestToken"].as_str().unwrap();
    store.with(|model| match event["Step"].as_str().unwrap() {
        "createSecret" => {
            model.put_secret_value(PutSecretValue::pending("app", token, "made")).unwrap();
        }
        "finishSecret" => {
            let from = model.secret("app").unwrap().labelled(AWSCURRENT).unwrap().id.clone();
            let request = UpdateSecretVersionStage::promotion("app", token, &from);
            model.update_secret_version_stage(request).unwrap();
        }
        _ => {}
    });
}

fn failure() -> FunctionError {
    FunctionError { error_type: "Unavailable".to_owned(), message: "later".to_owned() }
}

#[tokio::test]
async fn calls_are_counted_in_order_without_values() {
    let (aws, api) = started().await;
    get(&api).await.unwrap();
    let input = json!({
        "SecretId": "app", "ClientRequestToken": T2, "SecretString": "hunter22", "VersionStages": ["AWSPENDING"],
        "RotationToken": rotation_token(T2),
    });
    api.call(Operation::PutSecretValue, &input).await.unwrap();
    get(&api).await.unwrap();
    let calls = aws.calls();
    assert_eq!(calls.iter().map(|call| (call.number, call.nth)).collect::<Vec<_>>(), [(1, 1), (2, 1), (3, 2)]);
    assert_eq!(aws.count(Operation::GetSecretValue), 2);
    assert_eq!(calls[1].version_id.as_deref(), Some(T2));
    assert_eq!(calls[1].stages, [AWSPENDING]);
    assert!(calls[1].rotation_token && !calls[0].rotation_token);
    assert!(!format!("{calls:?}").contains("hunter22"));
    aws.secrets().with(|model| assert!(model.secret("app").unwrap().version(T2).unwrap().rotation_token));
}

#[tokio::test]
async fn a_refused_call_has_no_effect_and_the_next_one_does() {
    let (aws, api) = started().await;
    for (nth, refusal) in [Refusal::throttling(), Refusal::internal(), Refusal::kms_denied()].into_iter().enumerate() {
        aws.fault(Fault::refuse(At::Nth(Operation::PutSecretValue, nth + 1), refusal.clone()));
        assert_eq!(put(&api, T2, "v2").await.unwrap_err(), refusal);
        assert_eq!(current(&aws), T1);
    }
    put(&api, T2, "v2").await.unwrap();
    assert_eq!(current(&aws), T2);
}

#[tokio::test]
async fn a_lost_request_has_no_effect_and_a_lost_reply_has_one() {
    let (aws, api) = started().await;
    aws.fault(Fault::lose_request(At::Call(1)));
    aws.fault(Fault::lose_reply(At::Call(2)));
    assert!(broken(put(&api, T2, "v2").await));
    assert_eq!(current(&aws), T1);
    assert!(broken(put(&api, T2, "v2").await));
    assert_eq!(current(&aws), T2);
}

#[tokio::test]
async fn an_error_may_come_after_the_effect() {
    let (aws, api) = started().await;
    let action = Action::Refuse(Refusal::internal());
    aws.fault(Fault { at: At::Every(Operation::PutSecretValue), moment: Moment::After, action });
    assert_eq!(put(&api, T2, "v2").await.unwrap_err().status, 500);
    assert_eq!(current(&aws), T2);
    aws.heal();
    put(&api, T2, "v2").await.unwrap();
}

#[tokio::test]
async fn a_hanging_call_is_never_answered() {
    let (aws, api) = started().await;
    let arrived = Arc::new(Notify::new());
    aws.on_call({
        let arrived = Arc::clone(&arrived);
        move |_, _| {
            arrived.notify_one();
            Action::Hang
        }
    });
    let call = tokio::spawn(async move { get(&api).await });
    arrived.notified().await;
    assert!(!call.is_finished());
    drop(aws);
    assert!(broken(call.await.unwrap()), "the end of the emulation ends it");
}

#[tokio::test]
async fn a_delayed_call_takes_its_time() {
    let (aws, api) = started().await;
    aws.fault(Fault::delay(At::When(Box::new(|call| call.operation.is_read())), Duration::from_millis(50)));
    let start = Instant::now();
    get(&api).await.unwrap();
    assert!(start.elapsed() >= Duration::from_millis(50));
}

#[tokio::test]
async fn a_stale_read_sees_what_was_true_some_writes_ago() {
    let (aws, api) = started().await;
    put(&api, T2, "v2").await.unwrap();
    put(&api, T3, "v3").await.unwrap();
    for (writes, seen) in [(0, "v3"), (1, "v2"), (2, "v1")] {
        aws.heal();
        aws.fault(Fault::stale(At::Every(Operation::GetSecretValue), writes));
        assert_eq!(get(&api).await.unwrap(), seen, "{writes} writes ago");
    }
}

#[tokio::test]
async fn a_call_has_its_effect_though_its_caller_is_gone() {
    let (aws, api) = started().await;
    let (arrived, done) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    aws.on_call({
        let (arrived, done) = (Arc::clone(&arrived), Arc::clone(&done));
        move |_, moment| match moment {
            Moment::Before => {
                arrived.notify_one();
                Action::Delay(Duration::from_millis(20))
            }
            Moment::After => {
                done.notify_one();
                Action::Proceed
            }
        }
    });
    let caller = tokio::spawn(async move { put(&api, T2, "v2").await });
    arrived.notified().await;
    caller.abort();
    done.notified().await;
    assert_eq!(current(&aws), T2);
}

#[tokio::test]
async fn what_it_does_not_understand_it_refuses_without_repeating_it() {
    let (aws, _) = started().await;
    let malformed = perform(aws.secrets(), Operation::PutSecretValue, &json!({ "SecretString": ["hunter22"] }));
    let refusal = malformed.unwrap_err();
    assert_eq!(refusal.exception, "SerializationException");
    assert!(!format!("{refusal:?}").contains("hunter22"));
}

#[tokio::test]
async fn rotate_secret_drives_the_four_steps() {
    let (aws, api) = started().await;
    let (store, events) = (Arc::clone(aws.secrets()), Arc::new(Mutex::new(Vec::new())));
    aws.on_rotate({
        let events = Arc::clone(&events);
        move |event| {
            perform_step(&store, &event);
            events.lock().unwrap().push(event);
            future::ready(Ok(Value::Null))
        }
    });
    rotate(&api, T2).await.unwrap();
    let end = aws.rotation_end("app").await;
    assert_eq!(end, Some(RotationEnd { token: T2.to_owned(), attempts: 1, outcome: Outcome::Succeeded }));
    assert_eq!(current(&aws), T2);
    let events = events.lock().unwrap();
    let steps: Vec<_> = events.iter().map(|event| event["Step"].as_str().unwrap()).collect();
    assert_eq!(steps, ["createSecret", "setSecret", "testSecret", "finishSecret"]);
    for event in events.iter() {
        assert_eq!(event["ClientRequestToken"], T2);
        assert_eq!(event["RotationToken"], rotation_token(T2));
        assert!(event["SecretId"].as_str().unwrap().starts_with("arn:aws:secretsmanager:"));
    }
}

#[tokio::test]
async fn a_failed_rotation_begins_again_with_the_same_token() {
    let (aws, api) = started().await;
    let (store, failures) = (Arc::clone(aws.secrets()), Arc::new(Mutex::new(0)));
    aws.reattempt(2);
    aws.on_rotate(move |event| {
        perform_step(&store, &event);
        let mut failures = failures.lock().unwrap();
        let fails = event["Step"] == "setSecret" && *failures < 2;
        *failures += usize::from(fails);
        future::ready(if fails { Err(failure()) } else { Ok(Value::Null) })
    });
    rotate(&api, T2).await.unwrap();
    let end = aws.rotation_end("app").await;
    assert_eq!(end, Some(RotationEnd { token: T2.to_owned(), attempts: 3, outcome: Outcome::Succeeded }));
}

#[tokio::test]
async fn a_rotation_that_failed_is_run_again_by_the_next_rotate_secret() {
    let (aws, api) = started().await;
    aws.on_rotate(|_| future::ready(Err(failure())));
    rotate(&api, T2).await.unwrap();
    let end = aws.rotation_end("app").await.unwrap();
    assert_eq!((end.attempts, end.outcome), (1, Outcome::Failed { step: Step::Create, error: failure() }));

    let store = Arc::clone(aws.secrets());
    aws.on_rotate(move |event| {
        perform_step(&store, &event);
        future::ready(Ok(Value::Null))
    });
    let refusal = rotate(&api, T3).await.unwrap_err();
    assert_eq!(refusal.message, "A previous rotation isn't complete. That rotation will be reattempted.");
    let end = aws.rotation_end("app").await.unwrap();
    assert_eq!((end.token.as_str(), end.outcome), (T2, Outcome::Succeeded));
}

#[tokio::test]
async fn without_rotate_immediately_only_test_secret_is_run_on_a_version_that_goes_away() {
    let (aws, api) = started().await;
    let events = Arc::new(Mutex::new(Vec::new()));
    aws.on_rotate({
        let events = Arc::clone(&events);
        move |event| {
            events.lock().unwrap().push(event["Step"].clone());
            future::ready(Ok(Value::Null))
        }
    });
    let input = json!({
        "SecretId": "app", "ClientRequestToken": T2, "RotationLambdaARN": "arn:lambda", "RotateImmediately": false,
    });
    api.call(Operation::RotateSecret, &input).await.unwrap();
    assert_eq!(aws.rotation_end("app").await.unwrap().outcome, Outcome::TestSucceeded);
    assert_eq!(*events.lock().unwrap(), ["testSecret"]);
    aws.secrets().with(|model| assert!(model.secret("app").unwrap().version(T2).is_none()));
}

#[tokio::test]
async fn a_rotation_ends_when_a_human_stores_a_value_or_cancels_it() {
    for (act, outcome) in [
        (Operation::PutSecretValue, Outcome::Abandoned),
        (Operation::CancelRotateSecret, Outcome::Cancelled),
        (Operation::DeleteSecret, Outcome::Cancelled),
    ] {
        let (aws, api) = started().await;
        let human = api.clone();
        aws.on_rotate(move |_| {
            let human = human.clone();
            async move {
                let input = json!({ "SecretId": "app", "SecretString": "human" });
                human.call(act, &input).await.unwrap();
                Ok(Value::Null)
            }
        });
        rotate(&api, T2).await.unwrap();
        assert_eq!(aws.rotation_end("app").await.unwrap().outcome, outcome, "{act}");
    }
}

#[tokio::test]
async fn a_finish_that_promotes_nothing_is_a_failure() {
    let (aws, api) = started().await;
    aws.on_rotate(|_| future::ready(Ok(Value::Null)));
    rotate(&api, T2).await.unwrap();
    let end = aws.rotation_end("app").await.unwrap();
    assert!(matches!(end.outcome, Outcome::Failed { step: Step::Finish, .. }), "{end:?}");
}

#[tokio::test]
async fn nobody_rotates_where_nobody_is_invoked() {
    let (aws, api) = started().await;
    rotate(&api, T2).await.unwrap();
    assert_eq!(aws.rotation_end("app").await, None);
    aws.secrets().with(|model| assert_eq!(model.secret("app").unwrap().labelled(AWSPENDING).unwrap().id, T2));
}

#[tokio::test]
async fn it_ends_when_it_is_dropped() {
    let (aws, api) = started().await;
    drop(aws);
    let gone = async { while get(&api).await.is_ok() {} };
    timeout(Duration::from_secs(10), gone).await.unwrap();
}
