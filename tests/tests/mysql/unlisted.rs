//! What the writer of a secret gains by naming a host that the function's owner did not list: no session with this very
//! machine, and no word on what listens where.

use std::io::ErrorKind as Io;
use std::io::Write as _;
use std::net::TcpListener;
use std::time::Duration;

use fourstep::ErrorKind;
use fourstep_test_servers::mysql::Flavour;
use fourstep_testkit::captured::capture;
use fourstep_testkit::world::assert_error;

use serde_json::{Value, json};

use crate::world::{FIRST, app, server, world_of};

fn secret_at(host: &str, port: u16, tls: bool) -> Value {
    json!({ "engine": "mysql", "host": host, "port": port, "username": "app", "password": FIRST, "ssl": tls })
}

/// Names and addresses that lead to this very machine, to where machines in AWS find their credentials, or to no host.
const LOCAL: [&str; 16] = [
    "127.0.0.1",
    "127.9.9.9",
    "127.1",
    "2130706433",
    "0x7f000001",
    "localhost",
    "localhost.",
    "::1",
    "::ffff:127.0.0.1",
    "0.0.0.0",
    "0",
    "::",
    "169.254.169.254",
    "::ffff:169.254.169.254",
    "fd00:ec2::254",
    "224.0.0.1",
];

#[tokio::test]
async fn no_session_goes_to_this_machine_or_to_the_metadata_address() {
    // Of both families, where there is the second.
    let listener = TcpListener::bind("[::]:0").or_else(|_| TcpListener::bind("0.0.0.0:0")).unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    for host in LOCAL {
        for tls in [true, false] {
            let mut world = world_of(&secret_at(host, port, tls));
            world.variable("LOCAL_ADDRESSES", "");
            world.limit = Duration::from_secs(2);
            let error = world.failing_set().await;
            let parts = ["leads to an address that this function does not connect to", "`LOCAL_ADDRESSES`"];
            assert_error(&error, ErrorKind::Invalid, &parts);
            assert!(!error.to_string().contains("127.") && !error.to_string().contains("169.254"), "{error}");
            assert_eq!(listener.accept().unwrap_err().kind(), Io::WouldBlock, "{host}: somebody connected");
        }
    }
}

#[tokio::test]
async fn a_server_on_this_machine_is_for_the_owner_to_allow() {
    for flavour in Flavour::ALL {
        let Some(server) = server(flavour).await else { continue };
        let mut world = world_of(&app(&server));
        world.variable("LOCAL_ADDRESSES", "");
        assert_error(&world.failing_set().await, ErrorKind::Invalid, &["`LOCAL_ADDRESSES`"]);
        // Nor does an endpoint do so by itself.
        world.abandon_pending();
        world.variable("ENDPOINT", server.host());
        assert_error(&world.failing_set().await, ErrorKind::Invalid, &["`LOCAL_ADDRESSES`"]);
        world.abandon_pending();
        world.variable("LOCAL_ADDRESSES", "127.0.0.1");
        world.rotate().await.unwrap();
    }
}

/// Answers each connection with the same bytes, and closes it.
fn answering(bytes: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            // MySQL speaks first.
            let _ = stream.write_all(bytes);
        }
    });
    port
}

#[tokio::test]
async fn how_a_host_that_nobody_listed_fails_to_answer_is_in_the_log_alone() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut said = Vec::new();
    for (host, port, reason) in [
        ("127.0.0.1", closed, "nothing listens there"),
        ("127.0.0.1", silent.local_addr().unwrap().port(), "gave no answer to the login within"),
        ("127.0.0.1", answering(b""), "the connection was closed without MySQL's answer"),
        // It is a packet, and not the server's first.
        ("127.0.0.1", answering(b"\x05\0\0\0\x01abcd"), "is not MySQL"),
        // As SSH it is the length of a packet that does not come.
        ("127.0.0.1", answering(b"SSH-2.0-OpenSSH_9.2\r\n"), "the connection was closed without MySQL's answer"),
        ("no-such-host.invalid", 3306, "does not resolve to an address"),
    ] {
        let mut world = world_of(&secret_at(host, port, true));
        world.limit = Duration::from_secs(2);
        let (log, _guard) = capture();
        let error = world.failing_set().await;
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        said.push(error.to_string().replace(&format!("{host}:{port}"), "SERVER"));
        let log = log.text();
        let line = log.lines().find(|line| line.contains(" WARN ") && line.contains(reason));
        let line = line.unwrap_or_else(|| panic!("{reason} is not in: {log}"));
        assert!(line.contains(host) && line.contains(&port.to_string()), "{line}");
    }
    assert!(said.iter().all(|text| *text == said[0]), "{said:#?}");
    for part in ["could not log in to MySQL at SERVER: no connection", "log", "security groups"] {
        assert!(said[0].contains(part), "{}", said[0]);
    }
}
