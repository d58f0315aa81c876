use fourstep::{AWSCURRENT, AWSPREVIOUS};
use fourstep_testkit::aws::Operation;

use crate::world::{SECRET, World};

#[tokio::test(flavor = "multi_thread")]
async fn versions_are_listed_newest_first_with_those_without_a_label() {
    let world = World::configured().await;
    for _ in 0..3 {
        world.json(&["start", SECRET, "--wait"]);
    }
    let listed = world.json(&["versions", SECRET]);
    let labels: Vec<_> =
        listed["versions"].as_array().unwrap().iter().map(|version| version["labels"].to_string()).collect();
    assert_eq!(labels, ["[\"AWSCURRENT\"]", "[\"AWSPREVIOUS\"]", "[]", "[]"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn any_label_is_added_moved_and_removed() {
    let world = World::configured().await;
    world.json(&["start", SECRET, "--wait"]);
    let (current, previous) = (world.current(), world.labelled(AWSPREVIOUS).unwrap());
    world.json(&["stage", "move", SECRET, "TESTING", "--to", &current]);
    assert_eq!(world.labelled("TESTING"), Some(current.clone()));
    let moved = world.json(&["stage", "move", SECRET, "TESTING", "--to", &previous]);
    assert_eq!((&moved["from"], world.labelled("TESTING")), (&current.clone().into(), Some(previous.clone())));
    world.fourstep(&["stage", "move", SECRET, "TESTING", "--to", &previous]).refused(3, &["already"]);
    // Somebody who thinks that it is elsewhere changes nothing.
    world
        .fourstep(&["stage", "move", SECRET, "TESTING", "--to", &current, "--from", &current])
        .refused(2, &["UpdateSecretVersionStage", "nothing was changed"]);
    world.json(&["stage", "remove", SECRET, "TESTING"]);
    assert_eq!(world.labelled("TESTING"), None);
    world.fourstep(&["stage", "remove", SECRET, "TESTING"]).refused(3, &["no version"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn moving_current_is_asked_about_since_the_target_stays_as_it_is() {
    let world = World::configured().await;
    world.json(&["start", SECRET, "--wait"]);
    let (current, previous) = (world.current(), world.labelled(AWSPREVIOUS).unwrap());
    let back = ["stage", "move", SECRET, AWSCURRENT, "--to", &previous];
    world.fourstep(&back).refused(2, &["nothing in the target", "--yes"]);
    assert_eq!(world.current(), current);
    world.fourstep(&[&back[..], &["--yes"]].concat()).succeeded();
    assert_eq!((world.current(), world.labelled(AWSPREVIOUS)), (previous, Some(current)));
    assert!(!world.target.accepts(&world.current_password()), "which is why there is `rollback`");
    world.fourstep(&["stage", "remove", SECRET, AWSCURRENT, "--yes"]).refused(3, &["can be moved, and not removed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_out_of_their_limits_are_refused_before_the_call() {
    let world = World::configured().await;
    let current = world.current();
    let long = "x".repeat(257);
    world.fourstep(&["stage", "move", SECRET, &long, "--to", &current]).refused(2, &["257 characters"]);
    world
        .fourstep(&["stage", "move", SECRET, "TESTING", "--to", "none"])
        .refused(2, &["no version none", "fourstep versions"]);
    for number in 1..20 {
        world.fourstep(&["stage", "move", SECRET, &format!("L{number}"), "--to", &current]).succeeded();
    }
    let calls = world.aws.count(Operation::UpdateSecretVersionStage);
    world.fourstep(&["stage", "move", SECRET, "L20", "--to", &current]).refused(3, &["20 labels", "stage remove"]);
    assert_eq!(world.aws.count(Operation::UpdateSecretVersionStage), calls);
}
