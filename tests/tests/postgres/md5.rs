//! Servers whose owner keeps passwords as MD5, because a consumer knows nothing better.

use fourstep_test_servers::postgres::{Options, Postgres};
use fourstep_testkit::captured::capture;
use fourstep_testkit::secrecy::assert_clean;

use crate::world::{FIRST, opens, pair_of, secret, world_of};

async fn md5_server(method: &'static str) -> Option<Postgres> {
    let options = Options { settings: vec![("password_encryption", "md5")], hba: vec![method], ..Options::default() };
    let server = Postgres::start_with(options).await?;
    server.execute("CREATE ROLE app LOGIN PASSWORD 'first-password'").await;
    Some(server)
}

async fn verifier(server: &Postgres, role: &str) -> String {
    server.rows(&format!("SELECT rolpassword FROM pg_authid WHERE rolname = '{role}'")).await.remove(0)
}

#[tokio::test]
async fn a_server_set_to_md5_gets_a_verifier_of_md5_and_no_password() {
    let Some(server) = md5_server("host all all 127.0.0.1/32 md5").await else { return };
    assert!(verifier(&server, "app").await.starts_with("md5"));
    let (log, _guard) = capture();
    let mut world = world_of(&secret(&server, "app", FIRST));
    for _ in 0..2 {
        let before = verifier(&server, "app").await;
        world.rotate().await.unwrap();
        assert!(opens(&server, &world.current()).await);
        let after = verifier(&server, "app").await;
        assert!(after.starts_with("md5") && after != before, "{after}");
        assert!(!log.text().contains(&after), "what opens an account is not in our log");
    }
    assert_clean("the server's log", &server.log(), &world.passwords());
    assert_clean("our log", &log.text(), &world.passwords());
    assert!(log.text().contains("set password_encryption to scram-sha-256"), "{}", log.text());
    // What the owner sets for the account counts more, here as for every other client.
    server.execute("ALTER ROLE app SET password_encryption = 'scram-sha-256'").await;
    world.rotate().await.unwrap();
    assert!(opens(&server, &world.current()).await);
    assert!(verifier(&server, "app").await.starts_with("SCRAM-SHA-256$"));
}

#[tokio::test]
async fn two_accounts_of_a_server_set_to_md5_take_turns() {
    let Some(server) = md5_server("host all all 127.0.0.1/32 md5").await else { return };
    server.execute("CREATE ROLE boss LOGIN SUPERUSER PASSWORD 'admin-password'").await;
    let mut world = pair_of(&secret(&server, "app", FIRST), &secret(&server, "boss", "admin-password"));
    for role in ["app_clone", "app", "app_clone"] {
        world.rotate().await.unwrap();
        assert_eq!(world.current()["username"], role);
        assert!(opens(&server, &world.current()).await && opens(&server, &world.previous()).await);
        assert!(verifier(&server, role).await.starts_with("md5"));
    }
}

#[tokio::test]
async fn a_server_that_admits_by_scram_alone_gets_a_verifier_of_scram_whatever_it_is_set_to() {
    let Some(server) = md5_server("host all all 127.0.0.1/32 scram-sha-256").await else { return };
    server
        .execute(
            "SET password_encryption = 'scram-sha-256'; ALTER ROLE app PASSWORD 'first-password';
             CREATE ROLE boss LOGIN SUPERUSER PASSWORD 'admin-password'",
        )
        .await;
    let mut world = world_of(&secret(&server, "app", FIRST));
    world.rotate().await.unwrap();
    assert!(opens(&server, &world.current()).await);
    assert!(verifier(&server, "app").await.starts_with("SCRAM-SHA-256$"));
    let mut world = pair_of(&world.current(), &secret(&server, "boss", "admin-password"));
    for role in ["app_clone", "app", "app_clone"] {
        world.rotate().await.unwrap();
        assert_eq!(world.current()["username"], role);
        assert!(opens(&server, &world.current()).await && opens(&server, &world.previous()).await);
        assert!(verifier(&server, role).await.starts_with("SCRAM-SHA-256$"));
    }
}

/// Each account has a line of `pg_hba.conf` of its own, and the administrator's says nothing of the others'.
#[tokio::test]
async fn an_administrator_who_comes_in_by_md5_locks_nobody_out_who_is_asked_for_scram() {
    let hba = vec!["host all boss 127.0.0.1/32 md5", "host all all 127.0.0.1/32 scram-sha-256"];
    let options = Options { settings: vec![("password_encryption", "md5")], hba, ..Options::default() };
    let Some(server) = Postgres::start_with(options).await else { return };
    server
        .execute(
            "CREATE ROLE boss LOGIN SUPERUSER PASSWORD 'admin-password';
             SET password_encryption = 'scram-sha-256'; CREATE ROLE app LOGIN PASSWORD 'first-password'",
        )
        .await;
    let mut world = pair_of(&secret(&server, "app", FIRST), &secret(&server, "boss", "admin-password"));
    for role in ["app_clone", "app"] {
        world.rotate().await.unwrap();
        assert_eq!(world.current()["username"], role);
        assert!(opens(&server, &world.current()).await && opens(&server, &world.previous()).await);
    }
}
