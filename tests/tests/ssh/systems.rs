//! Hosts with a system on which the script does not run.

use fourstep::{AWSPENDING, Step};
use fourstep_test_servers::ssm::Behaviour;

use crate::world::{World, assert_error, empty};

#[tokio::test]
async fn windows_and_macos_are_named_with_what_to_do_and_never_taken_for_hosts_that_come_back() {
    let Some(mut world) = World::start(3, &empty(), &[("MAX_UNREACHABLE", "2")]).await else { return };
    world.nodes[1].runs("Windows");
    world.nodes[2].runs("MacOS");
    let what = [
        "2 of 3 hosts could not",
        "i-0001: it runs Windows, where the script does not run",
        "i-0002: it runs macOS, where the script does not run",
        "Take the tag of hosts away",
    ];
    // Stopped ones are not listed, and EC2 says what they are.
    for behaviour in [Behaviour::Well, Behaviour::Down, Behaviour::Stopped] {
        world.nodes[1..].iter().for_each(|node| node.behave(behaviour));
        let token = world.secret.begin();
        let error = world.failing(Step::Create, &token).await;
        assert_error(&error, "Invalid", &what);
        assert!(!error.message.contains("gave no answer"), "{}", error.message);
        assert_eq!(world.secret.labelled(AWSPENDING), None, "no key is made");
        world.secret.abandon(&token);
    }
    world.ssm.remove("i-0001");
    world.ssm.remove("i-0002");
    world.rotate().await.unwrap();
}

#[tokio::test]
async fn a_host_with_windows_that_joins_during_a_rotation_keeps_it_from_its_promotion() {
    for variables in [vec![], vec![("SSH_HOSTS", "i-0000 i-0001")]] {
        let Some(mut world) = World::start(1, &empty(), &variables).await else { return };
        world.add_host("i-0001");
        world.rotate().await.unwrap();
        let current = world.secret.current();
        let token = world.secret.begin();
        world.step(Step::Create, &token).await.unwrap();
        world.nodes[1].runs("Windows");
        for step in [Step::Set, Step::Test] {
            let error = world.step(step, &token).await.unwrap_err();
            assert_error(&error, "Invalid", &["i-0001: it runs Windows"]);
        }
        assert_eq!(world.secret.current(), current);
    }
}
