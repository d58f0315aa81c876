//! What stands between: PgBouncer, a real one, and Amazon RDS Proxy, by the texts that its documentation names.

use std::time::Duration;

use fourstep::{ErrorKind, Step};
use fourstep_test_servers::pgbouncer::{Lookup, PgBouncer};
use fourstep_test_servers::postgres::Postgres;
use fourstep_testkit::world::assert_error;
use serde_json::Value;
use sqlx::{Connection, Executor, Row};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::world::{FIRST, assert_said, opens, pair_of, secret_at, server, server_with_admin, world_of};

/// A server whose pooler looks passwords up at the server, and hands each transaction to any session.
async fn pooled() -> Option<(Postgres, PgBouncer)> {
    let server = server().await?;
    server.execute("CREATE ROLE pooler SUPERUSER LOGIN PASSWORD 'pooler-password'").await;
    let lookup = Lookup::AtServer { user: "pooler", password: "pooler-password" };
    let pooler = PgBouncer::start(server.port(), "transaction", &lookup).await?;
    Some((server, pooler))
}

fn at(pooler: &PgBouncer, user: &str, password: &str) -> Value {
    secret_at("127.0.0.1", pooler.port(), user, password)
}

/// Returns the error of setSecret where the pooler does not let an account in.
fn not_let_in(pooler: &PgBouncer, account: &str, what_works: &str) -> String {
    format!(
        "setSecret: a pooler at 127.0.0.1:{} does not let account `{account}` in: its own list lacks the account, or has another password. {what_works}. Name the server itself in the tag fourstep:endpoint; or let the pooler ask the server for passwords (auth_query of PgBouncer).",
        pooler.port()
    )
}

#[tokio::test]
async fn a_rotation_through_a_pooler_of_transactions_leaves_nothing_in_its_sessions() {
    let Some((server, pooler)) = pooled().await else { return };
    // The pooler has one session at the server for this account, which a consumer and the rotation share.
    let mut consumer = pooler.connect("app", FIRST).await.unwrap();
    let show = "SELECT pg_backend_pid()::text || current_setting('search_path') || current_setting('statement_timeout')
                    || current_setting('idle_in_transaction_session_timeout') || current_setting('client_min_messages')";
    let before: String = consumer.fetch_one(show).await.unwrap().get(0);
    let mut world = world_of(&at(&pooler, "app", FIRST));
    let token = world.start();
    world.step(Step::Create, &token).await.unwrap();
    world.step(Step::Set, &token).await.unwrap();
    let after: String = consumer.fetch_one(show).await.unwrap().get(0);
    assert_eq!(after, before);
    // Set once more, AWSCURRENT is refused by the pooler: that is not the server's answer, and nothing follows from it.
    let error = world.step(Step::Set, &token).await.unwrap_err();
    let said =
        not_let_in(&pooler, "app", "This step changed nothing at the target, and did not learn which version opens it");
    assert_said(&server, &error, ErrorKind::Invalid, &said);
    world.step(Step::Test, &token).await.unwrap();
    world.step(Step::Finish, &token).await.unwrap();
    assert!(opens(&server, &world.current()).await);
    consumer.close().await.unwrap();
}

#[tokio::test]
async fn a_pooler_that_knows_one_user_is_named_and_nothing_is_written() {
    let Some((server, _)) = server_with_admin().await else { return };
    let lookup = Lookup::OwnList(vec![("app", FIRST)]);
    let Some(pooler) = PgBouncer::start(server.port(), "transaction", &lookup).await else { return };
    let mut world = pair_of(&at(&pooler, "app", FIRST), &at(&pooler, "boss", "admin-password"));
    let roles = server.roles().await;
    let error = world.failing_set().await;
    let said = not_let_in(&pooler, "boss", "AWSCURRENT (VERSION) opened the target in this step");
    assert_said(&server, &error, ErrorKind::Invalid, &said);
    assert_eq!(server.roles().await, roles);
    // The way out that it names.
    world.variable("ALLOWED_ENDPOINTS", "127.0.0.1");
    world.tag("fourstep:endpoint", &format!("127.0.0.1:{}", server.port()));
    world.abandon_pending();
    world.rotate().await.unwrap();
    assert!(opens(&server, &world.current()).await);
}

#[tokio::test]
async fn a_pooler_of_statements_and_one_without_the_database_are_named() {
    let Some(server) = server().await else { return };
    let lookup = Lookup::OwnList(vec![("app", FIRST)]);
    let Some(pooler) = PgBouncer::start(server.port(), "statement", &lookup).await else { return };
    let roles = server.roles().await;
    let mut world = world_of(&at(&pooler, "app", FIRST));
    world.limit = Duration::from_secs(10);
    let error = world.failing_set().await;
    assert_error(&error, ErrorKind::Invalid, &["allows no transactions (pool_mode = statement)", "fourstep:endpoint"]);
    let mut secret = at(&pooler, "app", FIRST);
    secret["dbname"] = "nowhere".into();
    let mut world = world_of(&secret);
    assert_error(&world.failing_set().await, ErrorKind::Invalid, &["`nowhere`", "`dbname`"]);
    assert_eq!(server.roles().await, roles);
}

/// Answers each login with one error, as RDS Proxy does.
async fn answering(code: &str, text: &str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let fields = format!("SFATAL\0VFATAL\0C{code}\0M{text}\0\0");
    let length = u32::try_from(fields.len() + 4).unwrap();
    let message = [b"E".as_slice(), &length.to_be_bytes(), fields.as_bytes()].concat();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut startup = [0; 1024];
            let _ = client.read(&mut startup).await;
            let _ = client.write_all(&message).await;
        }
    });
    port
}

/// <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy.troubleshooting.html>
#[tokio::test]
async fn what_rds_proxy_says_is_read_by_its_documented_texts() {
    for (code, text, kind, part) in [
        (
            "28000",
            "This RDS Proxy has no credentials for the role app. Check the credentials for this role and try again.",
            ErrorKind::Invalid,
            " has no credentials of account `app`. ",
        ),
        ("28000", "This RDS Proxy requires TLS connections", ErrorKind::Invalid, " takes no unencrypted connection. "),
        (
            "53300",
            "Timed-out waiting to acquire database connection.",
            ErrorKind::Unavailable,
            " has no connection to the server for account `app`: could not log in. ",
        ),
    ] {
        let port = answering(code, text).await;
        let mut world = world_of(&secret_at("127.0.0.1", port, "app", FIRST));
        world.limit = Duration::from_secs(2);
        let error = world.failing_set().await;
        assert_error(&error, kind, &[part]);
        assert!(!error.to_string().contains(text), "the text is foreign: {error}");
    }
}
