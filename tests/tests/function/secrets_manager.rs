//! A Secrets Manager that refuses, fails, or cannot be reached.

use std::time::Duration;

use fourstep::Step;
use fourstep_testkit::aws::{At, Fault, Operation, Refusal};

use super::*;

#[tokio::test]
async fn a_missing_right_is_forbidden_and_named_with_the_secret() {
    for (operation, action) in [
        (Operation::DescribeSecret, "secretsmanager:DescribeSecret"),
        (Operation::GetSecretValue, "secretsmanager:GetSecretValue"),
        (Operation::PutSecretValue, "secretsmanager:PutSecretValue"),
    ] {
        let world = World::new().await;
        world.aws.fault(Fault::refuse(At::Every(operation), Refusal::access_denied(operation)));
        let fix = format!("Allow {action} on {} to the function's role", world.arn());
        world.fails(world.event(Step::Create), "Forbidden", &[&fix]).await;
        assert_eq!(world.aws.count(operation), 1, "a refusal is not tried again");
    }
}

#[tokio::test]
async fn a_key_that_may_not_be_used_is_forbidden_and_names_the_key_permissions() {
    for (operation, permissions) in [
        (Operation::GetSecretValue, "Allow kms:Decrypt to"),
        (Operation::PutSecretValue, "Allow kms:GenerateDataKey and"),
    ] {
        let world = World::new().await;
        world.aws.fault(Fault::refuse(At::Every(operation), Refusal::kms_denied()));
        world.fails(world.event(Step::Create), "Forbidden", &["Access to KMS is not allowed", permissions]).await;
    }
}

#[tokio::test]
async fn throttling_and_failures_are_retried_once_and_then_unavailable() {
    for (refusal, expected) in
        [(Refusal::throttling(), "throttles DescribeSecret"), (Refusal::internal(), "failed to answer DescribeSecret")]
    {
        let world = World::new().await;
        world.aws.fault(Fault::refuse(At::Every(Operation::DescribeSecret), refusal));
        world.fails(world.event(Step::Create), "Unavailable", &[expected, "tries the rotation again by itself"]).await;
        assert_eq!(world.aws.count(Operation::DescribeSecret), 3, "the SDK's attempts, and nothing on top");
    }
}

#[tokio::test]
async fn throttling_that_ends_is_not_noticed() {
    let world = World::new().await;
    for operation in [Operation::DescribeSecret, Operation::GetSecretValue, Operation::PutSecretValue] {
        world.aws.fault(Fault::refuse(At::Nth(operation, 1), Refusal::throttling()));
    }
    world.sandbox.invoke(world.event(Step::Create)).await.result.unwrap();
}

#[tokio::test]
async fn an_endpoint_that_refuses_connections_is_unavailable_and_names_what_a_vpc_needs() {
    let mut world = World::new().await;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    world.sandbox = world.sandbox.variable("AWS_ENDPOINT_URL_SECRETS_MANAGER", format!("http://{nobody}"));
    let parts = ["cannot be reached", "VPC endpoint for Secrets Manager", "NAT gateway", "security groups", "DNS"];
    let invocation = world.fails(world.event(Step::Create), "Unavailable", &parts).await;
    assert!(invocation.duration < Duration::from_secs(5), "{:?}", invocation.duration);
}

#[tokio::test]
async fn the_endpoint_variables_of_the_sdk_and_of_awss_functions_are_understood() {
    for name in ["AWS_ENDPOINT_URL", "SECRETS_MANAGER_ENDPOINT"] {
        let mut world = World::new().await;
        let sandbox = Sandbox::new(function::binary("rotate-postgres").unwrap()).unwrap();
        world.sandbox = sandbox.variable(name, world.aws.url());
        world.sandbox.invoke(world.event(Step::Create)).await.result.unwrap();
        assert!(world.aws.count(Operation::PutSecretValue) == 1, "{name}");
    }
}
