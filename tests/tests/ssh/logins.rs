//! What sshd asks for beside a key, or does in place of what is asked: told as what it is, and never as a refused key.

use std::sync::Arc;

use fourstep::Step;
use fourstep_test_servers::sshd::{Host, Options};

use crate::world::{World, assert_error, empty};

/// A world of one host with some lines of sshd_config.
async fn world(config: Vec<&'static str>, variables: &[(&str, &str)]) -> Option<World> {
    let host = Host::start_with(&Options { config, ..Options::default() })?;
    Some(World::with_hosts(vec![Arc::new(host)], &empty(), variables).await)
}

#[tokio::test]
async fn a_key_that_sshd_accepts_as_one_of_two_factors_is_promoted() {
    let config = vec!["PasswordAuthentication yes", "AuthenticationMethods publickey,password"];
    let Some(mut world) = world(config, &[]).await else { return };
    for _ in 0..3 {
        world.rotate().await.unwrap();
    }
    let current = world.secret.current()["PublicKey"].as_str().unwrap().to_owned();
    assert!(world.lines(0).contains(&current), "{:?}", world.lines(0));
    let output = world.sandbox.output().unwrap();
    assert_eq!(output.matches("sshd asks this user for more than a key there").count(), 3, "once a rotation: {output}");
}

#[tokio::test]
async fn an_sshd_that_says_nothing_of_the_key_refuses_none() {
    for config in [
        vec!["PasswordAuthentication yes", "AuthenticationMethods password,publickey"],
        vec!["PubkeyAuthentication no", "PasswordAuthentication yes"],
    ] {
        let Some(mut world) = world(config, &[]).await else { return };
        let token = world.secret.begin();
        let error = world.failing(Step::Test, &token).await;
        assert_error(
            &error,
            "Forbidden",
            &["i-0000: its sshd takes no key of this user, or not before something else"],
        );
    }
}

#[tokio::test]
async fn an_account_that_may_only_transfer_files_is_promoted_and_one_that_may_do_nothing_is_not() {
    let config = vec!["Subsystem sftp internal-sftp", "ForceCommand internal-sftp"];
    let Some(mut world) = world(config, &[]).await else { return };
    for _ in 0..2 {
        world.rotate().await.unwrap();
    }
    let Some(mut world) = self::world(vec!["ForceCommand /bin/false"], &[]).await else { return };
    let token = world.secret.begin();
    let error = world.failing(Step::Test, &token).await;
    assert_error(&error, "Forbidden", &["the key logs in, but the command `true` ended with status 1", "ForceCommand"]);
}

#[tokio::test]
async fn where_sshd_does_not_say_its_settings_only_a_login_is_enough() {
    let Some(mut world) = world(vec![], &[("SSH_TEST", "agent")]).await else { return };
    world.rotate().await.unwrap();
    let before = world.secret.current();
    world.host(0).root("echo 'Nonsense yes' >>/etc/ssh/sshd_config", b"");
    let token = world.secret.begin();
    let error = world.failing(Step::Test, &token).await;
    assert_error(&error, "Forbidden", &["i-0000: its sshd does not say its settings", "SSH_TEST to login"]);
    assert_eq!(world.secret.current(), before);

    let Some(mut world) = self::world(vec![], &[]).await else { return };
    world.rotate().await.unwrap();
    world.host(0).root("echo 'Nonsense yes' >>/etc/ssh/sshd_config", b"");
    let token = world.secret.begin();
    // Its sshd runs still, by what it read before.
    world.run(&token).await.unwrap();
    world.check_hosts(&token);
}

#[tokio::test]
async fn a_host_that_shows_no_host_key_is_named_and_not_passed_over() {
    let options = Options { programs: vec![("/usr/bin/ssh-keygen".to_owned(), "/dev/null")], ..Options::default() };
    let Some(host) = Host::start_with(&options) else { return };
    host.root("rm /etc/ssh/*.pub", b"");
    let mut world = World::with_hosts(vec![Arc::new(host)], &empty(), &[]).await;
    let token = world.secret.begin();
    let error = world.failing(Step::Create, &token).await;
    assert_error(&error, "Invalid", &["i-0000: it names no host key", "KnownHosts", "SSH_TEST"]);
}
