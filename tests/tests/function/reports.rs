//! What a function says of itself: error types, logs, metrics, panics, time-outs; and what it never says.

use std::time::Duration;

use fourstep::{ErrorKind, Step};
use fourstep_testkit::aws::{Action, Moment, Operation};
use serde_json::Value;

use super::*;

#[tokio::test]
async fn each_kind_is_an_error_type_and_no_error_tells_the_password() {
    for kind in ErrorKind::ALL {
        let world = World::misbehaving(kind.name()).await;
        world.fails(world.event(Step::Create), kind.name(), &["createSecret: the password is [redacted]."]).await;
        assert_eq!(world.sandbox.starts(), 1);
    }
}

#[tokio::test]
async fn a_panic_is_reported_by_its_place_and_without_its_message_and_the_function_goes_on() {
    let world = World::misbehaving("panic").await;
    for _ in 0..2 {
        world.fails(world.event(Step::Create), "Other", &["createSecret: the rotator panicked", "The log names"]).await;
    }
    let output = world.sandbox.output().unwrap();
    assert!(output.contains("misbehaving_function.rs:") && !output.contains("the password is"), "{output}");
    assert_eq!(world.sandbox.starts(), 1);
}

#[tokio::test]
async fn a_step_that_hangs_is_ended_while_there_is_time_to_answer() {
    let mut world = World::misbehaving("hang").await;
    world.sandbox = world.sandbox.timeout(Duration::from_millis(1500));
    let expected = "createSecret: no answer within the function's time-out of 1.5 s";
    let invocation = world.fails(world.event(Step::Create), "Unavailable", &[expected, "raise the function's"]).await;
    assert!(invocation.duration < Duration::from_millis(1500), "{:?}", invocation.duration);
    assert_eq!(world.sandbox.starts(), 1);
}

#[tokio::test]
async fn logs_are_filtered_and_other_crates_cannot_be_made_to_talk() {
    for variables in [[("AWS_LAMBDA_LOG_LEVEL", "TRACE")], [("RUST_LOG", "trace")]] {
        let mut world = World::misbehaving("log").await;
        for (name, value) in variables {
            world.sandbox = world.sandbox.variable(name, value);
        }
        world.sandbox.invoke(world.event(Step::Create)).await.result.unwrap();
        world.tells_no_secret();
        let output = world.sandbox.output().unwrap();
        assert!(output.contains("logged by a plugin") && output.contains("[redacted]"), "{output}");
        assert!(output.contains("logged for debugging"), "{output}");
        for foreign in ["logged by the function itself", "ALTER ROLE", "a body of the SDK"] {
            assert!(!output.contains(foreign), "{output}");
        }
        for line in world.sandbox.output_objects().unwrap() {
            let target = line["target"].as_str().unwrap_or("fourstep");
            assert!(target.starts_with("fourstep"), "{line}");
        }
    }
}

#[tokio::test]
async fn a_step_is_one_line_and_one_metric_and_nothing_else() {
    let world = World::misbehaving("fine").await;
    for step in Step::ALL {
        world.sandbox.invoke(world.event(step)).await.result.unwrap();
    }
    let output = world.sandbox.output().unwrap();
    let lines: Vec<Value> = output.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect();
    assert_eq!(lines.len(), 2 * Step::ALL.len(), "{output}");
    for (pair, step) in lines.chunks(2).zip(Step::ALL) {
        let [line, metric] = pair else { panic!("{pair:?}") };
        let expected = json!({
            "level": "INFO", "target": "fourstep", "message": "step done", "secret": NAME, "version": PENDING,
            "step": step.name(), "strategy": "misbehaving", "outcome": "Done",
        });
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(&line[name], value, "{line}");
        }
        assert!(line["duration_ms"].is_u64() && line["timestamp"].is_string(), "{line}");
        assert!(line["request_id"].as_str().is_some_and(|id| !id.is_empty()), "{line}");
        assert_eq!(line["without_current_ms"].as_u64(), (step == Step::Finish).then_some(0), "{line}");
        let dimensions = json!([["FunctionName", "Strategy", "Step", "Outcome"]]);
        assert_eq!(metric["_aws"]["CloudWatchMetrics"][0]["Dimensions"], dimensions);
        assert_eq!((&metric["Strategy"], &metric["Step"]), (&json!("misbehaving"), &json!(step.name())));
        assert_eq!((&metric["Secret"], &metric["Success"]), (&json!(NAME), &json!(1)));
    }
    world.tells_no_secret();
}

#[tokio::test]
async fn a_function_that_is_killed_in_the_middle_starts_anew_and_goes_on() {
    let world = World::misbehaving("fine").await;
    let world = std::sync::Arc::new(world);
    world.aws.on_call({
        let world = std::sync::Arc::downgrade(&world);
        move |call, moment| match world.upgrade() {
            Some(world) if call.operation == Operation::PutSecretValue && moment == Moment::After && call.nth == 1 => {
                world.sandbox.kill();
                Action::Hang
            }
            _ => Action::Proceed,
        }
    });
    let killed = world.sandbox.invoke(world.event(Step::Create)).await;
    assert_eq!(killed.result.unwrap_err().error_type, "Runtime.ExitError");
    for step in Step::ALL {
        let invocation = world.sandbox.invoke(world.event(step)).await;
        assert_eq!((invocation.result, invocation.cold), (Ok(Value::Null), step == Step::Create));
    }
    assert_eq!(world.sandbox.starts(), 2);
    let usage = world.sandbox.usage().unwrap();
    let start = world.sandbox.time_to_first_poll().unwrap();
    println!("start to first poll {start:?}; four steps: {usage:?}");
    assert!(usage.peak_memory > 0 && usage.cpu > Duration::ZERO && start > Duration::ZERO);
}

#[tokio::test]
async fn a_program_that_lambda_did_not_start_says_so() {
    let program = function::binary("rotate-postgres").unwrap();
    let output = std::process::Command::new(program).env_clear().output().unwrap();
    assert!(!output.status.success());
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("it runs where Lambda starts it"), "{text}");
}
