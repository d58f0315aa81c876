//! What the writer of a secret gains by naming a host that the function's owner did not list: no session with this very
//! machine, and no word on what listens where.

use fourstep::ErrorKind;
use fourstep_test_servers::mysql::Flavour;
use fourstep_testkit::world::assert_error;
use serde_json::json;

use crate::local::{failures_are_alike, nobody_connects};
use crate::world::{FIRST, World, app, server, world_of};

fn world_at(host: &str, port: u16, tls: bool) -> World {
    world_of(
        &json!({ "engine": "mysql", "host": host, "port": port, "username": "app", "password": FIRST, "ssl": tls }),
    )
}

#[tokio::test]
async fn no_session_goes_to_this_machine_or_to_the_metadata_address() {
    nobody_connects(world_at).await;
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

#[tokio::test]
async fn how_a_host_that_nobody_listed_fails_to_answer_is_in_the_log_alone() {
    let answers: [(&[u8], _); 3] = [
        (b"", "the connection was closed without MySQL's answer"),
        // It is a packet, and not the server's first.
        (b"\x05\0\0\0\x01abcd", "is not MySQL"),
        // As SSH it is the length of a packet that does not come.
        (b"SSH-2.0-OpenSSH_9.2\r\n", "the connection was closed without MySQL's answer"),
    ];
    // The server speaks first.
    failures_are_alike("MySQL", |_| {}, &answers, world_at).await;
}
