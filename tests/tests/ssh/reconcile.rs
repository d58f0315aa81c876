//! The operator's event `reconcile`, which the template may call on a schedule.

use fourstep_test_servers::ssm::Behaviour;
use serde_json::{Value, json};

use crate::world::{SECRET, World, assert_error, empty};

async fn reconcile(world: &World) -> Result<Value, fourstep_testkit::aws::FunctionError> {
    world.sandbox.invoke(json!({ "Action": "reconcile", "SecretId": SECRET })).await.result
}

#[tokio::test]
async fn hosts_that_were_down_or_are_new_get_the_labelled_keys() {
    let Some(mut world) = World::start(2, &empty(), &[("MAX_UNREACHABLE", "1")]).await else { return };
    world.rotate().await.unwrap();
    world.nodes[1].behave(Behaviour::Down);
    let token = world.secret.begin();
    world.run(&token).await.unwrap();
    assert!(world.opens(0, &world.secret.current()) && !world.opens(1, &world.secret.current()));

    world.nodes[1].behave(Behaviour::Well);
    world.add_host("i-0002");
    let reply = reconcile(&world).await.unwrap();
    let expected = json!({ "Action": "reconcile", "Secret": SECRET, "Outcome": "Done", "Strategy": "ssh" });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&reply[name], value, "{reply}");
    }
    assert!(reply["DurationMs"].is_u64(), "{reply}");
    world.check_hosts(&token);
    let output = world.sandbox.output().unwrap();
    assert!(output.contains("\"step\":\"reconcile\""), "{output}");

    // Again, it changes no file.
    let files =
        || [0, 1, 2].map(|number| world.host(number).root("stat -c '%i %y' ~app/.ssh/authorized_keys", b"").stdout);
    let before = files();
    reconcile(&world).await.unwrap();
    assert_eq!(files(), before);
}

#[tokio::test]
async fn in_the_middle_of_a_rotation_the_pending_key_is_installed_too() {
    let Some(mut world) = World::start(1, &empty(), &[]).await else { return };
    world.rotate().await.unwrap();
    let token = world.secret.begin();
    world.step(fourstep::Step::Create, &token).await.unwrap();
    world.step(fourstep::Step::Set, &token).await.unwrap();
    world.add_host("i-0001");
    reconcile(&world).await.unwrap();
    assert!(
        world.opens(1, &world.secret.current())
            && world.opens(1, &world.secret.labelled(fourstep::AWSPENDING).unwrap())
    );
    world.step(fourstep::Step::Test, &token).await.unwrap();
    world.step(fourstep::Step::Finish, &token).await.unwrap();
    world.check_hosts(&token);
}

#[tokio::test]
async fn hosts_that_are_still_down_are_named() {
    let Some(mut world) = World::start(2, &empty(), &[]).await else { return };
    world.rotate().await.unwrap();
    world.nodes[1].behave(Behaviour::Down);
    let error = reconcile(&world).await.unwrap_err();
    assert_error(&error, "Unavailable", &["1 of 2 hosts gave no answer", "i-0001 (Systems Manager does not hear of"]);
    assert!(world.opens(0, &world.secret.current()));
}

/// The agents followed both, and each order says how old it is.
#[tokio::test]
async fn after_an_operator_went_back_and_forth_between_two_versions_the_hosts_follow() {
    let Some(mut world) = World::start(1, &empty(), &[]).await else { return };
    world.rotate().await.unwrap();
    world.rotate().await.unwrap();
    for _ in 0..2 {
        let (newer, older) = (world.secret.current(), world.secret.id(fourstep::AWSPREVIOUS).unwrap());
        let event = json!({ "Action": "recover", "SecretId": SECRET, "VersionId": older });
        world.sandbox.invoke(event).await.result.unwrap();
        assert_ne!(world.secret.current(), newer);
        for _ in 0..2 {
            reconcile(&world).await.unwrap();
        }
        assert!(world.opens(0, &world.secret.current()));
    }
    let token = world.secret.begin();
    world.run(&token).await.unwrap();
    world.check_hosts(&token);
}

/// A rotation that was cancelled after setSecret, and one that an operator rolled back: its key is on the hosts.
#[tokio::test]
async fn after_a_rotation_that_was_given_up_the_hosts_follow_and_its_late_orders_do_nothing() {
    let Some(mut world) = World::start(1, &empty(), &[]).await else { return };
    world.rotate().await.unwrap();
    for rolled_back in [false, true] {
        let current = world.secret.current();
        let token = world.secret.begin();
        world.step(fourstep::Step::Create, &token).await.unwrap();
        world.step(fourstep::Step::Set, &token).await.unwrap();
        let given_up = world.secret.labelled(fourstep::AWSPENDING).unwrap();
        let late = world.nodes[0].last_script().unwrap();
        assert!(world.opens(0, &given_up));
        if rolled_back {
            let event = json!({ "Action": "rollback", "SecretId": SECRET });
            world.sandbox.invoke(event).await.result.unwrap();
        } else {
            world.secret.abandon(&token);
        }
        // A schedule does so every hour.
        for _ in 0..2 {
            reconcile(&world).await.unwrap();
        }
        assert!(world.opens(0, &current) && !world.opens(0, &given_up));
        let before = world.host(0).authorized_keys();
        let said = String::from_utf8(world.host(0).root(&late, b"").stdout).unwrap();
        assert!(said.starts_with("fourstep 1 stale "), "{said}");
        assert_eq!(world.host(0).authorized_keys(), before);

        let token = world.secret.begin();
        world.run(&token).await.unwrap();
        world.check_hosts(&token);
    }
}
