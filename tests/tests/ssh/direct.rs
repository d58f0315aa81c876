use std::sync::Arc;

use fourstep::Step;
use fourstep_test_servers::sshd::Host;
use serde_json::json;

use crate::world::{World, assert_error};

/// A world whose function logs in by itself, as a tag says, with a first key that the hosts accept.
async fn world(hosts: usize) -> Option<World> {
    let hosts: Option<Vec<_>> = (0..hosts).map(|_| Host::start().map(Arc::new)).collect();
    let hosts = hosts?;
    let made =
        hosts[0].user("cd /home/app && ssh-keygen -q -t ed25519 -N '' -f k && cat k.pub && cat k && rm k k.pub", b"");
    let made = String::from_utf8(made.stdout).unwrap();
    let (public, private) = made.split_once('\n').unwrap();
    hosts.iter().for_each(|host| host.authorize(format!("{public}\n").as_bytes()));
    let names: Vec<_> = hosts.iter().map(|host| format!("{}:{}", host.address(), host.port())).collect();
    let owners = [names.join(" "), "127.0.0.1:9".to_owned()].join(" ");
    let value = json!({ "PublicKey": public, "PrivateKey": private });
    let world = World::with_hosts(hosts, &value, &[("SSH_HOSTS", &owners)]).await;
    world.secret.tag("fourstep:ssh-transport", "ssh");
    world.secret.tag("fourstep:hosts", &names.join(" "));
    Some(world)
}

#[tokio::test]
async fn the_user_itself_installs_the_next_key_over_ssh() {
    let Some(mut world) = world(2).await else { return };
    let first = world.secret.current();
    let mut pinned = first.clone();
    let lines: String = world.nodes.iter().map(|node| node.host().known_hosts()).collect();
    pinned["KnownHosts"] = lines.into();
    world.secret.put(&pinned);
    for _ in 0..2 {
        let token = world.secret.begin();
        world.run(&token).await.unwrap();
        world.check_hosts(&token);
    }
    assert!(!world.opens(0, &first));
    assert_eq!(world.ssm.calls(), [] as [&str; 0]);
}

#[tokio::test]
async fn over_ssh_a_host_that_nobody_vouched_for_is_refused() {
    let Some(mut world) = world(1).await else { return };
    let mut unknown = world.secret.current();
    unknown["KnownHosts"] = "".into();
    world.secret.put(&unknown);
    let token = world.secret.begin();
    let error = world.failing(Step::Create, &token).await;
    assert_error(&error, "Invalid", &["KnownHosts has no key of 127.", "ssh-keyscan"]);
    world.secret.abandon(&token);
    // Twice, so that AWSPREVIOUS opens nothing either.
    for _ in 0..2 {
        world.secret.put(&json!({ "PublicKey": "", "PrivateKey": "", "KnownHosts": world.host(0).known_hosts() }));
    }
    let token = world.secret.begin();
    let error = world.failing(Step::Set, &token).await;
    assert_error(&error, "Rejected", &["1 of 1 hosts do not accept the key"]);
}

#[tokio::test]
async fn what_the_users_shell_prints_when_it_starts_is_passed_over() {
    let Some(mut world) = world(1).await else { return };
    let mut pinned = world.secret.current();
    pinned["KnownHosts"] = world.host(0).known_hosts().into();
    world.secret.put(&pinned);
    world.host(0).root("sed -i '/^app:/s,/bin/sh,/bin/bash,' /etc/passwd", b"");
    world.host(0).user("echo 'echo Welcome; printf \"no end\"' >~app/.bashrc", b"");
    let token = world.secret.begin();
    world.run(&token).await.unwrap();
    world.check_hosts(&token);
}
