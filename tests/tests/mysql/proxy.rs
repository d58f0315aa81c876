//! What stands between: MySQL Router, a real one; and ProxySQL and Amazon RDS Proxy, by what their sources say they answer.

use std::time::Duration;

use fourstep::{Error, ErrorKind, Step};
use fourstep_test_servers::mysql::{Certificate, Flavour, MySql, Options};
use fourstep_test_servers::mysql_router::{self, MySqlRouter, ThroughTls};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::world::{
    FIRST, admin, app, assert_error, opens, pair_of, prepare, secret, server_with_admin, text, world_of,
};

fn sharing(tls: ThroughTls) -> mysql_router::Options {
    mysql_router::Options { tls, sharing: true }
}

fn plain(tls: ThroughTls) -> mysql_router::Options {
    mysql_router::Options { tls, sharing: false }
}

/// The same secret, at a proxy, with TLS or without.
fn at(port: u16, secret: Value, tls: bool) -> Value {
    let mut secret = secret;
    (secret["host"], secret["port"], secret["ssl"]) = ("localhost".into(), port.into(), tls.into());
    secret
}

/// Rotates through a proxy, and returns the error, after which each account is as it was.
async fn refused(server: &MySql, secret: &Value, authority: Option<&MySqlRouter>) -> Error {
    let accounts = server.accounts().await;
    let mut world = world_of(secret);
    world.limit = Duration::from_secs(5);
    if let Some(router) = authority {
        world.variable("TLS_CA_BUNDLE", router.authority().to_str().unwrap());
    }
    let error = world.failing_set().await;
    assert_eq!(server.accounts().await, accounts);
    error
}

#[tokio::test]
async fn accounts_rotate_through_a_proxy_that_passes_all_on() {
    for flavour in Flavour::ALL {
        let Some((server, _)) = server_with_admin(flavour).await else { continue };
        let Some(router) = MySqlRouter::start(server.port(), plain(ThroughTls::Passes)).await else { return };
        let mut alone = world_of(&at(router.port(), app(&server), false));
        alone.rotate().await.unwrap_or_else(|error| panic!("{flavour}: {error}"));
        let mut pair = pair_of(&alone.current(), &at(router.port(), admin(&server), false));
        for _ in 0..3 {
            pair.rotate().await.unwrap_or_else(|error| panic!("{flavour}: {error}"));
            assert!(opens(&server, &pair.current()).await && opens(&server, &pair.previous()).await, "{flavour}");
        }
    }
}

#[tokio::test]
async fn tls_passes_through_a_proxy_or_ends_at_one_that_proves_who_it_is() {
    let options = Options { certificate: Some(Certificate::Right), ..Options::default() };
    let Some(server) = MySql::start_with(Flavour::MySql, options).await else { return };
    prepare(&server).await;
    server.execute("ALTER USER app@'%' REQUIRE SSL").await;
    let Some(through) = MySqlRouter::start(server.port(), plain(ThroughTls::Passes)).await else { return };
    let mut world = world_of(&at(through.port(), app(&server), true));
    world.variable("TLS_CA_BUNDLE", server.authority().to_str().unwrap());
    world.rotate().await.unwrap();

    let demanded = plain(ThroughTls::Demanded(Certificate::Right));
    let Some(ends) = MySqlRouter::start(server.port(), demanded).await else { return };
    let mut world = world_of(&at(ends.port(), world.current(), true));
    world.variable("TLS_CA_BUNDLE", ends.authority().to_str().unwrap());
    world.rotate().await.unwrap();

    // In plaintext, that one lets nobody in.
    let error = refused(&server, &at(ends.port(), world.current(), false), None).await;
    let parts = [&format!("a proxy at localhost:{} takes no unencrypted", ends.port()), "Remove \"ssl\": false"];
    assert_error(&error, ErrorKind::Invalid, &parts);
    let other = plain(ThroughTls::Demanded(Certificate::OtherName));
    let Some(other) = MySqlRouter::start(server.port(), other).await else { return };
    let error = refused(&server, &at(other.port(), world.current(), true), Some(&other)).await;
    assert_error(&error, ErrorKind::Invalid, &["is valid, but for another name than `localhost`"]);
}

