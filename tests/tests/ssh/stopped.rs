//! Hosts that have the tag and that Systems Manager does not list: stopped, terminated, or without an agent.

use fourstep::{AWSPENDING, Step};
use fourstep_test_servers::ssm::Behaviour;
use serde_json::json;

use crate::world::{SECRET, World, assert_error, empty};

impl World {
    /// Returns the ids of the hosts that are pinned in AWSCURRENT.
    fn pinned(&self) -> Vec<String> {
        let current = self.secret.current();
        let lines = current["KnownHosts"].as_str().unwrap().lines();
        let mut ids: Vec<_> = lines.filter_map(|line| Some(line.rsplit_once("fourstep:")?.1.to_owned())).collect();
        ids.dedup();
        ids
    }
}

#[tokio::test]
async fn a_fleet_that_is_stopped_at_night_is_not_promoted_on_the_one_host_that_runs() {
    let Some(mut world) = World::start(5, &empty(), &[]).await else { return };
    world.rotate().await.unwrap();
    let current = world.secret.current();
    world.nodes[1..].iter().for_each(|node| node.behave(Behaviour::Stopped));
    let token = world.secret.begin();
    let error = world.failing(Step::Create, &token).await;
    assert_error(
        &error,
        "Unavailable",
        &[
            "4 of 5 hosts gave no answer",
            "i-0001 (it is stopped); i-0002 (it is stopped)",
            "Start them",
            "take the tag",
            "MAX_UNREACHABLE",
        ],
    );
    assert_eq!(world.secret.labelled(AWSPENDING), None, "no key is made");
    world.nodes[1..].iter().for_each(|node| node.behave(Behaviour::Well));
    world.run(&token).await.unwrap();
    world.check_hosts(&token);
    assert_eq!(world.secret.previous(), current);
}

#[tokio::test]
async fn the_pins_of_a_stopped_host_are_kept_until_it_is_terminated() {
    let Some(mut world) = World::start(3, &empty(), &[("MAX_UNREACHABLE", "34%")]).await else { return };
    world.rotate().await.unwrap();
    world.nodes[1].behave(Behaviour::Stopped);
    world.rotate().await.unwrap();
    assert_eq!(world.pinned(), ["i-0000", "i-0001", "i-0002"]);

    // Whoever answers in its place when it is started again is no stranger that is pinned anew.
    world.host(1).change_host_key();
    world.nodes[1].behave(Behaviour::Well);
    let token = world.secret.begin();
    let error = world.failing(Step::Set, &token).await;
    assert_error(&error, "Invalid", &["i-0001: its host key changed"]);
    world.secret.abandon(&token);

    world.nodes[1].behave(Behaviour::Terminated);
    world.rotate().await.unwrap();
    assert_eq!(world.pinned(), ["i-0000", "i-0002"]);
    let output = world.sandbox.output().unwrap();
    assert!(output.lines().any(|line| line.contains("i-0001") && line.contains("was terminated")), "{output}");
}

#[tokio::test]
async fn more_hosts_out_of_reach_than_the_percentage_stop_a_rotation_and_terminated_ones_do_not_count() {
    let Some(mut world) = World::start(3, &empty(), &[("MAX_UNREACHABLE", "50%")]).await else { return };
    world.ssm.add_without_agent("i-lonely", "running");
    world.ssm.add_without_agent("i-asleep", "stopping");
    world.ssm.add_without_agent("i-gone", "terminated");
    world.ssm.add_without_agent("i-going", "shutting-down");
    world.rotate().await.unwrap();
    world.nodes[0].behave(Behaviour::Stopped);
    let error = world.rotate().await.unwrap_err();
    assert_error(
        &error,
        "Unavailable",
        &[
            "3 of 5 hosts gave no answer, and MAX_UNREACHABLE allows 50%, which is 2",
            "i-0000 (it is stopped)",
            "i-asleep (it is stopped)",
            "i-lonely (it runs without an agent that Systems Manager knows)",
        ],
    );
    assert!(!error.message.contains("i-gone") && !error.message.contains("i-going"), "{}", error.message);
}

/// More than one part of an answer has.
#[tokio::test]
async fn every_part_of_the_list_of_instances_is_read() {
    let Some(mut world) = World::start(1, &empty(), &[]).await else { return };
    (0..90).for_each(|number| world.ssm.add_without_agent(&format!("i-1{number:03}"), "stopped"));
    let error = world.rotate().await.unwrap_err();
    assert_error(&error, "Unavailable", &["90 of 91 hosts gave no answer", "and 80 more"]);
}

#[tokio::test]
async fn without_an_answer_of_ec2_nothing_is_said_to_be_whole_unless_the_owner_names_the_hosts() {
    let Some(mut world) = World::start(1, &empty(), &[]).await else { return };
    for (status, name, kind, part) in [
        (403, "UnauthorizedOperation", "Forbidden", "may not call ec2:DescribeInstances"),
        (503, "RequestLimitExceeded", "Unavailable", "Amazon EC2 throttles DescribeInstances"),
    ] {
        world.ssm.refuse("DescribeInstances", Some((status, name)));
        let token = world.secret.begin();
        let error = world.failing(Step::Create, &token).await;
        assert_error(&error, kind, &[part]);
        world.secret.abandon(&token);
    }
    world.ssm.refuse("DescribeInstances", None);
    world.rotate().await.unwrap();

    let Some(mut world) =
        World::start(1, &empty(), &[("SSH_HOSTS", "i-0000"), ("TAGNAME", ""), ("TAGVALUE", "")]).await
    else {
        return;
    };
    world.rotate().await.unwrap();
    let named = world.secret.current()["KnownHosts"].clone();
    assert!(named.as_str().unwrap().contains("[i-0000.compute.internal]:"), "{named}");
    world.ssm.refuse("DescribeInstances", Some((403, "UnauthorizedOperation")));
    world.rotate().await.unwrap();
    assert_eq!(world.secret.current()["KnownHosts"], named, "the name that was pinned is not lost");
    assert!(world.sandbox.output().unwrap().contains("the state of instances cannot be told"));
    world.ssm.refuse("DescribeInstances", None);
    world.nodes[0].behave(Behaviour::Stopped);
    let error = world.rotate().await.unwrap_err();
    assert_error(&error, "Unavailable", &["i-0000 (it is stopped)"]);
}

/// What was promoted is promoted: the rest is done where it can be. The proof before it needs all hosts.
#[tokio::test]
async fn after_the_promotion_the_last_step_and_reconcile_go_on_where_ec2_gives_no_answer() {
    for (status, name) in [(503, "RequestLimitExceeded"), (403, "UnauthorizedOperation")] {
        let Some(mut world) = World::start(2, &empty(), &[("MAX_UNREACHABLE", "1")]).await else { return };
        world.secret.tag("fourstep:hosts", "i-0000 i-0001");
        world.rotate().await.unwrap();
        world.nodes[1].behave(Behaviour::Stopped);
        let token = world.secret.begin();
        world.run(&token).await.unwrap();
        world.ssm.refuse("DescribeInstances", Some((status, name)));
        world.step(Step::Finish, &token).await.unwrap();
        world.nodes[1].behave(Behaviour::Well);
        let event = json!({ "Action": "reconcile", "SecretId": SECRET });
        world.sandbox.invoke(event).await.result.unwrap();
        world.check_hosts(&token);
        let output = world.sandbox.output().unwrap();
        assert!(output.contains("which instances have the tag cannot be told"), "{output}");
    }
}
