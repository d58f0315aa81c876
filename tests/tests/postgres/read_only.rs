//! Servers and accounts that write nothing: on purpose, or by accident.

use std::sync::Arc;
use std::time::Duration;

use fourstep::{ErrorKind, Step};
use fourstep_test_servers::postgres::Postgres;
use fourstep_testkit::proxy::{Fault, When};
use fourstep_testkit::world::assert_error;

use crate::world::{
    FIRST, assert_said, consume, opens, proxy, secret, secret_at, server, server_with_admin, shared, world_of,
};

const WRITER: &str =
    " After a failover this passes. If it stays, `host` names a replica or a reader endpoint: set it to the writer's.";

/// Makes the whole server read only, as somebody does who moves it, or ends that; and waits until new sessions are so.
async fn set_read_only(server: &Postgres, on: &str) {
    server.execute(&format!("ALTER SYSTEM SET default_transaction_read_only = {on}")).await;
    server.execute("SELECT pg_reload_conf()").await;
    while server.rows("SELECT current_setting('default_transaction_read_only')").await != [on] {}
}

#[tokio::test]
async fn what_a_role_sets_for_its_sessions_does_not_keep_it_from_rotating() {
    let Some(server) = shared().await else { return };
    server
        .execute(
            "ALTER ROLE <app> SET default_transaction_read_only = on; ALTER ROLE <app> SET statement_timeout = '20ms';
             ALTER ROLE <app> SET synchronous_commit = off; ALTER ROLE <app> SET standard_conforming_strings = off;
             ALTER ROLE <app> SET search_path = data, pg_catalog;
             CREATE FUNCTION data.pg_try_advisory_xact_lock(bigint) RETURNS boolean LANGUAGE sql AS 'SELECT false'",
        )
        .await;
    let mut world = world_of(&secret(&server, "app", FIRST));
    world.rotate().await.unwrap();
    let error = consume(&server, &world.current(), "SET statement_timeout = 0; INSERT INTO data.t VALUES (1)").await;
    let error = error.expect_err("the account is read only for its consumers");
    assert_eq!(error.as_database_error().unwrap().code().as_deref(), Some("25006"));
    // The consumer below has no more patience than its role.
    server.execute("ALTER ROLE <app> RESET statement_timeout").await;
    assert!(opens(&server, &world.current()).await);
}

#[tokio::test]
async fn a_server_that_is_read_only_as_a_whole_is_unavailable_and_not_written_to() {
    let Some(server) = server().await else { return };
    let roles = server.roles().await;
    set_read_only(&server, "on").await;
    let mut world = world_of(&secret(&server, "app", FIRST));
    world.limit = Duration::from_secs(12);
    assert_error(&world.failing_set().await, ErrorKind::Unavailable, &["read only", "replica", "writer"]);
    assert_eq!(server.roles().await, roles);
}

#[tokio::test]
async fn a_server_that_became_read_only_after_set_is_not_promoted_to() {
    let Some((server, alternating)) = server_with_admin().await else { return };
    for alone in [true, false] {
        let mut world = if alone { world_of(&secret(&server, "app", FIRST)) } else { alternating.copy() };
        let token = world.start();
        world.step(Step::Create, &token).await.unwrap();
        world.step(Step::Set, &token).await.unwrap();
        world.limit = Duration::from_secs(3);
        // The owner moves the server; as the account of AWSCURRENT was before, it is not.
        set_read_only(&server, "on").await;
        let result = world.step(Step::Test, &token).await;
        if alone {
            let error = result.unwrap_err();
            assert_error(&error, ErrorKind::Unavailable, &[" is read only (SQLSTATE 25006). ", WRITER]);
        } else {
            // Both accounts of the pair log in to the same server, and so to one that is read only for both.
            result.unwrap();
        }
        set_read_only(&server, "off").await;
        world.limit = Duration::from_secs(30);
        world.run(&token).await.unwrap();
        assert!(opens(&server, &world.current()).await);
        server.execute("ALTER ROLE app PASSWORD 'first-password'").await;
    }
}

#[tokio::test]
async fn a_primary_that_fails_over_in_mid_step_is_waited_for_and_the_next_attempt_ends_well() {
    let Some(server) = server().await else { return };
    let proxy = proxy(&server).await;
    let server = Arc::new(server);
    let mut world = world_of(&secret_at(proxy.host(), proxy.port(), "app", FIRST));
    let token = world.start();
    world.step(Step::Create, &token).await.unwrap();
    let roles = server.roles().await;
    // At the change of the password the connection is cut, and who answers from then on writes nothing.
    let other = Arc::clone(&server);
    let fail_over = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        std::thread::spawn(move || runtime.block_on(set_read_only(&other, "on"))).join().unwrap();
    };
    proxy.on(|message| message.says("ALTER ROLE"), When::Before, Fault::Call(Box::new(fail_over)));
    proxy.on(|message| message.says("ALTER ROLE"), When::Before, Fault::Drop);
    world.limit = Duration::from_secs(10);
    let error = world.step(Step::Set, &token).await.unwrap_err();
    let said = format!(
        "setSecret: PostgreSQL at 127.0.0.1:{} is read only (SQLSTATE 25006): could not change the password of role \"app\". AWSCURRENT (VERSION) opened the target in this step, before it began to write there.{WRITER}",
        proxy.port()
    );
    assert_said(&server, &error, ErrorKind::Unavailable, &said);
    assert_eq!(server.roles().await, roles);
    // It is promoted.
    set_read_only(&server, "off").await;
    world.limit = Duration::from_secs(30);
    world.run(&token).await.unwrap();
    assert!(opens(&server, &world.current()).await);
}
