//! What an operator is told of each host.

use fourstep_test_servers::ssm::Behaviour;
use serde_json::{Value, json};

use crate::world::{SECRET, World, empty};

async fn operate(world: &World, action: &str) -> Value {
    world.sandbox.invoke(json!({ "Action": action, "SecretId": SECRET })).await.result.unwrap()
}

#[tokio::test]
async fn diagnose_tells_what_came_of_each_host() {
    let Some(mut world) = World::start(4, &empty(), &[]).await else { return };
    world.rotate().await.unwrap();
    world.nodes[1].behave(Behaviour::Stopped);
    world.host(2).root("chmod 777 ~app", b"");
    world.host(3).stop();
    let reply = operate(&world, "diagnose").await;
    let version = &reply["Versions"][0];
    let expected = json!([
        { "Name": "i-0000", "Good": true, "Outcome": "logged in" },
        { "Name": "i-0001", "Good": false, "Outcome": "unreachable", "Why": "it is stopped" },
        { "Name": "i-0002", "Good": false, "Outcome": "refused" },
        { "Name": "i-0003", "Good": false, "Outcome": "unreachable", "Why": format!("the connection to port {} is refused", world.host(3).port()) },
    ]);
    assert_eq!(version["Places"], expected, "{reply}");
    let message = reply["Message"].as_str().unwrap();
    assert!(message.contains("AWSCURRENT opens the target at 1 of 4 places"), "{message}");

    // What gave no answer is not known, and does not keep the others from being told.
    world.host(2).root("chmod 750 ~app", b"");
    let reply = operate(&world, "diagnose").await;
    assert_eq!(reply["Versions"][0]["Opens"], Value::Null, "{reply}");
    let message = reply["Message"].as_str().unwrap();
    assert!(message.contains("is not known: log in with the key: 2 of 4 hosts gave no answer"), "{message}");
}

#[tokio::test]
async fn reconcile_tells_what_came_of_each_host() {
    let Some(mut world) = World::start(1, &empty(), &[("MAX_UNREACHABLE", "1")]).await else { return };
    world.rotate().await.unwrap();
    // The first one notes in each file how old its order is.
    operate(&world, "reconcile").await;
    world.add_host("i-0001");
    world.ssm.add_without_agent("i-0002", "stopped");
    let reply = operate(&world, "reconcile").await;
    let expected = json!([
        { "Name": "i-0000", "Good": true, "Outcome": "already there" },
        { "Name": "i-0001", "Good": true, "Outcome": "installed" },
        { "Name": "i-0002", "Good": false, "Outcome": "unreachable", "Why": "it is stopped" },
    ]);
    assert_eq!(reply["Places"], expected, "{reply}");
}
