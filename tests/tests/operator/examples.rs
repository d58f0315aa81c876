//! The examples of the library do what they say.

use fourstep::AWSPREVIOUS;
use fourstep_testkit::aws::{At, Fault, Operation, Outcome, Refusal};

use crate::world::{FUNCTION, SECRET, World};

#[tokio::test(flavor = "multi_thread")]
async fn set_up_rotation_names_function_and_schedule_and_rotates() {
    let world = World::start().await;
    let ran = world.example("set_up_rotation", &[SECRET, FUNCTION], "").succeeded();
    assert_eq!(world.aws.rotation_end(SECRET).await.unwrap().outcome, Outcome::Succeeded);
    assert!(ran.out.contains("Started rotation for secret: app/db") && ran.out.contains(&world.current()), "{ran:?}");
    let rotation = world.aws.secrets().with(|model| model.secret(SECRET).unwrap().rotation.clone()).unwrap();
    assert_eq!((rotation.rules.automatically_after_days, rotation.lambda_arn.as_deref()), (Some(30), Some(FUNCTION)));
    assert!(world.target.accepts(&world.current_password()) && !world.target.accepts("first"));
}

#[tokio::test(flavor = "multi_thread")]
async fn rotate_now_waits_for_the_end() {
    let world = World::configured().await;
    let before = world.current();
    let ran = world.example("rotate_now", &[SECRET], "").succeeded();
    assert!(ran.out.contains(&world.current()) && ran.out.contains("Rotation completed successfully"), "{ran:?}");
    assert_ne!(world.current(), before);
    assert!(world.target.accepts(&world.current_password()));
    world.target.set_down(true);
    world.example("rotate_now", &[SECRET], "").refused(1, &["during setSecret step"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn cancel_rotation_puts_labels_and_schedule_right() {
    let world = World::start().await;
    let ran = world.example("cancel_rotation", &[SECRET], "").succeeded();
    assert!(ran.out.contains("No rotation in progress or cannot cancel"), "{ran:?}");
    let world = World::configured().await;
    world.stage_empty_version();
    let ran = world.example("cancel_rotation", &[SECRET], "").succeeded();
    assert!(ran.out.contains("Cancelled rotation for: app/db"), "{ran:?}");
    world.aws.rotation_end(SECRET).await;
    let rotation = world.aws.secrets().with(|model| model.secret(SECRET).unwrap().rotation.clone()).unwrap();
    assert_eq!((world.pending(), rotation.enabled, rotation.rules.automatically_after_days), (None, true, Some(30)));
}

#[tokio::test(flavor = "multi_thread")]
async fn create_with_rotation_reads_the_value_and_tests_it() {
    let world = World::start().await;
    let name = "database/credentials";
    let ran = world.example("create_with_rotation", &[name, FUNCTION], r#"{"password":"first"}"#).succeeded();
    assert_eq!(ran.out, "database/credentials is rotated every 45 days\n");
    assert_eq!(world.aws.rotation_end(name).await.unwrap().outcome, Outcome::TestSucceeded);
    let value = world.aws.secrets().with(|model| {
        let (_, value) = model.get_secret_value(name, None, None).unwrap();
        value.clone()
    });
    assert_eq!(value, fourstep::memory::SecretValue::text(r#"{"password":"first"}"#));
}

#[tokio::test(flavor = "multi_thread")]
async fn change_rotation_changes_what_is_given() {
    let world = World::configured().await;
    let other = "arn:aws:lambda:us-east-1:123456789012:function:other";
    for (arguments, function) in [(&[SECRET][..], FUNCTION), (&[SECRET, other], other)] {
        let ran = world.example("change_rotation", arguments, "").succeeded();
        world.aws.rotation_end(SECRET).await.unwrap();
        assert_eq!(ran.out, format!("app/db is rotated every 60 days by {function}\n"));
        let rotation = world.aws.secrets().with(|model| model.secret(SECRET).unwrap().rotation.clone()).unwrap();
        assert_eq!(
            (rotation.rules.automatically_after_days, rotation.lambda_arn.as_deref()),
            (Some(60), Some(function))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn move_labels_promotes_and_rolls_back() {
    let world = World::configured().await;
    world.json(&["start", SECRET, "--wait"]);
    let (current, previous) = (world.current(), world.labelled(AWSPREVIOUS).unwrap());
    let ran = world.example("move_labels", &[SECRET, &previous], "").succeeded();
    assert_eq!(
        ran.out.lines().collect::<Vec<_>>(),
        [
            format!("TESTING is on version {previous}"),
            format!("AWSCURRENT is on version {previous}"),
            format!("AWSCURRENT is on version {current} again"),
        ]
    );
    assert_eq!((world.current(), world.labelled("TESTING")), (current, Some(previous)));
}

#[tokio::test(flavor = "multi_thread")]
async fn check_rotation_tells_the_states_apart() {
    let world = World::start().await;
    let check = |world: &World, part: &str| {
        let ran = world.example("check_rotation", &[SECRET], "").succeeded();
        assert!(ran.out.contains(part), "{part:?} is not in: {}", ran.out);
    };
    check(&world, "Rotation is not configured");
    let world = World::configured().await;
    check(&world, "State: idle");
    world.target.set_down(true);
    world.fourstep(&["start", SECRET]).succeeded();
    world.aws.rotation_end(SECRET).await;
    check(&world, "Rotation failed: Error when executing lambda");
    let world = World::configured().await;
    let pending = world.stage_empty_version();
    check(&world, &format!("{pending}: AWSPENDING"));
    check(&world, "Rotation in progress, next: createSecret");
}

#[tokio::test(flavor = "multi_thread")]
async fn handle_errors_tells_the_errors_apart() {
    let world = World::configured().await;
    for (name, refusal, part) in [
        ("none", None, "Secret not found: secret none does not exist"),
        (SECRET, Some(Refusal::new("InvalidParameterException", "bad")), "Invalid rotation configuration"),
        (SECRET, Some(Refusal::new("InvalidRequestException", "bad")), "Rotation cannot be performed"),
        (SECRET, Some(Refusal::new("LimitExceededException", "bad")), "Too many requests"),
        (SECRET, Some(Refusal::new("PreconditionNotMetException", "bad")), "Rotation precondition failed"),
        (SECRET, Some(Refusal::access_denied(Operation::RotateSecret)), "secretsmanager:RotateSecret"),
        (SECRET, None, "Started rotation: "),
    ] {
        world.aws.heal();
        if let Some(refusal) = refusal {
            world.aws.fault(Fault::refuse(At::Every(Operation::RotateSecret), refusal));
        }
        let ran = world.example("handle_errors", &[name], "").succeeded();
        assert!(ran.out.contains(part), "{part:?} is not in: {}", ran.out);
    }
}
