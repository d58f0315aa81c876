//! What AWS's own sample for SSH keys does wrong, each as a test that it would fail.

use fourstep::Step;
use fourstep::{Filter, Sensitive};
use fourstep_test_servers::ssm::Behaviour;
use fourstep_testkit::aws::{Operation, rotation_token};
use serde_json::json;

use crate::world::{World, assert_error, empty};

#[tokio::test]
async fn a_missing_authorized_keys_is_made_and_not_taken_for_success() {
    let Some(mut world) = World::start(1, &empty(), &[]).await else { return };
    assert_eq!(world.host(0).root("ls -A ~app", b"").stdout, b"");
    world.rotate().await.unwrap();
    assert!(world.opens(0, &world.secret.current()));
}

#[tokio::test]
async fn no_host_is_an_error_and_nothing_is_promoted() {
    let Some(mut world) = World::start(0, &empty(), &[]).await else { return };
    let error = world.rotate().await.unwrap_err();
    assert_error(&error, "Invalid", &["0 hosts are found, and MIN_HOSTS asks for 1", "TAGNAME"]);
    assert_eq!(world.secret.current()["PrivateKey"], "");
}

#[tokio::test]
async fn a_removal_that_failed_is_completed_by_the_next_call() {
    let Some(mut world) = World::start(2, &empty(), &[("RETIRE", "at-finish")]).await else { return };
    world.rotate().await.unwrap();
    let old = world.secret.current();
    let token = world.secret.begin();
    for step in [Step::Create, Step::Set, Step::Test] {
        world.step(step, &token).await.unwrap();
    }
    world.host(1).root("mount --bind ~app/.ssh ~app/.ssh && mount -o remount,ro,bind ~app/.ssh", b"");
    let error = world.step(Step::Finish, &token).await.unwrap_err();
    assert_error(&error, "Forbidden", &["i-0001", "read-only", "AWSCURRENT is promoted and works"]);
    assert!(world.opens(1, &old) && world.opens(1, &world.secret.current()));
    world.host(1).root("umount ~app/.ssh", b"");
    // Secrets Manager begins again with the same token.
    world.run(&token).await.unwrap();
    assert!((0..2).all(|number| !world.opens(number, &old) && world.opens(number, &world.secret.current())));
}

#[tokio::test]
async fn keys_of_abandoned_rotations_and_the_first_key_without_a_mark_go() {
    let Some(mut world) = World::start(1, &empty(), &[]).await else { return };
    let made = world.host(0).user("mkdir -m 700 ~app/.ssh && cd ~app/.ssh && ssh-keygen -q -t ed25519 -N '' -C '' -f k && mv k.pub authorized_keys && cat k && rm k", b"");
    let first = String::from_utf8(made.stdout).unwrap();
    world.secret.put(&json!({ "PublicKey": "", "PrivateKey": first }));
    assert!(world.host(0).opens(&first));
    let abandoned = world.secret.begin();
    for step in [Step::Create, Step::Set] {
        world.step(step, &abandoned).await.unwrap();
    }
    assert_eq!(world.lines(0).len(), 2);
    world.secret.abandon(&abandoned);
    world.rotate().await.unwrap();
    assert!(world.host(0).opens(&first), "AWSPREVIOUS works until the next rotation");
    let token = world.secret.begin();
    world.run(&token).await.unwrap();
    world.check_hosts(&token);
    assert!(!world.host(0).opens(&first));
}

#[tokio::test]
async fn hosts_that_are_new_or_were_down_get_the_keys_and_managed_nodes_are_tested() {
    let Some(mut world) = World::start(2, &empty(), &[("MAX_UNREACHABLE", "1")]).await else { return };
    world.add_host("mi-0002");
    world.nodes[1].behave(Behaviour::Down);
    world.rotate().await.unwrap();
    let output = world.sandbox.output().unwrap();
    let named = output.lines().find(|line| line.contains("\"host\":\"i-0001\"") && line.contains("unreachable"));
    assert!(named.unwrap().contains("does not hear of its agent"), "{output}");
    assert!(output.lines().any(|line| line.contains("\"host\":\"mi-0002\"") && line.contains("logged in")), "{output}");
    assert_eq!(world.lines(1), [] as [&str; 0]);

    // One comes back, and one joins between setSecret and testSecret.
    world.nodes[1].behave(Behaviour::Well);
    let token = world.secret.begin();
    world.step(Step::Create, &token).await.unwrap();
    world.step(Step::Set, &token).await.unwrap();
    world.add_host("i-0003");
    world.step(Step::Test, &token).await.unwrap();
    world.step(Step::Finish, &token).await.unwrap();
    world.check_hosts(&token);
}