#[tokio::test]
async fn a_proxy_that_passes_no_tls_on_gets_no_password() {
    let options = Options { certificate: Some(Certificate::Right), ..Options::default() };
    let Some(server) = MySql::start_with(Flavour::MySql, options).await else { return };
    prepare(&server).await;
    let Some(router) = MySqlRouter::start(server.port(), plain(ThroughTls::Lost)).await else { return };
    let error = refused(&server, &at(router.port(), app(&server), true), None).await;
    let parts = ["speaks no TLS, and the password is not sent without", "let a proxy that stands before it pass it on"];
    assert_error(&error, ErrorKind::Invalid, &parts);
    assert!(!server.general_log().contains("Connect\tapp@"), "{}", server.general_log());
}

#[tokio::test]
async fn a_proxy_that_shares_sessions_is_named_and_nothing_is_written() {
    let options = Options { certificate: Some(Certificate::Right), ..Options::default() };
    let Some(server) = MySql::start_with(Flavour::MySql, options).await else { return };
    prepare(&server).await;
    let demanded = sharing(ThroughTls::Demanded(Certificate::Right));
    let Some(router) = MySqlRouter::start(server.port(), demanded).await else { return };
    let error = refused(&server, &at(router.port(), app(&server), true), Some(&router)).await;
    let named = format!("a proxy at localhost:{} shares the sessions of its clients", router.port());
    assert_error(&error, ErrorKind::Invalid, &[&named, "connection_sharing of MySQL Router"]);

    // The way out that it names.
    let mut world = world_of(&at(router.port(), app(&server), true));
    world.variable("TLS_CA_BUNDLE", server.authority().to_str().unwrap());
    world.variable("ALLOWED_ENDPOINTS", "127.0.0.1");
    world.tag("fourstep:endpoint", &format!("127.0.0.1:{}", server.port()));
    world.rotate().await.unwrap();
    assert!(opens(&server, &world.current()).await);
}

#[tokio::test]
async fn a_proxy_that_reaches_no_server_is_unavailable() {
    let Some(server) = MySql::start(Flavour::MySql).await else { return };
    prepare(&server).await;
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let Some(router) = MySqlRouter::start(nobody, plain(ThroughTls::Lost)).await else { return };
    let error = refused(&server, &at(router.port(), app(&server), false), None).await;
    let named = format!("a proxy at localhost:{} has no connection to its server (error 2003)", router.port());
    assert_error(&error, ErrorKind::Unavailable, &[&named, "look at the proxy's log"]);
}

/// The server's own accounts that stand for others.
#[tokio::test]
async fn an_account_that_acts_as_another_is_named_and_the_other_is_not_touched() {
    let settings = vec!["--check-proxy-users=ON", "--sha256-password-proxy-users=ON"];
    let Some(server) = MySql::start_with(Flavour::MySql, Options { certificate: None, settings }).await else { return };
    prepare(&server).await;
    server
        .execute(&format!(
            "CREATE USER pooled@'%' IDENTIFIED WITH sha256_password BY {}; GRANT PROXY ON app@'%' TO pooled@'%'",
            text(FIRST)
        ))
        .await;
    let error = refused(&server, &secret(&server, "pooled", FIRST), None).await;
    let parts = [
        "opened the session of `app`@`%` for user `pooled`: another account takes its place here",
        "fourstep:endpoint",
    ];
    assert_error(&error, ErrorKind::Invalid, &parts);
    assert!(opens(&server, &app(&server)).await);
}

