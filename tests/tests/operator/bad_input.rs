use std::net::TcpListener;

use fourstep_testkit::aws::{At, Fault, Operation, Refusal};

use crate::world::{FUNCTION, SECRET, World, command_at, finish};

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_none_is_told_from_one_that_is_nearly_right() {
    let world = World::start().await;
    world.fourstep(&["start", "none"]).refused(1, &["secret none does not exist", "--region"]);
    world.fourstep(&["status", "app"]).refused(1, &["There is a secret app/db"]);
    world.create("app/queue", "{}");
    world
        .fourstep(&["status", "app"])
        .refused(1, &["names no secret, and begins the names of several", "app/db, app/queue"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_rotated_is_left_alone() {
    let world = World::start().await;
    world
        .fourstep(&["start", SECRET])
        .refused(3, &["no function rotates secret app/db", "fourstep configure --function ARN --every 30d app/db"]);
    let world = World::configured().await;
    world.aws.secrets().with(|model| model.cancel_rotate_secret(SECRET)).unwrap();
    world.fourstep(&["start", SECRET]).refused(3, &["turned off", "fourstep configure app/db"]);
    let rotations = world.aws.count(Operation::RotateSecret);
    world.aws.secrets().with(|model| model.secret_mut(SECRET).unwrap().primary_region = Some("eu-west-1".to_owned()));
    for command in ["start", "cancel"] {
        world.fourstep(&[command, SECRET, "--yes"]).refused(3, &["is a replica", "--region eu-west-1"]);
    }
    world.aws.secrets().with(|model| model.secret_mut(SECRET).unwrap().primary_region = None);
    world.aws.secrets().with(|model| model.delete_secret(SECRET, None)).unwrap();
    world.fourstep(&["start", SECRET]).refused(3, &["scheduled for deletion", "restore-secret"]);
    world.fourstep(&["configure", SECRET, "--function", FUNCTION]).refused(3, &["scheduled for deletion"]);
    assert_eq!(world.aws.count(Operation::RotateSecret), rotations);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_out_of_its_limits_is_refused() {
    let world = World::configured().await;
    world.fourstep(&["start", SECRET, "--token", "short"]).refused(2, &["5 characters", "32 to 64"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_of_a_rotation_that_was_cancelled_starts_nothing() {
    let world = World::configured().await;
    let pending = world.stage_empty_version();
    world.fourstep(&["cancel", SECRET, "--resume", "--yes"]).succeeded();
    world.aws.rotation_end(SECRET).await;
    let rotations = world.aws.count(Operation::RotateSecret);
    world.fourstep(&["start", SECRET, "--token", &pending]).refused(3, &[&pending, "is over", "another token"]);
    assert_eq!(world.aws.count(Operation::RotateSecret), rotations);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_region_is_named() {
    let world = World::start().await;
    let elsewhere = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:app/db-AbCdEf";
    world.fourstep(&["status", elsewhere]).refused(1, &["is in region eu-west-1, and us-east-1 was asked", "--region"]);
    // No service of AWS is in a region that is none.
    let mut command = world.command(&["status", SECRET, "--region", "nowhere-1"]);
    command.env_remove("AWS_ENDPOINT_URL");
    finish(command).refused(1, &["DescribeSecret did not reach secretsmanager", "--region"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_error_of_the_service_has_its_own_message_and_advice() {
    let rotate = || At::Every(Operation::RotateSecret);
    for (refusal, code, parts) in [
        (Refusal::new("ResourceNotFoundException", "no such secret"), 1, ["does not exist", "--region"]),
        (Refusal::new("InvalidParameterException", "a bad value"), 2, ["a parameter invalid", "a bad value"]),
        (Refusal::new("InvalidRequestException", "a bad state"), 3, ["forbids RotateSecret", "fourstep status"]),
        (Refusal::new("LimitExceededException", "too many"), 1, ["quota", "fourstep versions"]),
        (Refusal::new("PreconditionNotMetException", "not yet"), 3, ["a condition of RotateSecret", "not yet"]),
        (Refusal::access_denied(Operation::RotateSecret), 1, ["secretsmanager:RotateSecret", "Allow"]),
        (Refusal::kms_denied(), 1, ["KMS key", "kms:Decrypt"]),
        (Refusal::new("UnrecognizedClientException", "bad token"), 1, ["your credentials", "--profile"]),
        (Refusal::throttling(), 1, ["throttles RotateSecret", "fleet rotate"]),
        (Refusal::internal(), 1, ["failed to answer RotateSecret", "Try again"]),
    ] {
        let world = World::configured().await;
        world.aws.fault(Fault::refuse(rotate(), refusal));
        world.fourstep(&["start", SECRET]).refused(code, &parts);
        assert_eq!(world.pending(), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_credentials_no_region_and_no_answer_are_told_apart() {
    let world = World::start().await;
    let mut command = world.command(&["status", SECRET]);
    command.env_remove("AWS_ACCESS_KEY_ID");
    finish(command).refused(1, &["no credentials", "--profile"]);
    let mut command = world.command(&["status", SECRET]);
    command.env_remove("AWS_REGION");
    finish(command).refused(2, &["no AWS region", "--region"]);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    finish(command_at(&format!("http://{closed}"), &["status", SECRET]))
        .refused(1, &["the connection is refused", "--endpoint-url"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn profile_region_and_end_point_are_taken_from_the_options() {
    let world = World::start().await;
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("credentials");
    std::fs::write(&file, "[other]\naws_access_key_id = AKIDOTHER\naws_secret_access_key = secret\n").unwrap();
    let options = ["status", SECRET, "--profile", "other", "--region", "us-east-1", "--endpoint-url", world.aws.url()];
    let mut command = command_at("http://127.0.0.1:1", &options);
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY").env_remove("AWS_REGION");
    command.env("AWS_SHARED_CREDENTIALS_FILE", &file);
    finish(command).succeeded();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_that_is_named_goes_before_the_credentials_of_the_environment() {
    let world = World::start().await;
    let home = tempfile::tempdir().unwrap();
    let (credentials, config) = (home.path().join("credentials"), home.path().join("config"));
    std::fs::write(&credentials, "[prod]\naws_access_key_id = AKIDOFPROD\naws_secret_access_key = secret\n").unwrap();
    std::fs::write(&config, "[profile staging]\nregion = us-east-1\n").unwrap();
    let run = |profile: &[&str]| {
        let mut command = world.command(&[&["status", SECRET], profile].concat());
        command.env("AWS_SHARED_CREDENTIALS_FILE", &credentials).env("AWS_CONFIG_FILE", &config);
        finish(command)
    };
    run(&[]).succeeded();
    assert!(world.aws.callers().iter().eq(["AKIDEXAMPLE"]));
    run(&["--profile", "prod"]).succeeded();
    assert!(world.aws.callers().iter().eq(["AKIDEXAMPLE", "AKIDOFPROD"]));
    // Neither with the environment's credentials nor with none.
    run(&["--profile", "staging"]).refused(1, &["no credentials", "aws sso login"]);
    run(&["--profile", "pord"]).refused(2, &["no profile `pord`", "it has prod, staging"]);
    let mut command = world.command(&["status", SECRET, "--profile", "prod"]);
    command
        .env("AWS_SHARED_CREDENTIALS_FILE", home.path().join("none"))
        .env("AWS_CONFIG_FILE", home.path().join("none"));
    finish(command).refused(2, &["no profile `prod`", "there is none"]);
    assert_eq!(world.aws.callers().len(), 2);
}
