//! How often the hash of a password is hashed again: `scram_iterations`, since version 16.

use fourstep::ErrorKind;
use fourstep_test_servers::postgres::Postgres;

use crate::world::{FIRST, assert_error, has_grantors, opens, secret, shared_with_admin, world_of};

async fn iterations(server: &Postgres, role: &str) -> String {
    let query =
        format!("SELECT split_part(split_part(rolpassword, '$', 2), ':', 1) FROM pg_authid WHERE rolname = '<{role}>'");
    server.rows(&query).await.remove(0)
}

#[tokio::test]
async fn a_password_is_hashed_as_often_as_the_server_would() {
    let Some((server, mut pair)) = shared_with_admin().await else { return };
    let mut world = world_of(&secret(&server, "app", FIRST));
    world.rotate().await.unwrap();
    assert_eq!(iterations(&server, "app").await, "4096");
    if !has_grantors(&server).await {
        return;
    }
    server.execute("ALTER DATABASE <main> SET scram_iterations = 6000").await;
    world.rotate().await.unwrap();
    assert_eq!(iterations(&server, "app").await, "6000");
    assert!(opens(&server, &world.current()).await);
    let mut current = pair.current();
    current["password"] = world.current()["password"].clone();
    pair.put(&current);
    pair.rotate().await.unwrap();
    assert_eq!(iterations(&server, "app_clone").await, "6000");
    assert!(opens(&server, &pair.current()).await);
}

/// A server that a secret's writer made up would keep the function busy until it is ended.
#[tokio::test]
async fn a_server_that_hashes_without_reason_is_refused_at_once() {
    let Some((server, _)) = shared_with_admin().await else { return };
    if !has_grantors(&server).await {
        return;
    }
    server.execute("ALTER DATABASE <main> SET scram_iterations = 2000000000").await;
    let mut world = world_of(&secret(&server, "app", FIRST));
    let error = world.failing_set().await;
    let said =
        "hashes a password 2000000000 times (`scram_iterations`), which this function does at most 1000000 times";
    assert_error(&server, &error, ErrorKind::Invalid, &[said]);
    assert!(opens(&server, &world.current()).await);
}