/// Greets as a server, and answers each login with one error.
async fn answering(code: u16, text: &str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let packet = |number: u8, payload: &[u8]| {
        let length = u32::try_from(payload.len()).unwrap().to_le_bytes();
        [&length[..3], &[number], payload].concat()
    };
    // Protocol 10: version, session, challenge, capabilities, character set, status, plugin.
    // https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_packets_protocol_handshake_v10.html
    let greeting = [
        b"\x0a8.0.11\0\x01\0\0\0abcdefgh\0\x00\x82\x2d\x02\0\x08\0\x15".as_slice(),
        &[0; 10],
        b"ijklmnopqrst\0mysql_native_password\0",
    ]
    .concat();
    let error = [b"\xff".as_slice(), &code.to_le_bytes(), b"#28000", text.as_bytes()].concat();
    let (greeting, error) = (packet(0, &greeting), packet(2, &error));
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut login = [0; 1024];
            let _ = client.write_all(&greeting).await;
            let _ = client.read(&mut login).await;
            let _ = client.write_all(&error).await;
            // Until the client has read it.
            let _ = client.read(&mut login).await;
        }
    });
    port
}

/// <https://github.com/sysown/proxysql/blob/v2.x/lib/MySQL_Session.cpp> and
/// <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy.troubleshooting.html>
#[tokio::test]
async fn what_proxies_with_accounts_of_their_own_say_is_told_apart() {
    for (code, text, kind, part) in [
        (
            1045,
            "ProxySQL Error: Access denied for user 'app'@'10.0.0.1' (using password: YES)",
            ErrorKind::Invalid,
            " does not let account `app` in (error 1045): its own list lacks the account, or has another password. ",
        ),
        (
            1045,
            "Access denied for user 'app'@'%' (using password: YES)",
            ErrorKind::Rejected,
            " or a proxy that stands between does not know it. ",
        ),
        (3159, "This RDS Proxy requires TLS connections", ErrorKind::Invalid, "Remove \"ssl\": false"),
        (
            9001,
            "Max connect timeout reached while reaching hostgroup 0 after 10000ms",
            ErrorKind::Unavailable,
            " has no connection to its server (error 9001)",
        ),
        (
            9501,
            "Timed-out waiting to acquire database connection",
            ErrorKind::Unavailable,
            " has no connection to its server (error 9501)",
        ),
        (1040, "Connections rate limit exceeded (100)", ErrorKind::Unavailable, "no connection left"),
    ] {
        let port = answering(code, text).await;
        let secret = serde_json::json!({
            "engine": "mysql", "host": "127.0.0.1", "port": port, "username": "app", "password": FIRST, "ssl": false
        });
        let mut world = world_of(&secret);
        world.limit = Duration::from_secs(2);
        let error = world.failing_set().await;
        assert_error(&error, kind, &[part]);
        assert!(!error.to_string().contains(text), "the text is foreign: {error}");
    }
}

/// One whose list nobody keeps up with the server lets the rotation in, and not the new password.
#[tokio::test]
async fn a_proxy_that_knows_one_password_stops_the_rotation_where_nothing_is_lost() {
    let Some((server, mut world)) = server_with_admin(Flavour::MySql).await else { return };
    let token = world.start();
    world.step(Step::Create, &token).await.unwrap();
    world.step(Step::Set, &token).await.unwrap();
    let denied = "ProxySQL Error: Access denied for user 'app_clone'@'10.0.0.1' (using password: YES)";
    let port = answering(1045, denied).await;
    world.variable("ALLOWED_ENDPOINTS", "127.0.0.1");
    world.tag("fourstep:endpoint", &format!("127.0.0.1:{port}"));
    for step in [Step::Test, Step::Finish] {
        let error = world.step(step, &token).await.unwrap_err();
        assert_error(&error, ErrorKind::Invalid, &["the ProxySQL at ", "second account of alternating-users"]);
        assert!(opens(&server, &world.current()).await);
    }
    world.tag("fourstep:endpoint", &format!("127.0.0.1:{}", server.port()));
    world.run(&token).await.unwrap();
    assert!(opens(&server, &world.current()).await && opens(&server, &world.previous()).await);
}
