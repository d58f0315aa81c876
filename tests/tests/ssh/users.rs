//! One key for several users of each host.

use std::sync::Arc;

use fourstep::Step;
use fourstep_test_servers::sshd::{Host, Options};
use serde_json::{Value, json};

use crate::world::{SECRET, World, assert_error, empty};

impl World {
    /// Gives a host the user `web`.
    fn add_web(&self, number: usize) {
        let made = self.host(number).root(
            "echo web:x:12346:12346::/home/web:/bin/sh >>/etc/passwd && echo 'web:*:20000::::::' >>/etc/shadow && \
             echo web:x:12346: >>/etc/group && install -d -m 750 -o web -g web /home/web",
            b"",
        );
        assert!(made.status.success(), "{made:?}");
    }

    fn keys_of_web(&self, number: usize) -> usize {
        let file = self.host(number).root("cat /home/web/.ssh/authorized_keys", b"").stdout;
        String::from_utf8(file).unwrap().lines().filter(|line| line.starts_with("ssh-")).count()
    }
}

#[tokio::test]
async fn one_key_logs_in_as_each_of_several_users() {
    let Some(mut world) = World::start(2, &empty(), &[("ALLOWED_SSH_USERS", "web")]).await else { return };
    (0..2).for_each(|number| world.add_web(number));
    world.secret.tag("fourstep:ssh-user", "app web");
    for keys in [1, 2] {
        let token = world.secret.begin();
        world.run(&token).await.unwrap();
        world.check_hosts(&token);
        assert!((0..2).all(|number| world.keys_of_web(number) == keys));
    }
    assert!((0..2).all(|number| world.host(number).log().contains("Accepted publickey for web")));
}

#[tokio::test]
async fn the_user_that_stands_in_the_way_is_named_with_its_host() {
    let Some(mut world) = World::start(2, &empty(), &[("USERNAME", "app web")]).await else { return };
    world.add_web(0);
    let token = world.secret.begin();
    let error = world.run(&token).await.unwrap_err();
    assert_error(&error, "Invalid", &["1 of 2 hosts could not: i-0001 (web): there is no user `web`"]);

    world.add_web(1);
    for step in [Step::Create, Step::Set] {
        world.step(step, &token).await.unwrap();
    }
    world.host(1).root("chmod 777 ~web", b"");
    let error = world.step(Step::Test, &token).await.unwrap_err();
    assert_error(&error, "Rejected", &["1 of 2 hosts do not accept the key: i-0001 (web)"]);
}

#[tokio::test]
async fn a_tag_names_no_user_beside_those_that_the_owner_allows() {
    let Some(mut world) = World::start(1, &empty(), &[("ALLOWED_SSH_USERS", "web")]).await else { return };
    world.secret.tag("fourstep:ssh-user", "app root");
    let error = world.rotate().await.unwrap_err();
    assert_error(&error, "Invalid", &["names the user `root`", "ALLOWED_SSH_USERS"]);
}

/// Its file may be that of users of today, too, and the secret alone says who it was: a person takes its keys away.
#[tokio::test]
async fn a_user_who_is_taken_out_of_the_tag_is_named_once_with_a_command_that_works() {
    let Some(mut world) = World::start(1, &empty(), &[("ALLOWED_SSH_USERS", "web")]).await else { return };
    world.add_web(0);
    world.secret.tag("fourstep:ssh-user", "app web");
    world.rotate().await.unwrap();
    world.rotate().await.unwrap();
    assert_eq!(world.keys_of_web(0), 2);
    world.secret.tag("fourstep:ssh-user", "app");
    world.rotate().await.unwrap();
    world.rotate().await.unwrap();
    assert_eq!(world.keys_of_web(0), 2, "nothing is taken from a user whom no setting names");
    let output = world.sandbox.output().unwrap();
    let told: Vec<_> = output.lines().filter(|line| line.contains("still has keys of this secret")).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    // As it stands in the log, which is JSON, pasted into a shell of root.
    let (_, command) = told[0].split_once("if it is another: ").unwrap();
    let (command, _) = command.split_once("\",").unwrap();
    assert!(command.starts_with("runuser -u web -- sed -i '/fourstep:arn:aws:secretsmanager:"), "{command}");
    let others = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA of a person";
    world.host(0).root("cat >>~web/.ssh/authorized_keys", format!("{others}\n").as_bytes());
    let ran = world.host(0).root(command, b"");
    assert!(ran.status.success(), "{ran:?}");
    assert_eq!(world.keys_of_web(0), 1, "that of the person");
    assert!(world.opens(0, &world.secret.current()));
    // And it may come back.
    world.secret.tag("fourstep:ssh-user", "app web");
    world.rotate().await.unwrap();
    assert_eq!(world.keys_of_web(0), 3);
}

#[tokio::test]
async fn a_former_user_whom_the_owner_does_not_allow_is_named_once_with_the_command() {
    let Some(mut world) = World::start(1, &empty(), &[]).await else { return };
    world.add_web(0);
    world.rotate().await.unwrap();
    let current = world.secret.current();
    let mine = current["PublicKey"].as_str().unwrap();
    let made =
        world.host(0).root("install -d -m 700 -o web ~web/.ssh; cat >~web/.ssh/authorized_keys", mine.as_bytes());
    assert!(made.status.success(), "{made:?}");
    // As it was when the owner allowed it, and two names that are none.
    let mut other: Value = current.clone();
    let lines = current["KnownHosts"].as_str().unwrap().replace("the users app\n", "the users app web\n");
    other["KnownHosts"] =
        format!("{lines}# The key is for the users x;reboot\n# The key is for the users ../y\n").into();
    world.secret.put(&other);
    for _ in 0..2 {
        world.rotate().await.unwrap();
        assert_eq!(world.keys_of_web(0), 1);
        let output = world.sandbox.output().unwrap();
        let told: Vec<_> = output.lines().filter(|line| line.contains("still has keys of this secret")).collect();
        assert!(told.len() == 1 && told[0].contains("~web/.ssh/authorized_keys"), "once: {told:?}");
        assert!(!output.contains("reboot") && !output.contains("../y"), "{output}");
    }
}

/// sshd may read one file for all users.
#[tokio::test]
async fn where_a_former_user_shares_its_file_the_keys_of_the_others_stay() {
    let options = Options { config: vec!["AuthorizedKeysFile /run/keys/all"], ..Options::default() };
    let Some(host) = Host::start_with(&options) else { return };
    host.root("install -d /run/keys; install -m 644 /dev/null /run/keys/all", b"");
    let variables = [("ALLOWED_SSH_USERS", "web")];
    let mut world = World::with_hosts(vec![Arc::new(host)], &empty(), &variables).await;
    world.add_web(0);
    world.secret.tag("fourstep:ssh-user", "app web");
    world.rotate().await.unwrap();
    world.secret.tag("fourstep:ssh-user", "app");
    for _ in 0..2 {
        world.rotate().await.unwrap();
        assert!(world.opens(0, &world.secret.current()), "{}", world.host(0).log());
        let event = json!({ "Action": "reconcile", "SecretId": SECRET });
        world.sandbox.invoke(event).await.result.unwrap();
        assert!(world.opens(0, &world.secret.current()), "{}", world.host(0).log());
    }
}
