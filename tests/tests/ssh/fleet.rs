use std::sync::Arc;
use std::time::Instant;

use fourstep::Step;
use fourstep_test_servers::sshd::Host;

use crate::world::{World, assert_error, empty};

/// The least memory that a function can be given.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html>
const LEAST_MEMORY: u64 = 128 * 1024 * 1024;

#[tokio::test]
async fn fifty_hosts_and_one_more_are_reached_by_their_ids() {
    let hosts: Option<Vec<_>> = (0..51).map(|_| Host::start().map(Arc::new)).collect();
    let Some(hosts) = hosts else { return };
    for (count, commands) in [(50, 1), (51, 2)] {
        let ids: Vec<_> = (0..count).map(|number| format!("i-{number:04}")).collect();
        let mut world = World::with_hosts(hosts.clone(), &empty(), &[("SSH_HOSTS", &ids.join(" "))]).await;
        world.rotate().await.unwrap();
        assert!((0..count).all(|number| world.opens(number, &world.secret.current())));
        // To read the host keys, for setSecret and for finishSecret.
        let sent = world.ssm.calls().iter().filter(|call| *call == "SendCommand").count();
        assert_eq!(sent, 3 * commands, "for {count} hosts");
    }
}

#[tokio::test]
async fn two_hundred_hosts_rotate_within_the_memory_budget() {
    let started = Instant::now();
    let Some(mut world) = World::start(200, &empty(), &[("TIMEOUT", "300")]).await else { return };
    println!("200 hosts started in {:.1} s", started.elapsed().as_secs_f64());
    let started = Instant::now();
    world.rotate().await.unwrap();
    // The answers of 200 hosts are four pages. Each of the three commands is read once, and what is open then once more.
    let read = world.ssm.calls().iter().filter(|call| *call == "ListCommandInvocations").count();
    println!(
        "read {read} times, counted {} times",
        world.ssm.calls().iter().filter(|call| *call == "ListCommands").count()
    );
    assert!(read <= 3 * 2 * 4, "{read}");
    let usage = world.sandbox.usage().unwrap();
    println!(
        "200 hosts: {:.1} s, CPU {:?}, peak memory {} KiB",
        started.elapsed().as_secs_f64(),
        usage.cpu,
        usage.peak_memory / 1024
    );
    assert!(usage.peak_memory < LEAST_MEMORY, "it runs on the smallest function");
    assert!([0, 99, 199].iter().all(|number| world.opens(*number, &world.secret.current())));
    assert_eq!(
        world.sandbox.output().unwrap().matches("\"result\":\"logged in\"").count(),
        400,
        "in test and in finish"
    );
}

/// A host whose sshd takes a connection and says nothing, until this is dropped: it could not be ended otherwise.
struct Frozen<'a>(&'a Host);

impl<'a> Frozen<'a> {
    fn new(host: &'a Host) -> Self {
        assert!(host.root("kill -STOP $(cat /run/sshd.pid)", b"").status.success());
        Self(host)
    }
}

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        self.0.root("kill -CONT $(cat /run/sshd.pid)", b"");
    }
}

#[tokio::test]
async fn hosts_that_say_nothing_keep_no_other_waiting_and_are_named_before_the_step_ends() {
    let Some(mut world) = World::start(18, &empty(), &[("TIMEOUT", "15")]).await else { return };
    world.rotate().await.unwrap();
    let token = world.secret.begin();
    world.step(Step::Create, &token).await.unwrap();
    world.step(Step::Set, &token).await.unwrap();
    let logged_in = |world: &World| {
        let output = world.sandbox.output().unwrap();
        output.lines().filter(|line| line.contains("i-0017") && line.contains("logged in")).count()
    };
    let before = logged_in(&world);
    let frozen: Vec<_> = (0..17).map(|number| Frozen::new(world.host(number))).collect();
    let error = world.step(Step::Test, &token).await.unwrap_err();
    drop(frozen);
    // One after the other, they would take longer than the step has.
    assert_error(&error, "Unavailable", &["17 of 18 hosts gave no answer", "i-0000 (", "and 7 more"]);
    assert_eq!(logged_in(&world), before + 1, "the last one was not kept waiting by those before it");
    world.run(&token).await.unwrap();
    world.check_hosts(&token);
}
