use fourstep_testkit::aws::Operation;
use serde_json::json;

use crate::world::{FUNCTION, SECRET, World};

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_turns_the_schedule_off_and_puts_the_labels_right() {
    let world = World::configured().await;
    let pending = world.stage_empty_version();
    let cancelled = world.json(&["cancel", SECRET, "--yes"]);
    assert_eq!((&cancelled["version"], &cancelled["dropped"]), (&json!(pending), &json!(true)));
    assert_eq!(
        (&cancelled["rules"]["automatically_after_days"], &cancelled["function"]),
        (&json!(30), &json!(FUNCTION))
    );
    assert_eq!(world.pending(), None);
    assert_eq!(world.state(), "abandoned", "the empty version is younger than AWSCURRENT");
    world.fourstep(&["cancel", SECRET, "--yes"]).refused(3, &["nothing of one is left"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn resuming_turns_the_schedule_on_as_it_was() {
    let world = World::configured().await;
    world.stage_empty_version();
    let cancelled = world.json(&["cancel", SECRET, "--resume", "--yes"]);
    assert_eq!(cancelled["rotation_enabled"], true);
    world.aws.rotation_end(SECRET).await;
    let rotation = world.aws.secrets().with(|model| model.secret(SECRET).unwrap().rotation.clone()).unwrap();
    assert_eq!((rotation.enabled, rotation.rules.automatically_after_days), (true, Some(30)));
    assert_eq!(rotation.lambda_arn.as_deref(), Some(FUNCTION));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_cancelled_elsewhere_is_put_right_too() {
    let world = World::configured().await;
    world.stage_empty_version();
    world.aws.secrets().with(|model| model.cancel_rotate_secret(SECRET)).unwrap();
    let calls = world.aws.count(Operation::CancelRotateSecret);
    assert_eq!(world.json(&["cancel", SECRET, "--yes"])["dropped"], true);
    assert_eq!(world.aws.count(Operation::CancelRotateSecret), calls, "rotation was off already");
    assert_eq!(world.pending(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_may_be_the_only_one_is_not_dropped() {
    let world = World::configured().await;
    world.target.set_down(true);
    world.fourstep(&["start", SECRET]).succeeded();
    world.aws.rotation_end(SECRET).await;
    let pending = world.pending();
    // The function of this world answers no operator events, so nobody can ask the target.
    world.aws.refuse("lambda:InvokeFunction", fourstep_testkit::aws::Refusal::new("AccessDeniedException", "no"));
    world.fourstep(&["cancel", SECRET, "--yes"]).refused(3, &["may be the only one", "--keep-pending"]);
    assert_eq!((world.pending(), world.state().as_str()), (pending.clone(), "failed"), "nothing was done");

    let kept = world.json(&["cancel", SECRET, "--keep-pending", "--yes"]);
    assert_eq!((&kept["dropped"], world.pending()), (&json!(false), pending));
    assert_eq!(world.state(), "cancelled");
}
