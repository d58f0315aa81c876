use std::time::Duration;

use fourstep::{Error, ErrorKind};
use fourstep_test_servers::mysql::{Certificate, Flavour, MySql, Options};
use tokio::net::TcpListener;

use crate::world::{FIRST, World, admin, app, assert_error, make_admin, pair_of, prepare, secret, world_of};

async fn tls_server(flavour: Flavour, certificate: Certificate) -> Option<MySql> {
    let settings = vec!["--require-secure-transport=ON"];
    let server = MySql::start_with(flavour, Options { certificate: Some(certificate), settings }).await?;
    prepare(&server).await;
    Some(server)
}

fn tls_world(server: &MySql, host: &str) -> World {
    let mut secret = secret(server, "app", FIRST);
    secret["host"] = host.into();
    secret.as_object_mut().unwrap().remove("ssl");
    let mut world = world_of(&secret);
    world.variable("TLS_CA_BUNDLE", server.authority().to_str().unwrap());
    world.limit = Duration::from_secs(5);
    world
}

#[tokio::test]
async fn a_certificate_of_a_known_authority_is_accepted_and_plaintext_is_told_apart() {
    for flavour in Flavour::ALL {
        let Some(server) = tls_server(flavour, Certificate::Right).await else { continue };
        let mut world = tls_world(&server, "localhost");
        for _ in 0..2 {
            world.rotate().await.unwrap_or_else(|error| panic!("{flavour}: {error}"));
        }
        let mut plain = world.current();
        plain["ssl"] = false.into();
        let error = world_of(&plain).failing_set().await;
        // MariaDB calls it a refusal.
        let (kind, part) = match flavour {
            Flavour::MySql => (ErrorKind::Invalid, "admits no unencrypted connection"),
            Flavour::MariaDb => (ErrorKind::Rejected, "it demands TLS"),
        };
        assert_error(&error, kind, &[part]);
    }
}

/// Its owner removed `"ssl": false`, and mistyped the password on the way.
#[tokio::test]
async fn an_older_version_gives_its_credential_and_not_its_plaintext() {
    for flavour in Flavour::ALL {
        for strategy in ["single-user", "auto", "alternating-users"] {
            let options = Options { certificate: Some(Certificate::Right), ..Options::default() };
            let Some(server) = MySql::start_with(flavour, options).await else { continue };
            prepare(&server).await;
            make_admin(&server).await;
            let mut older = app(&server);
            older["host"] = "localhost".into();
            let mut of_admin = admin(&server);
            of_admin["host"] = "localhost".into();
            of_admin["ssl"] = true.into();
            let mut world = pair_of(&older, &of_admin);
            world.tag("fourstep:strategy", strategy);
            world.variable("TLS_CA_BUNDLE", server.authority().to_str().unwrap());
            let mut current = world.current();
            current.as_object_mut().unwrap().remove("ssl");
            current["password"] = "mistyped".into();
            world.put(&current);
            world.rotate().await.unwrap_or_else(|error| panic!("{flavour}, {strategy}: {error}"));
            assert_eq!(world.current().get("ssl"), None);
            let log = server.general_log();
            let of_app = log.lines().filter(|line| line.contains("Connect\tapp") && !line.contains("Access denied"));
            let plain: Vec<_> = of_app.filter(|line| !line.contains("using SSL/TLS")).collect();
            assert_eq!(plain, Vec::<&str>::new(), "{flavour}, {strategy}");
        }
    }
}

#[tokio::test]
async fn a_certificate_that_is_wrong_is_told_apart_and_no_password_is_sent() {
    for flavour in Flavour::ALL {
        for (certificate, part) in [
            (Certificate::OtherName, "is valid, but for another name than `localhost`"),
            (Certificate::OtherAuthority, "from an authority that is not known here"),
            (Certificate::Expired, "has expired"),
        ] {
            let Some(server) = tls_server(flavour, certificate).await else { continue };
            let error = tls_world(&server, "localhost").failing_set().await;
            assert_error(&error, ErrorKind::Invalid, &[part]);
            assert!(!server.general_log().contains("Connect\tapp@"), "{flavour}: {}", server.general_log());
        }
    }
}

#[tokio::test]
async fn a_server_without_tls_gets_no_password() {
    for flavour in Flavour::ALL {
        let Some(server) = MySql::start(flavour).await else { continue };
        prepare(&server).await;
        let mut secret = app(&server);
        secret["ssl"] = true.into();
        let error = world_of(&secret).failing_set().await;
        let parts = ["speaks no TLS, and the password is not sent without", "\"ssl\": false"];
        assert_error(&error, ErrorKind::Invalid, &parts);
        assert!(!server.general_log().contains("app@"), "{}", server.general_log());
    }
}

async fn error_at(host: &str, port: u16) -> Error {
    let secret = serde_json::json!({
        "engine": "mysql", "host": host, "port": port, "username": "app", "password": FIRST, "ssl": false
    });
    let mut world = world_of(&secret);
    // Of a host that the owner lists, the error tells all.
    if !host.starts_with('/') {
        world.variable("ALLOWED_ENDPOINTS", host);
    }
    world.limit = Duration::from_secs(2);
    world.failing_set().await
}

#[tokio::test]
async fn what_does_not_answer_is_told_apart() {
    let error = error_at("no-such-host.invalid", 3306).await;
    assert_error(&error, ErrorKind::Unavailable, &["`no-such-host.invalid` does not resolve"]);
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    assert_error(
        &error_at("127.0.0.1", port).await,
        ErrorKind::Unavailable,
        &["nothing listens there", "security groups"],
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let error = error_at("127.0.0.1", listener.local_addr().unwrap().port()).await;
    assert_error(&error, ErrorKind::Unavailable, &["gave no answer to the login within 2 s"]);
    let error = error_at("/var/run/mysqld/mysqld.sock", 3306).await;
    assert_error(&error, ErrorKind::Invalid, &["field `host` of the secret is a path"]);
}

#[tokio::test]
async fn what_is_not_mysql_is_told_apart() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            // SSH speaks first, too.
            let _ = std::io::Write::write_all(&mut stream, b"SSH-2.0-OpenSSH_9.2\r\n");
        }
    });
    let error = error_at("127.0.0.1", port).await;
    assert!([ErrorKind::Invalid, ErrorKind::Unavailable].contains(&error.kind()), "{error}");
    let text = error.to_string();
    assert!(text.contains("is not MySQL or MariaDB") || text.contains("closed without MySQL's answer"), "{text}");
}