#[tokio::test]
async fn each_version_is_read_by_its_id() {
    let Some(mut world) = World::start(1, &empty(), &[]).await else { return };
    world.rotate().await.unwrap();
    let reads = world.aws.calls().into_iter().filter(|call| call.operation == Operation::GetSecretValue);
    assert!(reads.into_iter().all(|call| call.version_id.is_some() && call.stages.is_empty()));
}

#[tokio::test]
async fn a_host_that_shows_another_key_is_refused_until_somebody_confirms_it() {
    let Some(mut world) = World::start(2, &empty(), &[]).await else { return };
    world.rotate().await.unwrap();
    let current = world.secret.current();
    world.host(1).change_host_key();
    let token = world.secret.begin();
    let error = world.failing(Step::Set, &token).await;
    assert_error(&error, "Invalid", &["i-0001: its host key changed", "SHA256:", "KnownHosts"]);
    assert_eq!(world.secret.current(), current);
    // Whoever stands between is given no login either: the key is checked before.
    let error = world.step(Step::Test, &token).await.unwrap_err();
    assert_error(&error, "Invalid", &["i-0001: its host key changed"]);

    let mut confirmed = current.clone();
    let lines = current["KnownHosts"].as_str().unwrap().lines();
    let kept: Vec<_> = lines.filter(|line| !line.ends_with("fourstep:i-0001")).collect();
    confirmed["KnownHosts"] = kept.join("\n").into();
    world.secret.abandon(&token);
    world.secret.put(&confirmed);
    let token = world.secret.begin();
    world.run(&token).await.unwrap();
    assert!((0..2).all(|number| world.opens(number, &world.secret.current())));
}

#[tokio::test]
async fn no_copy_of_an_old_key_is_left_beside_the_file() {
    let Some(mut world) = World::start(1, &empty(), &[("RETIRE", "at-finish")]).await else { return };
    for _ in 0..2 {
        world.rotate().await.unwrap();
    }
    let found = world.host(0).root("find /home/app ! -type d", b"").stdout;
    assert_eq!(String::from_utf8(found).unwrap(), "/home/app/.ssh/authorized_keys\n");
}

#[tokio::test]
async fn one_host_that_fails_keeps_no_other_from_its_key_and_is_named() {
    let Some(mut world) = World::start(3, &empty(), &[]).await else { return };
    world.rotate().await.unwrap();
    world.host(1).user("cd ~app/.ssh && mv authorized_keys away && mkdir authorized_keys", b"");
    let token = world.secret.begin();
    let error = world.failing(Step::Set, &token).await;
    assert_error(&error, "Invalid", &["1 of 3 hosts", "i-0001: `/home/app/.ssh/authorized_keys` is a directory"]);
    assert!([0, 2].iter().all(|number| world.lines(*number).len() == 2));
    world.host(1).user("cd ~app/.ssh && rmdir authorized_keys && mv away authorized_keys", b"");
    world.run(&token).await.unwrap();
    world.check_hosts(&token);
}

#[tokio::test]
async fn neither_the_event_nor_a_key_is_in_any_output_or_parameter() {
    let Some(mut world) = World::start(1, &empty(), &[]).await else { return };
    let token = world.secret.begin();
    world.run(&token).await.unwrap();
    world.rotate().await.unwrap();
    let filter = Filter::new();
    for version in [world.secret.current(), world.secret.previous()] {
        let key = version["PrivateKey"].as_str().unwrap();
        filter.learn(&Sensitive::new(key));
        // Any line of it would be enough.
        key.lines()
            .filter(|line| !line.starts_with("-----") && line.len() > 20)
            .for_each(|line| filter.learn(&Sensitive::new(line)));
    }
    filter.learn(&Sensitive::new(rotation_token(&token)));
    let (output, parameters) = (world.sandbox.output().unwrap(), json!(world.ssm.parameters()).to_string());
    let log = world.host(0).log();
    assert!(output.contains("step done") && parameters.contains("FOURSTEP_WANT"), "both are talkative");
    for text in [output, parameters, log] {
        assert_eq!(filter.apply(&text), text);
    }
}

#[tokio::test]
async fn a_line_that_only_mentions_the_version_is_untouched() {
    let Some(mut world) = World::start(1, &empty(), &[]).await else { return };
    world.rotate().await.unwrap();
    let own = world.lines(0)[0].clone();
    let comment = own.split(' ').nth(2).unwrap();
    let foreign = format!("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA see {comment}");
    world.host(0).user("cat >>~app/.ssh/authorized_keys", format!("{foreign}\n").as_bytes());
    for _ in 0..2 {
        world.rotate().await.unwrap();
    }
    let lines = world.lines(0);
    assert!(lines.contains(&foreign) && !lines.contains(&own), "{lines:?}");
}
