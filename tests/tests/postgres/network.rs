use std::io::Write;
use std::time::{Duration, Instant};

use fourstep::{Error, ErrorKind};
use fourstep_test_servers::postgres::{Certificate, Logins, Options, Postgres};
use fourstep_testkit::world::assert_error;
use serde_json::Value;
use tokio::net::TcpListener;

use crate::world::{FIRST, World, assert_said, secret, secret_at, shared, world_of};

async fn error_at(host: &str, port: u16, tls: bool) -> Error {
    error_with(secret_at(host, port, "app", FIRST), tls).await
}

async fn error_with(mut secret: Value, tls: bool) -> Error {
    secret["ssl"] = tls.into();
    let mut world = world_of(&secret);
    // Of a host that the owner lists, the error tells all.
    if let Some(host) = secret["host"].as_str().filter(|host| !host.starts_with('/')) {
        world.variable("ALLOWED_ENDPOINTS", host);
    }
    world.limit = Duration::from_secs(2);
    world.failing_set().await
}

#[tokio::test]
async fn a_host_that_does_not_resolve_is_named() {
    for tls in [true, false] {
        let error = error_at("no-such-host.invalid", 5432, tls).await;
        assert_error(&error, ErrorKind::Unavailable, &["`no-such-host.invalid` does not resolve", "correct `host`"]);
    }
}

#[tokio::test]
async fn a_port_that_refuses_is_named() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let error = error_at("127.0.0.1", port, true).await;
    assert_error(
        &error,
        ErrorKind::Unavailable,
        &[&format!("127.0.0.1:{port}"), "nothing listens there", "security groups"],
    );
}

#[tokio::test]
async fn a_host_that_hangs_is_given_up_in_time_to_say_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let started = Instant::now();
    let error = error_at("127.0.0.1", port, true).await;
    assert_error(&error, ErrorKind::Unavailable, &["gave no answer to the login within 2 s", "security groups"]);
    assert!(started.elapsed() < Duration::from_secs(5));
    let mut world = world_of(&secret_at("127.0.0.1", port, "app", FIRST));
    world.variable("ALLOWED_ENDPOINTS", format!("127.0.0.1:{port}"));
    world.limit = Duration::from_secs(6);
    let started = Instant::now();
    let error = world.failing_set().await;
    assert_error(&error, ErrorKind::Unavailable, &["within 5 s"]);
    assert!(started.elapsed() < Duration::from_secs(8));
}

/// Answers every connection with the same bytes, then closes it or keeps it open.
async fn answering(bytes: &'static [u8]) -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let mut asked = [0; 1024];
            let _ = std::io::Read::read(&mut stream, &mut asked);
            let _ = stream.write_all(bytes);
        }
    });
    port
}

