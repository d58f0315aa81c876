use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use fourstep::accounts::Strategies;
use fourstep::{Error, ErrorKind};
use fourstep_postgres::Postgres as Accounts;
use fourstep_test_servers::postgres::Postgres;
use fourstep_testkit::proxy::Proxy;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

pub(crate) type World = fourstep_testkit::world::World<Strategies<Accounts>>;

/// Creates a world with a secret of an account.
pub(crate) fn world_of(secret: &Value) -> World {
    World::new(strategies(), secret)
}

/// Creates a world with a secret that two accounts take turns in, and the administrator's secret.
pub(crate) fn pair_of(secret: &Value, admin: &Value) -> World {
    World::alternating(strategies(), secret, admin)
}

fn strategies() -> Strategies<Accounts> {
    Strategies::from(Accounts::new())
}

/// A secret of an account by its plain name, for connections without TLS.
pub(crate) fn secret(server: &Postgres, name: &str, password: &str) -> Value {
    let mut secret = secret_at(server.host(), server.port(), &server.name(name), password);
    secret["dbname"] = server.database().into();
    secret
}

/// The same, by a proxy before the server.
pub(crate) fn secret_by(proxy: &Proxy, server: &Postgres, name: &str, password: &str) -> Value {
    let mut secret = secret(server, name, password);
    secret["port"] = proxy.port().into();
    secret
}

pub(crate) fn secret_at(host: &str, port: u16, username: &str, password: &str) -> Value {
    json!({
        "engine": "postgres", "host": host, "port": port, "username": username, "password": password,
        "dbname": "postgres", "ssl": false
    })
}

/// Logs in as a consumer with a secret's value, and runs statements.
pub(crate) async fn consume(server: &Postgres, secret: &Value, statements: &str) -> sqlx::Result<()> {
    let text = |field: &str| secret[field].as_str().unwrap();
    let mut client = server.connect(text("username"), text("password"), text("dbname")).await?;
    sqlx::raw_sql(AssertSqlSafe(statements)).execute(&mut client).await?;
    client.close().await
}

/// Returns the plain name of the account in a secret.
pub(crate) fn name(server: &Postgres, secret: &Value) -> String {
    server.plain(secret["username"].as_str().unwrap())
}

/// Checks an error's kind, and that its text, with plain names, has all the parts.
#[track_caller]
pub(crate) fn assert_error(server: &Postgres, error: &Error, kind: ErrorKind, parts: &[&str]) {
    let text = server.plain(&error.to_string());
    assert_eq!(error.kind(), kind, "{text}");
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
}

/// Checks an error's kind and its whole text, with plain names, `SERVER` for the address and `VERSION` for a version's id.
#[track_caller]
pub(crate) fn assert_said(server: &Postgres, error: &Error, kind: ErrorKind, said: &str) {
    let address = format!("{}:{}", server.host(), server.port());
    let text = server.plain(&error.to_string()).replace(&address, "SERVER");
    let mut parts = text.split("(version ");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain += "(VERSION";
        plain += part.find(')').map_or(part, |end| &part[end..]);
    }
    assert_eq!((error.kind(), plain.as_str()), (kind, said));
}

pub(crate) async fn opens(server: &Postgres, secret: &Value) -> bool {
    match consume(server, secret, "SELECT 1").await {
        Ok(()) => true,
        Err(sqlx::Error::Database(answer)) if answer.code().as_deref() == Some("28P01") => false,
        Err(error) => panic!("{error}"),
    }
}

/// A place on the server that tests share, with a role `<app>`, which owns a table.
pub(crate) async fn shared() -> Option<Postgres> {
    let server = Postgres::shared().await?;
    make_app(&server).await;
    Some(server)
}

/// The same on a server of the test's own.
pub(crate) async fn server() -> Option<Postgres> {
    let server = Postgres::start().await?;
    make_app(&server).await;
    Some(server)
}

