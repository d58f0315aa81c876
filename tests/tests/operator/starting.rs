use fourstep_testkit::aws::{At, Fault, Operation, Refusal};

use crate::world::{SECRET, World};

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_is_started_and_waited_for() {
    let world = World::configured().await;
    let started = world.json(&["start", SECRET, "--wait"]);
    assert_eq!(started["ended"]["outcome"], "succeeded");
    assert_eq!(started["version"], world.current());
    assert!(world.target.accepts(&world.current_password()) && !world.target.accepts("first"));
    assert_eq!(world.state(), "idle");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_token_again_starts_nothing_anew() {
    let world = World::configured().await;
    let token = "0c5e3f0b-5dd0-4b1c-8f35-6f4e5ab0d8a1";
    for _ in 0..2 {
        let started = world.json(&["start", SECRET, "--wait", "--token", token]);
        assert_eq!(started["version"], token);
    }
    assert_eq!(world.current(), token);
    let versions = world.aws.secrets().with(|model| model.secret(SECRET).unwrap().versions.len());
    assert_eq!(versions, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_rotation_ends_the_wait_and_goes_on_with_the_same_version() {
    let world = World::configured().await;
    world.target.set_down(true);
    world
        .fourstep(&["start", SECRET, "--wait"])
        .refused(1, &["failed", "during setSecret step", "start --wait app/db"]);
    let pending = world.pending().unwrap();
    world.target.set_down(false);
    let started = world.json(&["start", SECRET, "--wait"]);
    assert_eq!((&started["resumed"], &started["version"]), (&true.into(), &pending.clone().into()));
    assert_eq!(world.current(), pending);
    assert!(world.target.accepts(&world.current_password()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_ends_at_its_limit_and_the_rotation_goes_on() {
    let world = World::configured().await;
    world.aws.on_rotate(|_| std::future::pending());
    world
        .fourstep(&["start", SECRET, "--wait", "--timeout", "1s"])
        .refused(1, &["did not end within 1s", "fourstep watch app/db"]);
    assert!(world.pending().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_version_without_a_value_is_dropped_by_force() {
    let world = World::configured().await;
    let stale = world.stage_empty_version();
    // Secrets Manager would try that one again, for ever.
    let started = world.json(&["start", SECRET, "--force", "--yes", "--wait"]);
    assert_eq!(started["dropped"], stale);
    assert_eq!(started["ended"]["outcome"], "succeeded");
    assert_ne!(world.current(), stale);
    assert_eq!(world.pending(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn force_asks_first_and_drops_no_value_that_cannot_be_judged() {
    let world = World::configured().await;
    world.target.set_down(true);
    world.fourstep(&["start", SECRET]).succeeded();
    world.aws.rotation_end(SECRET).await;
    let pending = world.pending();
    world.fourstep(&["start", SECRET, "--force"]).refused(2, &["add --yes"]);
    let denied = Refusal::new("AccessDeniedException", "not authorized to perform: lambda:InvokeFunction");
    world.aws.refuse("lambda:InvokeFunction", denied);
    world.fourstep(&["start", SECRET, "--force", "--yes"]).refused(1, &["lambda:InvokeFunction"]);
    assert_eq!(world.pending(), pending);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_starts_one_rotation_only() {
    let world = World::configured().await;
    world.aws.fault(Fault::lose_reply(At::Nth(Operation::RotateSecret, 2)));
    world.json(&["start", SECRET, "--wait"]);
    let versions = world.aws.secrets().with(|model| model.secret(SECRET).unwrap().versions.len());
    assert_eq!(versions, 2, "the client repeats the call with the same token");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_rotation_under_way_there_is_nothing_to_watch() {
    let world = World::configured().await;
    world.fourstep(&["watch", SECRET]).refused(3, &["no rotation of secret app/db is under way"]);
    let pending = world.stage_empty_version();
    world.aws.secrets().with(|model| model.cancel_rotate_secret(SECRET)).unwrap();
    world.fourstep(&["watch", SECRET]).refused(1, &[&pending, "was cancelled", "fourstep cancel app/db"]);
}
