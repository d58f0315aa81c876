use fourstep::Step;
use serde_json::json;

use crate::world::{World, assert_error, empty};

#[tokio::test]
async fn an_empty_secret_gets_its_first_pair_and_old_and_new_overlap() {
    let Some(mut world) = World::start(2, &empty(), &[]).await else { return };
    let token = world.secret.begin();
    world.run(&token).await.unwrap();
    world.check_hosts(&token);
    let first = world.secret.current();
    assert_eq!(first["note"], "of the owner", "other fields survive");
    let comment = first["PublicKey"].as_str().unwrap().split(' ').nth(2).unwrap();
    assert!(comment.starts_with("fourstep:arn:aws:secretsmanager:") && comment.ends_with(&token), "{comment}");
    assert!(first["Fingerprint"].as_str().unwrap().starts_with("SHA256:"));
    for number in 0..2 {
        let pinned = world.host(number).known_hosts();
        let (place, key) = pinned.trim_end().split_once(' ').unwrap();
        let mut lines = first["KnownHosts"].as_str().unwrap().lines();
        assert!(lines.any(|line| line.starts_with(place) && line.contains(key)), "{pinned}");
    }

    // Second rotation: at each step AWSCURRENT opens every host.
    let token = world.secret.begin();
    for step in Step::ALL {
        world.step(step, &token).await.unwrap();
        assert!((0..2).all(|number| world.opens(number, &world.secret.current())), "after {step}");
    }
    world.check_hosts(&token);
    assert_eq!(world.secret.previous()["PrivateKey"], first["PrivateKey"]);
    assert!((0..2).all(|number| world.opens(number, &first)), "AWSPREVIOUS works until the next rotation");

    let token = world.secret.begin();
    world.run(&token).await.unwrap();
    world.check_hosts(&token);
    assert!(!world.opens(0, &first), "its turn is over");

    // Run again, it changes nothing.
    let before: Vec<_> =
        (0..2).map(|number| world.host(number).root("stat -c '%i %y' ~app/.ssh/authorized_keys", b"").stdout).collect();
    world.run(&token).await.unwrap();
    let after: Vec<_> =
        (0..2).map(|number| world.host(number).root("stat -c '%i %y' ~app/.ssh/authorized_keys", b"").stdout).collect();
    assert_eq!(before, after);
}

#[tokio::test]
async fn with_retire_at_finish_only_the_new_key_is_left() {
    let Some(mut world) =
        World::start(1, &empty(), &[("RETIRE", "at-finish"), ("KEY_OPTIONS", "restrict,from=\"127.0.0.0/8\"")]).await
    else {
        return;
    };
    world.rotate().await.unwrap();
    let first = world.secret.current();
    world.rotate().await.unwrap();
    assert!(world.opens(0, &world.secret.current()) && !world.opens(0, &first));
    let lines = world.lines(0);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with("restrict,from=\"127.0.0.0/8\" ssh-ed25519 "), "{lines:?}");
}

#[tokio::test]
async fn each_kind_and_format_of_key_opens_the_host() {
    let Some(mut world) = World::start(1, &empty(), &[]).await else { return };
    for (kind, format, begin) in [
        ("ecdsa-p256", "openssh", "-----BEGIN OPENSSH PRIVATE KEY-----"),
        ("ecdsa-p384", "pem", "-----BEGIN PRIVATE KEY-----"),
        ("rsa-3072", "pem", "-----BEGIN RSA PRIVATE KEY-----"),
    ] {
        world.secret.tag("fourstep:key-type", kind);
        world.secret.tag("fourstep:key-format", format);
        world.rotate().await.unwrap();
        let current = world.secret.current();
        assert!(current["PrivateKey"].as_str().unwrap().starts_with(begin), "{kind}");
        assert!(world.opens(0, &current), "{kind}");
    }
}

#[tokio::test]
async fn without_a_way_to_the_hosts_the_agents_are_asked() {
    let Some(mut world) = World::start(1, &empty(), &[("SSH_TEST", "agent")]).await else { return };
    // No SSH answers at all.
    world.host(0).stop();
    world.rotate().await.unwrap();
    assert!(world.sandbox.output().unwrap().contains("SSH_TEST is agent"));
    world.host(0).resume();
    assert!(world.opens(0, &world.secret.current()));
    world.host(0).root("chmod 777 ~app", b"");
    let token = world.secret.begin();
    let error = world.failing(Step::Test, &token).await;
    assert_error(&error, "Forbidden", &["i-0000", "sshd will refuse the key", "`/home/app` may be written by others"]);
}

#[tokio::test]
async fn testing_the_configuration_alone_changes_nothing() {
    let Some(mut world) = World::start(1, &empty(), &[]).await else { return };
    let token = world.secret.begin();
    world.step(Step::Test, &token).await.unwrap();
    assert_eq!(world.lines(0), [] as [&str; 0]);
    world.secret.abandon(&token);
    world.secret.put(&json!({ "PublicKey": "", "PrivateKey": "not a key" }));
    let token = world.secret.begin();
    let error = world.step(Step::Test, &token).await.unwrap_err();
    assert_error(&error, "Invalid", &["field `PrivateKey`"]);
}
