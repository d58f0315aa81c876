//! The same commands against an emulation that others wrote. Its functions do nothing, and it promotes all the same.

use std::process::Command;

use fourstep_test_servers::moto::Moto;
use fourstep_testkit::aws::Operation;
use fourstep_testkit::{HttpApi, JsonApi};
use serde_json::{Value, json};

use crate::world::{Ran, command_at, finish, finish_with};

async fn call(moto: &Moto, operation: Operation, input: Value) -> Value {
    HttpApi::new(moto.url()).call(operation, &input).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn moto_is_looked_at_and_its_labels_are_moved() {
    let Some(moto) = Moto::start().await.unwrap() else { return };
    let tags = json!([{"Key": "team", "Value": "blue"}]);
    let first = call(&moto, Operation::CreateSecret, json!({"Name": "app", "SecretString": "{}", "Tags": tags})).await;
    call(&moto, Operation::CreateSecret, json!({"Name": "other", "SecretString": "{}"})).await;
    let second = call(&moto, Operation::PutSecretValue, json!({"SecretId": "app", "SecretString": "{\"n\":2}"})).await;
    let (first, second) = (first["VersionId"].as_str().unwrap(), second["VersionId"].as_str().unwrap());
    let run = |arguments: &[&str]| -> Ran {
        let command: Command = command_at(moto.url(), arguments);
        finish(command)
    };
    let read = |arguments: &[&str]| -> Value {
        let ran = run(&[arguments, &["--output", "json"]].concat()).succeeded();
        serde_json::from_str(&ran.out).unwrap()
    };
    let tagged = read(&["status", "--tag", "team=blue"]);
    assert_eq!(tagged["secrets"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&tagged["secrets"][0]["name"], &tagged["secrets"][0]["state"]),
        (&json!("app"), &json!("not-configured"))
    );
    assert_eq!(read(&["versions", "app"])["versions"].as_array().unwrap().len(), 2);

    read(&["stage", "move", "app", "TESTING", "--to", first]);
    let back = read(&["stage", "move", "app", "AWSCURRENT", "--to", first, "--yes"]);
    assert_eq!((&back["from"], &back["to"]), (&json!(second), &json!(first)));
    let described = call(&moto, Operation::DescribeSecret, json!({"SecretId": "app"})).await;
    let labels = |id: &str| {
        let mut labels: Vec<_> = described["VersionIdsToStages"][id]
            .as_array()
            .unwrap()
            .iter()
            .map(|label| label.as_str().unwrap().to_owned())
            .collect();
        labels.sort();
        labels
    };
    assert_eq!(labels(first), ["AWSCURRENT", "TESTING"]);
    assert_eq!(labels(second), ["AWSPREVIOUS"]);
    read(&["stage", "remove", "app", "TESTING"]);

    run(&["start", "app"]).refused(3, &["no function rotates secret app"]);
    run(&["cancel", "app", "--yes"]).refused(3, &["turned off"]);
    run(&["status", "none"]).refused(1, &["does not exist"]);
    let function = "arn:aws:lambda:us-east-1:123456789012:function:none";
    run(&["configure", "app", "--function", function, "--every", "30d"])
        .refused(1, &["does not exist", "function:none"]);

    let made = ["configure", "made", "--function", function, "--every", "30d", "--tag", "team=red", "--create", "-"];
    finish_with(command_at(moto.url(), &made), "{}").refused(1, &["secret made was made", "function:none"]);
    let made = call(&moto, Operation::DescribeSecret, json!({"SecretId": "made"})).await;
    assert_eq!(made["Tags"], json!([{"Key": "team", "Value": "red"}]));
    let examination = run(&["doctor", "app", "--output", "json"]).refused(1, &["app from being rotated"]);
    let examination: Value = serde_json::from_str(&examination.out).unwrap();
    let trail = examination["findings"].as_array().unwrap().iter().find(|of| of["what"] == "trail for alarms");
    assert_eq!(trail.unwrap()["health"], "doubtful", "moto has no trail: {examination}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_of_moto_is_configured_cancelled_and_started() {
    let Some(moto) = Moto::start().await.unwrap() else { return };
    let function = moto.make_function("rotate").await.unwrap();
    let token = "00000000-0000-4000-9000-000000000001";
    let value = json!({"Name": "app", "SecretString": "{}", "ClientRequestToken": token});
    call(&moto, Operation::CreateSecret, value).await;
    let run = |arguments: &[&str]| finish(command_at(moto.url(), arguments));
    let read = |arguments: &[&str]| -> Value {
        let ran = run(&[arguments, &["--output", "json", "--yes"]].concat()).succeeded();
        serde_json::from_str(&ran.out).unwrap()
    };
    let state = || read(&["status", "app"])["secrets"][0]["state"].clone();
    read(&["configure", "app", "--function", &function, "--every", "30d"]);
    let described = call(&moto, Operation::DescribeSecret, json!({"SecretId": "app"})).await;
    assert_eq!((&described["RotationLambdaARN"], &described["RotationEnabled"]), (&json!(function), &json!(true)));
    assert_eq!(described["RotationRules"]["AutomaticallyAfterDays"], 30);

    // The version that tests the configuration stays pending there, and nobody knows whether the target accepts it.
    assert_eq!(state(), "in-progress");
    run(&["cancel", "app", "--yes"]).refused(3, &["that cannot be asked", "does not answer as Fourstep's do"]);
    read(&["stage", "remove", "app", "AWSPENDING"]);
    let cancelled = read(&["cancel", "app"]);
    assert_eq!((&cancelled["rotation_enabled"], state()), (&json!(false), json!("turned-off")));
    let described = call(&moto, Operation::DescribeSecret, json!({"SecretId": "app"})).await;
    assert_eq!(described["RotationEnabled"], false);

    read(&["configure", "app", "--function", &function, "--every", "7d"]);
    read(&["stage", "remove", "app", "AWSPENDING"]);
    let started = read(&["start", "app", "--wait"]);
    assert_eq!(started["ended"]["outcome"], "succeeded");
    let versions = read(&["versions", "app"]);
    let current = versions["versions"].as_array().unwrap().iter().find(|of| of["labels"] == json!(["AWSCURRENT"]));
    assert_eq!((&current.unwrap()["id"], state()), (&started["version"], json!("idle")));
    run(&["watch", "app"]).refused(3, &["no rotation of secret app is under way"]);
}
