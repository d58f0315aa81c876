use std::sync::Arc;
use std::time::Instant;

use fourstep_test_servers::sshd::Host;

use crate::world::{World, empty};

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
