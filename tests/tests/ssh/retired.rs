//! A retired key is tried, and is to open nothing.

use std::sync::Arc;

use fourstep::Step;
use fourstep_test_servers::sshd::{Host, Options};
use serde_json::Value;

use crate::world::{World, assert_error, empty};

/// A world whose first host takes keys from a command too, which names none yet.
async fn world(hosts: usize, variables: &[(&str, &str)]) -> Option<World> {
    let config = vec!["AuthorizedKeysCommand /run/keys", "AuthorizedKeysCommandUser nobody"];
    let options = Options { config, ..Options::default() };
    let hosts: Option<Vec<_>> = (0..hosts).map(|_| Host::start_with(&options).map(Arc::new)).collect();
    let world = World::with_hosts(hosts?, &empty(), variables).await;
    name_by_command(&world, "");
    Some(world)
}

fn name_by_command(world: &World, key: &str) {
    let script = format!("#!/bin/sh\necho '{key}'\n");
    let made = world.host(0).root("cat >/run/keys && chmod 755 /run/keys", script.as_bytes());
    assert!(made.status.success(), "{made:?}");
}

fn public(version: &Value) -> String {
    version["PublicKey"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_retired_key_that_sshd_still_accepts_fails_the_last_step_until_it_is_refused() {
    for (retire, rotations) in [("at-finish", 1), ("at-next-rotation", 2)] {
        let Some(mut world) = world(2, &[("RETIRE", retire)]).await else { return };
        world.rotate().await.unwrap();
        let first = world.secret.current();
        for _ in 1..rotations {
            world.rotate().await.unwrap();
        }
        name_by_command(&world, &public(&first));
        let token = world.secret.begin();
        let error = world.failing(Step::Finish, &token).await;
        let parts =
            ["1 of 2 hosts: its sshd still accepts the retired key: i-0000", "AWSCURRENT is promoted and works"];
        assert_error(&error, "Conflict", &parts);
        name_by_command(&world, "");
        world.step(Step::Finish, &token).await.unwrap();
        assert!((0..2).all(|number| !world.opens(number, &first) && world.opens(number, &world.secret.current())));
        let output = world.sandbox.output().unwrap();
        assert!(output.contains("\"refused\":2,\"unknown\":0"), "{output}");
        let refused = world.host(1).log().matches("Failed publickey").count();
        assert!(refused > 0, "it was tried: {}", world.host(1).log());
    }
}

/// A new host, made from an image of the time before the first rotation: no mark says whose the line is.
#[tokio::test]
async fn the_key_that_was_made_by_hand_goes_from_a_host_of_an_old_image_too() {
    let Some(first) = Host::start().map(Arc::new) else { return };
    let made = first.root("ssh-keygen -q -t ed25519 -N '' -C me@laptop -f /run/by-hand", b"");
    assert!(made.status.success(), "{made:?}");
    let [private, public] = ["/run/by-hand", "/run/by-hand.pub"]
        .map(|file| String::from_utf8(first.root(&format!("cat {file}"), b"").stdout).unwrap());
    let by_hand = serde_json::json!({ "PublicKey": public.trim(), "PrivateKey": private });
    first.authorize(public.as_bytes());
    let mut world = World::with_hosts(vec![first], &by_hand, &[]).await;
    world.rotate().await.unwrap();
    world.rotate().await.unwrap();
    assert!(!world.opens(0, &by_hand));
    world.add_host("i-0001");
    world.host(1).authorize(public.as_bytes());
    let token = world.secret.begin();
    world.run(&token).await.unwrap();
    assert!(!world.opens(1, &by_hand), "{}", world.host(1).log());
    world.check_hosts(&token);
}

#[tokio::test]
async fn a_host_that_gives_no_answer_keeps_no_rotation_from_its_end_and_is_said_to_be_unknown() {
    let variables = [("RETIRE", "at-finish"), ("MAX_UNREACHABLE", "1")];
    let Some(mut world) = world(2, &variables).await else { return };
    world.rotate().await.unwrap();
    let token = world.secret.begin();
    for step in [Step::Create, Step::Set, Step::Test] {
        world.step(step, &token).await.unwrap();
    }
    // Its agent still takes the key away.
    world.host(1).stop();
    world.step(Step::Finish, &token).await.unwrap();
    let output = world.sandbox.output().unwrap();
    let unknown = output.lines().find(|line| line.contains("refuse the retired key is unknown"));
    assert!(unknown.unwrap().contains("i-0001 (the connection to port"), "{output}");
    world.host(1).resume();
    assert!((0..2).all(|number| world.opens(number, &world.secret.current()) && world.lines(number).len() == 1));
}
