//! What the writer of a secret gains by naming a host that the function's owner did not list: no session with this very
//! machine, and no word on what listens where.

use std::io::Read as _;
use std::net::TcpStream;

use fourstep::ErrorKind;
use fourstep_test_servers::postgres::Logins;
use fourstep_testkit::world::assert_error;

use crate::local::{failures_are_alike, nobody_connects};
use crate::world::{FIRST, World, secret, secret_at, shared, world_of};

fn world_at(host: &str, port: u16, tls: bool) -> World {
    let mut secret = secret_at(host, port, "app", FIRST);
    secret["ssl"] = tls.into();
    world_of(&secret)
}

#[tokio::test]
async fn no_session_goes_to_this_machine_or_to_the_metadata_address() {
    nobody_connects(world_at).await;
}

#[tokio::test]
async fn a_server_on_this_machine_is_for_the_owner_to_allow() {
    let Some(server) = shared().await else { return };
    let mut world = world_of(&secret(&server, "app", FIRST));
    world.variable("LOCAL_ADDRESSES", "");
    assert_error(&world.failing_set().await, ErrorKind::Invalid, &["`LOCAL_ADDRESSES`"]);
    // Nor does an endpoint do so by itself.
    world.abandon_pending();
    world.variable("ENDPOINT", server.host());
    assert_error(&world.failing_set().await, ErrorKind::Invalid, &["`LOCAL_ADDRESSES`"]);
    assert_eq!(server.logins(), Logins::default());
    world.abandon_pending();
    world.variable("LOCAL_ADDRESSES", "127.0.0.1");
    world.rotate().await.unwrap();
}

#[tokio::test]
async fn how_a_host_that_nobody_listed_fails_to_answer_is_in_the_log_alone() {
    let answers: [(&[u8], _); 3] = [
        (b"", "the connection was closed without PostgreSQL's answer"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "is not PostgreSQL"),
        (b"Sgarbage instead of a handshake", "the TLS handshake with"),
    ];
    let hear = |stream: &mut TcpStream| drop(stream.read(&mut [0; 1024]));
    failures_are_alike("PostgreSQL", hear, &answers, world_at).await;
}