/// Creates the role, and its table.
pub(crate) async fn make_app(server: &Postgres) {
    server
        .execute(
            "CREATE ROLE <app> LOGIN PASSWORD 'first-password'; CREATE SCHEMA data AUTHORIZATION <app>;
             SET ROLE <app>; CREATE TABLE data.t (i int)",
        )
        .await;
}

pub(crate) const FIRST: &str = "first-password";

/// A place with an administrator as Amazon RDS makes it: no superuser.
pub(crate) async fn shared_with_admin() -> Option<(Postgres, World)> {
    let server = shared().await?;
    let world = make_admin(&server).await;
    Some((server, world))
}

/// The same on a server of the test's own.
pub(crate) async fn server_with_admin() -> Option<(Postgres, World)> {
    let server = server().await?;
    let world = make_admin(&server).await;
    Some((server, world))
}

async fn make_admin(server: &Postgres) -> World {
    server.execute("CREATE ROLE <boss> LOGIN CREATEROLE CREATEDB PASSWORD 'admin-password'").await;
    let_administer(server, "<app>").await;
    pair_of(&secret(server, "app", FIRST), &secret(server, "boss", "admin-password"))
}

/// The same with a pair as AWS's function leaves it: a clone without our mark that is a member of the base, and nothing
/// else. The clone is current.
pub(crate) async fn of_aws() -> Option<(Postgres, World)> {
    let (server, world) = shared_with_admin().await?;
    server.execute("CREATE ROLE <app_clone> LOGIN PASSWORD 'clone-password'; GRANT <app> TO <app_clone>").await;
    let_administer(&server, "<app_clone>").await;
    let base = world.current();
    let mut clone = secret(&server, "app_clone", "clone-password");
    clone["masterarn"] = base["masterarn"].clone();
    world.put(&clone);
    assert_eq!(world.previous(), base);
    Some((server, world))
}

/// A place with an administrator and a second database, [`other`].
pub(crate) async fn two_databases() -> Option<(Postgres, World)> {
    let (server, world) = shared_with_admin().await?;
    server.execute("CREATE DATABASE \"<the_other> one\"").await;
    Some((server, world))
}

/// Returns the name of the second database, which needs quotes: `"<the_other> one"` in statements.
pub(crate) fn other(server: &Postgres) -> String {
    server.name("the_other one")
}

/// Returns whether memberships have options and grantors of their own, as since version 16.
pub(crate) async fn has_grantors(server: &Postgres) -> bool {
    server.rows("SELECT current_setting('server_version_num')").await[0].as_str() >= "160000"
}

/// Grants the administrator what it would have if it had made the role itself.
pub(crate) async fn let_administer(server: &Postgres, role: &str) {
    if has_grantors(server).await {
        server.execute(&format!("GRANT {role} TO <boss> WITH ADMIN OPTION")).await;
    }
}

pub(crate) async fn proxy(server: &Postgres) -> Proxy {
    Proxy::before(server.port()).await
}

/// Lets everybody in by a greeting, and answers the first request by `first` and then `again` and again. Returns its port, and
/// how many bytes of that were taken.
pub(crate) async fn answering_without_end(
    greeting: Vec<u8>,
    first: Vec<u8>,
    again: Vec<u8>,
) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        let _ = client.read(&mut request).await;
        let _ = client.write_all(&greeting).await;
        let _ = client.read(&mut request).await;
        let _ = client.write_all(&first).await;
        while client.write_all(&again).await.is_ok() {
            counted.fetch_add(again.len(), Ordering::Relaxed);
        }
    });
    (port, sent)
}

/// Answers whatever a client begins with by these bytes, in a server's place. Returns its port.
pub(crate) async fn answering_with(message: Vec<u8>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut startup = [0; 1024];
            let _ = client.read(&mut startup).await;
            let _ = client.write_all(&message).await;
        }
    });
    port
}
