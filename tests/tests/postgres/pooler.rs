//! What stands between: PgBouncer, a real one, and Amazon RDS Proxy, by the texts that its documentation names.

use std::time::Duration;

use fourstep::{ErrorKind, Step};
use fourstep_test_servers::pgbouncer::{Lookup, PgBouncer};
use fourstep_test_servers::postgres::Postgres;
use fourstep_testkit::world::assert_error;
use serde_json::Value;
use sqlx::{Connection, Executor, Row};

use crate::world::{
    FIRST, answering_with, assert_said, opens, pair_of, secret_at, server, server_with_admin, world_of,
};

/// A server whose pooler looks passwords up at the server, and hands each transaction to any session.
async fn pooled() -> Option<(Postgres, PgBouncer)> {
    let server = server().await?;
    let pooler = PgBouncer::start(server.port(), "transaction", &look_up_at(&server).await).await?;
    Some((server, pooler))
}

async fn look_up_at(server: &Postgres) -> Lookup {
    server.execute("CREATE ROLE pooler SUPERUSER LOGIN PASSWORD 'pooler-password'").await;
    Lookup::AtServer { user: "pooler", password: "pooler-password" }
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

/// In mode `session` a pooler sends `DISCARD ALL` before another client has the session.
#[tokio::test]
async fn the_next_client_of_a_pool_of_sessions_acts_as_the_base_too() {
    let Some((server, mut world)) = server_with_admin().await else { return };
    let lookup = look_up_at(&server).await;
    let Some(pooler) = PgBouncer::start(server.port(), "session", &lookup).await else { return };
    world.rotate().await.unwrap();
    let clone = world.current();
    let (user, password) = (clone["username"].as_str().unwrap(), clone["password"].as_str().unwrap());
    let mut sessions = Vec::new();
    for _ in 0..2 {
        let mut client = pooler.connect(user, password).await.unwrap();
        let row = client.fetch_one("SELECT pg_backend_pid(), session_user::text, current_user::text").await.unwrap();
        assert_eq!((row.get::<&str, _>(1), row.get::<&str, _>(2)), ("app_clone", "app"));
        sessions.push(row.get::<i32, _>(0));
        client.close().await.unwrap();
    }
    assert_eq!(sessions[0], sessions[1], "both had one session");
}

/// Before the minor versions of November 2024, the server itself did what this pooler brings about.
#[tokio::test]
async fn a_clone_that_a_pool_does_not_bring_back_as_its_base_is_forbidden_with_the_ways_out() {
    let Some((server, mut world)) = server_with_admin().await else { return };
    let lookup = look_up_at(&server).await;
    let begin = "SELECT set_config('role', CASE session_user WHEN 'app_clone' THEN 'app' ELSE 'none' END, false)";
    let Some(pooler) = PgBouncer::start_with_query(server.port(), "transaction", &lookup, begin).await else { return };
    let token = world.start();
    world.step(Step::Create, &token).await.unwrap();
    world.step(Step::Set, &token).await.unwrap();
    server.execute("ALTER ROLE app_clone RESET role").await;
    world.variable("ALLOWED_ENDPOINTS", "127.0.0.1");
    world.tag("fourstep:endpoint", &format!("127.0.0.1:{}", pooler.port()));
    let error = world.step(Step::Test, &token).await.unwrap_err();
    let parts = [
        "a session of account `app_clone` of PostgreSQL at ",
        " begins as `app`, as its base, but goes on as `app_clone` once a connection pool has reset it (DISCARD ALL, RESET SESSION AUTHORIZATION). ",
        "ALTER ROLE \"app_clone\" SET role = 'app'; or, ",
        "fourstep:grants=leave",
    ];
    assert_error(&error, ErrorKind::Forbidden, &parts);
    assert_eq!(world.current()["username"], "app", "nothing is promoted");
    // The session that the pooler hands on is as it was.
    let pending = world.pending();
    let (user, password) = (pending["username"].as_str().unwrap(), pending["password"].as_str().unwrap());
    let mut client = pooler.connect(user, password).await.unwrap();
    let role: String = client.fetch_one("SELECT current_user::text").await.unwrap().get(0);
    assert_eq!(role, "app");
    client.close().await.unwrap();
}

#[tokio::test]
async fn a_pooler_that_knows_one_user_is_named_and_nothing_is_written() {
    let Some((server, _)) = server_with_admin().await else { return };
    let lookup = Lookup::OwnList(vec![("app", FIRST)]);
    let Some(pooler) = PgBouncer::start(server.port(), "transaction", &lookup).await else { return };
    let mut world = pair_of(&at(&pooler, "app", FIRST), &at(&pooler, "boss", "admin-password"));
    let roles = server.roles().await;
    let error = world.failing_set().await;
    let said = not_let_in(&pooler, "<administrator>", "AWSCURRENT (VERSION) opened the target in this step");
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
    let fields = format!("SFATAL\0VFATAL\0C{code}\0M{text}\0\0");
    let length = u32::try_from(fields.len() + 4).unwrap();
    answering_with([b"E".as_slice(), &length.to_be_bytes(), fields.as_bytes()].concat()).await
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

/// An account whose sessions begin as another role: changing its own password is done as itself, for one transaction.
#[tokio::test]
async fn the_change_of_ones_own_password_leaves_the_pooled_session_as_its_role() {
    let Some((server, _)) = server_with_admin().await else { return };
    server
        .execute("CREATE ROLE owner_role NOLOGIN; GRANT owner_role TO <app>; ALTER ROLE <app> SET role = 'owner_role'")
        .await;
    let lookup = look_up_at(&server).await;
    let Some(pooler) = PgBouncer::start(server.port(), "transaction", &lookup).await else { return };
    let mut world = world_of(&at(&pooler, "app", FIRST));
    world.tag("fourstep:strategy", "single-user");
    let acting = async |secret: &Value| {
        let (user, password) = (secret["username"].as_str().unwrap(), secret["password"].as_str().unwrap());
        let mut client = pooler.connect(user, password).await.unwrap();
        let row = client.fetch_one("SELECT pg_backend_pid(), current_user::text").await.unwrap();
        client.close().await.unwrap();
        (row.get::<i32, _>(0), row.get::<String, _>(1))
    };
    let before = acting(&world.current()).await;
    assert_eq!(before.1, "owner_role");
    world.rotate().await.unwrap();
    assert_eq!(acting(&world.current()).await, before, "the next client has the same session, as the same role");
}