#[tokio::test]
async fn what_is_not_postgresql_is_told_apart() {
    let http = answering(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
    let mysql = answering(b"J\0\0\0\n8.4.0\0").await;
    for (port, tls) in [(http, true), (mysql, true), (mysql, false)] {
        let error = error_at("127.0.0.1", port, tls).await;
        assert_error(&error, ErrorKind::Invalid, &["is not PostgreSQL", "Correct `host` and `port`"]);
    }
    // Its `H` is a message of PostgreSQL, which then has no end.
    let error = error_at("127.0.0.1", http, false).await;
    assert_error(&error, ErrorKind::Unavailable, &["closed without PostgreSQL's answer", "check `host` and `port`"]);
    let closing = answering(b"").await;
    for tls in [true, false] {
        let error = error_at("127.0.0.1", closing, tls).await;
        assert_error(&error, ErrorKind::Unavailable, &["the connection was closed without PostgreSQL's answer"]);
    }
    let garbled = answering(b"Sgarbage instead of a handshake").await;
    let error = error_at("127.0.0.1", garbled, true).await;
    assert_error(&error, ErrorKind::Unavailable, &["the TLS handshake with 127.0.0.1", "TLS 1.2 or 1.3"]);
}

#[tokio::test]
async fn a_server_without_tls_gets_no_password() {
    let Some(server) = shared().await else { return };
    let roles = server.roles().await;
    let error = error_with(secret(&server, "app", FIRST), true).await;
    assert_error(
        &error,
        ErrorKind::Invalid,
        &["speaks no TLS, and the password is not sent without", "\"ssl\": false"],
    );
    assert_eq!(server.roles().await, roles);
    assert_eq!(server.logins(), Logins::default());
}

async fn tls_server(certificate: Certificate) -> Option<Postgres> {
    let options = Options {
        certificate: Some(certificate),
        hba: vec!["hostnossl all all 127.0.0.1/32 reject"],
        ..Options::default()
    };
    let server = Postgres::start_with(options).await?;
    server.execute("CREATE ROLE app LOGIN PASSWORD 'first-password'").await;
    Some(server)
}

fn tls_world(server: &Postgres, host: &str) -> World {
    let mut secret = secret_at(host, server.port(), "app", FIRST);
    secret.as_object_mut().unwrap().remove("ssl");
    let mut world = world_of(&secret);
    world.variable("TLS_CA_BUNDLE", server.authority().to_str().unwrap());
    world.limit = Duration::from_secs(5);
    world
}

#[tokio::test]
async fn d18_a_certificate_of_a_known_authority_is_accepted_by_name_and_by_address() {
    let Some(server) = tls_server(Certificate::Right).await else { return };
    for host in ["localhost", "127.0.0.1", "localhost."] {
        server.execute("ALTER ROLE app PASSWORD 'first-password'").await;
        let mut world = tls_world(&server, host);
        world.rotate().await.unwrap_or_else(|error| panic!("{host}: {error}"));
    }
    let log = server.log();
    assert!(log.contains("SSL enabled (protocol=TLSv1.3"), "{log}");
    let error = error_at(server.host(), server.port(), false).await;
    assert_error(&error, ErrorKind::Invalid, &["admits no unencrypted connection", "Remove \"ssl\": false"]);
}

/// Its owner removed `"ssl": false`, and mistyped the password on the way.
#[tokio::test]
async fn an_older_version_gives_its_credential_and_not_its_plaintext() {
    let Some(server) = tls_server(Certificate::Right).await else { return };
    let mut world = tls_world(&server, "localhost");
    let mut current = world.current();
    let mut older = current.clone();
    older["ssl"] = false.into();
    current["password"] = "mistyped".into();
    world.put(&older);
    world.put(&current);
    world.rotate().await.unwrap();
    assert_eq!(world.current().get("ssl"), None);
}

#[tokio::test]
async fn a_certificate_for_another_name_is_told_apart_and_an_endpoint_helps() {
    let Some(server) = tls_server(Certificate::OtherName).await else { return };
    let mut world = tls_world(&server, "127.0.0.1");
    let error = world.failing_set().await;
    assert_error(&error, ErrorKind::Invalid, &["is valid, but for another name than `127.0.0.1`", "fourstep:endpoint"]);
    let Some(server) = tls_server(Certificate::Right).await else { return };
    let mut world = tls_world(&server, "alias.invalid");
    world.variable("ALLOWED_ENDPOINTS", "localhost");
    world.tag("fourstep:endpoint", "localhost");
    world.rotate().await.unwrap();
}

#[tokio::test]
async fn a_certificate_that_has_expired_is_told_apart() {
    let Some(server) = tls_server(Certificate::Expired).await else { return };
    let mut world = tls_world(&server, "localhost");
    let error = world.failing_set().await;
    assert_error(&error, ErrorKind::Invalid, &["has expired", "Renew it at the server"]);
    assert!(!server.log().contains("connection authorized: user=app"));
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_told_apart() {
    let Some(server) = tls_server(Certificate::OtherAuthority).await else { return };
    let mut world = tls_world(&server, "localhost");
    let error = world.failing_set().await;
    assert_error(&error, ErrorKind::Invalid, &["from an authority that is not known here", "TLS_CA_BUNDLE"]);
    // And without any authority but the built-in ones.
    let Some(server) = tls_server(Certificate::Right).await else { return };
    let mut world = tls_world(&server, "localhost");
    world.variable("TLS_CA_BUNDLE", "");
    assert_error(&world.failing_set().await, ErrorKind::Invalid, &["from an authority that is not known here"]);
    assert!(!server.log().contains("connection authorized: user=app"));
}

#[tokio::test]
async fn a_bundle_that_is_none_is_named() {
    let Some(server) = tls_server(Certificate::Right).await else { return };
    let empty = tempfile::NamedTempFile::new().unwrap();
    let broken = tempfile::NamedTempFile::new().unwrap();
    broken.as_file().write_all(b"-----BEGIN CERTIFICATE-----\n????\n-----END CERTIFICATE-----\n").unwrap();
    let other = tempfile::NamedTempFile::new().unwrap();
    other.as_file().write_all(b"-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n").unwrap();
    let cut = tempfile::NamedTempFile::new().unwrap();
    let authority = std::fs::read(server.authority()).unwrap();
    cut.as_file().write_all(&authority[..authority.len() / 2]).unwrap();
    for (path, part) in [
        ("/no/such/file.pem", "cannot be read"),
        (empty.path().to_str().unwrap(), "holds no certificate"),
        (broken.path().to_str().unwrap(), "is not valid PEM"),
        (other.path().to_str().unwrap(), "holds a certificate that cannot be used as a root"),
        (cut.path().to_str().unwrap(), "is not valid PEM"),
    ] {
        let mut world = tls_world(&server, "localhost");
        world.variable("TLS_CA_BUNDLE", path);
        assert_error(&world.failing_set().await, ErrorKind::Invalid, &["TLS_CA_BUNDLE", path, part]);
    }
}

#[tokio::test]
async fn a_host_that_is_a_path_is_refused() {
    let error = error_at("/var/run/postgresql", 5432, false).await;
    assert_error(&error, ErrorKind::Invalid, &["field `host` of the secret is a path"]);
}

#[tokio::test]
async fn a_server_that_pg_hba_keeps_out_is_forbidden() {
    let options = Options { hba: vec!["host all app 127.0.0.1/32 reject"], ..Options::default() };
    let Some(server) = Postgres::start_with(options).await else { return };
    server.execute("CREATE ROLE app LOGIN PASSWORD 'first-password'").await;
    let error = error_at(server.host(), server.port(), false).await;
    let said = "setSecret: PostgreSQL at SERVER admits no unencrypted connection of `app` to database `postgres` from here (SQLSTATE 28000). This step changed nothing at the target, and did not learn which version opens it. Remove \"ssl\": false from the secret; if the server has to admit it, add a line to its pg_hba.conf.";
    assert_said(&server, &error, ErrorKind::Invalid, said);
    let options = Options {
        hba: vec!["host all app 127.0.0.1/32 reject"],
        certificate: Some(Certificate::Right),
        ..Options::default()
    };
    let Some(server) = Postgres::start_with(options).await else { return };
    server.execute("CREATE ROLE app LOGIN PASSWORD 'first-password'").await;
    let mut world = tls_world(&server, "localhost");
    let error = world.failing_set().await;
    let said = format!(
        "setSecret: PostgreSQL at localhost:{} admits no connection of `app` to database `postgres` from here (SQLSTATE 28000). This step changed nothing at the target, and did not learn which version opens it. Add a line for it to pg_hba.conf, with the method scram-sha-256; if the role is NOLOGIN, run: ALTER ROLE \"app\" LOGIN.",
        server.port()
    );
    assert_said(&server, &error, ErrorKind::Forbidden, &said);
}
