use std::sync::Arc;
use std::time::{Duration, SystemTime};

use fourstep::AWSPENDING;
use fourstep::memory::{CreateSecret, PutSecretValue, SecretValue, UpdateSecretVersionStage};
use fourstep_testkit::aws::{Aws, FunctionFacts, Refusal};
use fourstep_testkit::function;
use fourstep_testkit::runtime_api::{FUNCTION_ARN, Sandbox};
use serde_json::json;

use crate::world::{SECRET, World, command_at, finish};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[tokio::test(flavor = "multi_thread")]
async fn each_state_follows_from_the_facts() {
    let world = World::start().await;
    assert_eq!(world.state(), "not-configured");
    let world = World::configured().await;
    assert_eq!(world.state(), "idle");

    world.aws.secrets().with(|model| {
        let secret = model.secret_mut(SECRET).unwrap();
        secret.rotation.as_mut().unwrap().last_rotated = Some(SystemTime::now() - DAY * 31);
    });
    assert_eq!(world.state(), "due");

    let pending = world.stage_empty_version();
    let status = world.json(&["status", SECRET]);
    let secret = &status["secrets"][0];
    assert_eq!((&secret["state"], &secret["next_step"]), (&json!("in-progress"), &json!("createSecret")));
    world.aws.secrets().with(|model| model.put_secret_value(PutSecretValue::pending(SECRET, &pending, "{}"))).unwrap();
    assert_eq!(world.json(&["status", SECRET])["secrets"][0]["next_step"], "setSecret");

    world.aws.secrets().with(|model| {
        for version in &mut model.secret_mut(SECRET).unwrap().versions {
            version.created -= DAY * 2;
        }
    });
    assert_eq!(world.state(), "stuck");
    world.aws.secrets().with(|model| model.cancel_rotate_secret(SECRET)).unwrap();
    assert_eq!(world.state(), "cancelled");

    world.aws.secrets().with(|model| {
        let removal = UpdateSecretVersionStage::removal(SECRET, AWSPENDING, &pending);
        model.update_secret_version_stage(removal).unwrap();
        // Younger than the current one: its value may be the one that the target accepts.
        model.secret_mut(SECRET).unwrap().versions[0].created -= DAY;
    });
    assert_eq!(world.state(), "abandoned");
    world.aws.secrets().with(|model| model.delete_secret(SECRET, None)).unwrap();
    assert_eq!(world.state(), "deleted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_step_is_told_with_what_cloudtrail_says() {
    let world = World::configured().await;
    world.target.set_down(true);
    world.fourstep(&["start", SECRET]).succeeded();
    world.aws.rotation_end(SECRET).await.unwrap();
    let status = world.json(&["status", SECRET]);
    let secret = &status["secrets"][0];
    assert_eq!(secret["state"], "failed");
    assert!(secret["failure"]["message"].as_str().unwrap().contains("during setSecret step"), "{secret}");

    // Who may not look there is told so, and what is missing.
    let denied = Refusal::new("AccessDeniedException", "not authorized to perform: cloudtrail:LookupEvents");
    world.aws.refuse("cloudtrail:LookupEvents", denied);
    let status = world.json(&["status", SECRET]);
    let secret = &status["secrets"][0];
    assert_eq!(secret["state"], "in-progress");
    assert!(secret["notes"][0].as_str().unwrap().contains("cloudtrail:LookupEvents"), "{secret}");
}

/// The real function, whose log is where functions log.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_function_logged_says_why_it_failed() {
    let aws = Aws::start().await.unwrap();
    let value = SecretValue::text(r#"{"behaviour":"Forbidden","password":"hunter22"}"#);
    let create = CreateSecret { name: SECRET, value: Some(value), ..CreateSecret::default() };
    aws.secrets().with(|model| model.create_secret(create).map(drop)).unwrap();
    let program = function::example("fourstep-tests", "misbehaving-function").unwrap();
    let sandbox = Arc::new(Sandbox::new(program).unwrap().variable("AWS_ENDPOINT_URL", aws.url()));
    let function = Arc::clone(&sandbox);
    aws.on_rotate(move |event| {
        let function = Arc::clone(&function);
        async move { function.invoke(event).await.result }
    });
    let run = |arguments: &[&str]| finish(command_at(aws.url(), arguments)).succeeded();
    run(&["configure", SECRET, "--function", FUNCTION_ARN, "--every", "30d"]);
    aws.rotation_end(SECRET).await.unwrap();
    run(&["start", SECRET]);
    aws.rotation_end(SECRET).await.unwrap();
    let status = || -> serde_json::Value {
        let ran = run(&["status", SECRET, "--output", "json"]);
        assert!(!ran.out.contains("hunter22"), "{}", ran.out);
        serde_json::from_str::<serde_json::Value>(&ran.out).unwrap()["secrets"][0].clone()
    };
    // Who looked before it was logged sees that nothing is known.
    let none = status();
    assert_eq!((&none["state"], &none["function_failure"]), (&json!("failed"), &json!(null)), "{none}");

    aws.set_function(FunctionFacts { log_group: Some("rotation".to_owned()), ..FunctionFacts::default() });
    aws.log("rotation", &sandbox.output().unwrap());
    let failure = &status()["function_failure"];
    assert_eq!((&failure["kind"], &failure["step"]), (&json!("Forbidden"), &json!("createSecret")), "{failure}");
    assert!(failure["message"].as_str().unwrap().contains("the password is"), "{failure}");
    let table = run(&["status", SECRET]).out;
    assert!(table.contains("Function says") && table.contains("Forbidden: "), "{table}");
    let tagged = run(&["status", "--all", "--output", "json"]).out;
    assert!(tagged.contains(r#""kind": "Forbidden""#), "{tagged}");

    let denied = Refusal::new("AccessDeniedException", "not authorized to perform: logs:FilterLogEvents");
    aws.refuse("logs:FilterLogEvents", denied);
    let denied = status();
    assert_eq!((&denied["state"], &denied["function_failure"]), (&json!("failed"), &json!(null)));
    assert!(denied["notes"][0].as_str().unwrap().contains("logs:FilterLogEvents"), "{denied}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_secrets_are_chosen_by_tag_over_all_pages() {
    let world = World::configured().await;
    for number in 0..230 {
        world.create(&format!("fleet/{number:03}"), "{}");
    }
    world.aws.secrets().with(|model| {
        let mut tag = |name: &str, key: &str, value: &str| {
            model.tag_resource(name, [(key.to_owned(), value.to_owned())]).unwrap();
        };
        for number in 0..120 {
            tag(&format!("fleet/{number:03}"), "team", "blue");
        }
        // These only begin like what is asked for, or have key and value on two tags.
        tag("fleet/200", "team", "blue-green");
        tag("fleet/201", "team", "red");
        tag("fleet/201", "colour", "blue");
    });
    let tagged = world.json(&["status", "--tag", "team=blue"]);
    let names: Vec<_> =
        tagged["secrets"].as_array().unwrap().iter().map(|secret| secret["name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 120);
    assert!(names.is_sorted() && names[119] == "fleet/119");
    assert_eq!(world.json(&["status", "--all"])["secrets"].as_array().unwrap().len(), 231);

    let two = world.fourstep(&["status", SECRET, "none", "--output", "json"]).refused(1, &["1 of the secrets"]);
    let two: serde_json::Value = serde_json::from_str(&two.out).unwrap();
    assert_eq!(
        (&two["secrets"][0]["state"], &two["secrets"][1]["error"]["reason"]),
        (&json!("idle"), &json!("not-found"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_are_listed_with_whether_they_are_in_sync() {
    let world = World::configured().await;
    world.aws.secrets().with(|model| {
        let secret = model.secret_mut(SECRET).unwrap();
        secret.replicas.insert("eu-west-1".to_owned(), "InSync".to_owned());
        secret.replicas.insert("eu-west-2".to_owned(), "InProgress".to_owned());
    });
    let ran = world.fourstep(&["status", SECRET]).succeeded();
    assert!(ran.out.contains("eu-west-1  InSync") && ran.out.contains("eu-west-2  InProgress"), "{}", ran.out);
}
