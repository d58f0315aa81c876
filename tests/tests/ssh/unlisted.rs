//! No session goes to the function's own machine, whatever its name, a tag or an agent says of a host.

use std::io::ErrorKind as Io;
use std::net::TcpListener;
use std::process::Command;

use fourstep::Step;
use fourstep_test_servers::sshd::{Host, USER};
use serde_json::json;
use tempfile::TempDir;

use crate::world::{World, assert_error, empty};

const REFUSED: [&str; 2] = ["leads to an address that this function does not connect to", "`LOCAL_ADDRESSES`"];

/// An agent tells its host's address itself.
#[tokio::test]
async fn no_session_goes_where_an_agent_says_that_its_host_is_this_machine() {
    let Some(mut world) = World::start(1, &empty(), &[("LOCAL_ADDRESSES", "")]).await else { return };
    let token = world.secret.begin();
    let error = world.failing(Step::Test, &token).await;
    assert_error(&error, "Invalid", &REFUSED);
    assert!(!error.message.contains("127."), "{}", error.message);
    assert!(!world.host(0).log().contains("Accepted publickey"), "{}", world.host(0).log());
}

#[tokio::test]
async fn no_session_goes_to_this_machine_or_to_the_metadata_address() {
    let Some(host) = Host::start() else { return };
    let listener = TcpListener::bind("[::]:0").or_else(|_| TcpListener::bind("0.0.0.0:0")).unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("key");
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&file).status().unwrap();
    assert!(made.success());
    let private = std::fs::read_to_string(&file).unwrap();
    let lines = host.known_hosts();
    let (_, host_key) = lines.lines().next().unwrap().split_once(' ').unwrap();
    for place in ["localhost", "127.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "fd00:ec2::254", "0.0.0.0"] {
        let named = if place.contains(':') { format!("[{place}]:{port}") } else { format!("{place}:{port}") };
        let variables = [("SSH_TRANSPORT", "ssh"), ("SSH_HOSTS", &*named), ("USERNAME", USER), ("LOCAL_ADDRESSES", "")];
        let known = format!("[{place}]:{port} {host_key}\n");
        let secret = json!({ "PrivateKey": private, "PublicKey": "", "KnownHosts": known });
        let mut world = World::with_hosts(vec![], &secret, &variables).await;
        let error = world.rotate().await.unwrap_err();
        assert_error(&error, "Invalid", &REFUSED);
        assert_eq!(listener.accept().unwrap_err().kind(), Io::WouldBlock, "{place}: somebody connected");
    }
}
