//! The proxy of the test kit, before a real server.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fourstep_test_servers::postgres::Postgres;
use fourstep_testkit::proxy::{Counts, Fault, Proxy, When};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{ConnectOptions, Connection, PgConnection};

async fn connect(proxy: &Proxy, password: &str) -> sqlx::Result<PgConnection> {
    let options = PgConnectOptions::new_without_pgpass().host(proxy.host()).port(proxy.port()).username("app");
    options.password(password).database("postgres").ssl_mode(PgSslMode::Prefer).connect().await
}

async fn run(connection: &mut PgConnection, statement: &'static str) -> sqlx::Result<()> {
    sqlx::raw_sql(statement).execute(connection).await.map(|_| ())
}

async fn server() -> Option<(Postgres, Proxy)> {
    let server = Postgres::start().await?;
    server.execute("CREATE ROLE app LOGIN PASSWORD 'right'; CREATE TABLE t (i int); GRANT ALL ON t TO app").await;
    let proxy = Proxy::before(server.port()).await;
    Some((server, proxy))
}

#[tokio::test]
async fn messages_connections_and_refused_logins_are_counted() {
    let Some((_server, proxy)) = server().await else { return };
    let mut client = connect(&proxy, "right").await.unwrap();
    // The request for TLS, start-up, and two messages of SCRAM.
    assert_eq!(proxy.counts().frontend, 4);
    run(&mut client, "SELECT 1").await.unwrap();
    client.close().await.unwrap();
    connect(&proxy, "wrong").await.unwrap_err();
    let counts = proxy.counts();
    assert_eq!((counts.connections, counts.refused, counts.frontend), (2, 1, 4 + 2 + 4), "{counts:?}");
    assert!(counts.backend > 20, "{counts:?}");
    proxy.reset();
    assert_eq!(proxy.counts(), Counts::default());
}

#[tokio::test]
async fn a_message_is_lost_before_the_server_and_a_reply_after_it() {
    let Some((server, proxy)) = server().await else { return };
    for (fault, when, written) in
        [(Fault::Drop, When::Before, "0"), (Fault::SwallowReplies, When::After, "1"), (Fault::Drop, When::Before, "1")]
    {
        let mut client = connect(&proxy, "right").await.unwrap();
        proxy.on(|message| message.says("INSERT"), when, fault);
        run(&mut client, "INSERT INTO t VALUES (1)").await.unwrap_err();
        assert_eq!(server.rows("SELECT count(*)::text FROM t").await, [written]);
    }
    let mut client = connect(&proxy, "right").await.unwrap();
    run(&mut client, "INSERT INTO t VALUES (1)").await.unwrap();
}

#[tokio::test]
async fn a_call_and_a_delay_happen_at_their_message_and_a_hang_lasts() {
    let Some((_server, proxy)) = server().await else { return };
    let mut client = connect(&proxy, "right").await.unwrap();
    let seen = Arc::new(AtomicUsize::new(0));
    let at = Arc::clone(&seen);
    proxy.at(6, When::Before, Fault::Call(Box::new(move || at.store(1, Ordering::SeqCst))));
    proxy.at(6, When::After, Fault::Delay(Duration::from_millis(1)));
    run(&mut client, "SELECT 5").await.unwrap();
    assert_eq!(seen.load(Ordering::SeqCst), 0);
    run(&mut client, "SELECT 6").await.unwrap();
    assert_eq!(seen.load(Ordering::SeqCst), 1);
    proxy.at(7, When::After, Fault::Hang);
    let hangs = tokio::time::timeout(Duration::from_millis(200), run(&mut client, "SELECT 7")).await;
    assert!(hangs.is_err());
}
