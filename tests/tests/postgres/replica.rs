//! A streaming replica in the place of its primary.

use std::time::Duration;

use fourstep::{ErrorKind, Step};
use fourstep_test_servers::postgres::Postgres;
use fourstep_testkit::world::assert_error;
use serde_json::Value;

use crate::world::{FIRST, assert_said, make_app, opens, secret, world_of};

/// A primary with the role `app`, and its replica.
async fn pair() -> Option<(Postgres, Postgres)> {
    let primary = Postgres::start_primary().await?;
    make_app(&primary).await;
    let replica = primary.start_replica().await;
    Some((primary, replica))
}

/// Waits until the replica has a password that its primary has.
async fn follows(replica: &Postgres, secret: &Value) {
    while !opens(replica, secret).await {}
}

#[tokio::test]
async fn a_host_that_is_a_replica_is_named_and_nothing_is_written_until_it_is_promoted() {
    let Some((primary, replica)) = pair().await else { return };
    let roles = primary.roles().await;
    let mut world = world_of(&secret(&replica, "app", FIRST));
    world.limit = Duration::from_secs(10);
    let token = world.start();
    world.step(Step::Create, &token).await.unwrap();
    let error = world.step(Step::Set, &token).await.unwrap_err();
    let said = "setSecret: PostgreSQL at SERVER is read only (SQLSTATE 25006): could not change the password of role \"app\". AWSCURRENT (VERSION) opened the target in this step, before it began to write there. After a failover this passes. If it stays, `host` names a replica or a reader endpoint: set it to the writer's.";
    assert_said(&replica, &error, ErrorKind::Unavailable, said);
    assert_eq!(primary.roles().await, roles);
    assert_eq!(replica.roles().await, roles);
    // The primary is lost, and its replica takes its place.
    drop(primary);
    replica.execute("SELECT pg_promote()").await;
    world.limit = Duration::from_secs(30);
    world.run(&token).await.unwrap();
    assert!(opens(&replica, &world.current()).await);
}

#[tokio::test]
async fn a_host_that_is_corrected_to_the_primary_rotates_for_its_replicas_too() {
    let Some((primary, replica)) = pair().await else { return };
    let mut world = world_of(&secret(&replica, "app", FIRST));
    world.limit = Duration::from_secs(5);
    assert_error(&world.failing_set().await, ErrorKind::Unavailable, &["set it to the writer's"]);
    // As the message says. The abandoned version has the replica's address, and a password that was never set.
    world.abandon_pending();
    world.put(&secret(&primary, "app", FIRST));
    world.limit = Duration::from_secs(30);
    world.rotate().await.unwrap();
    assert!(opens(&primary, &world.current()).await);
    follows(&replica, &world.current()).await;
    assert!(!opens(&replica, &world.previous()).await);
}
