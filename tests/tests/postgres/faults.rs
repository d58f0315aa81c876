//! Each message to the server fails in each way that a message can fail: it never arrives, or its answer is lost.

use fourstep_test_servers::postgres::Postgres;
use fourstep_testkit::proxy::{Fault, Proxy, When};
use serde_json::Value;

use crate::world::{FIRST, World, opens, pair_of, proxy, secret_by, shared, shared_with_admin, world_of};

/// Secrets Manager's first attempt, and the two more that may be needed once the fault is over.
const ATTEMPTS: usize = 3;

#[tokio::test]
async fn single_user_survives_a_fault_at_each_message() {
    let Some(server) = shared().await else { return };
    let proxy = proxy(&server).await;
    let world = world_of(&secret_by(&proxy, &server, "app", FIRST));
    let faults = survive(&server, &proxy, world, async |world, current| {
        let pending = world.labelled("AWSPENDING");
        opens(&server, current).await || opens(&server, &pending.expect("a rotation is under way")).await
    })
    .await;
    println!("{faults} rotations, each with a fault at one message");
}

#[tokio::test]
async fn alternating_users_survive_a_fault_at_each_message() {
    let Some((server, _)) = shared_with_admin().await else { return };
    let proxy = proxy(&server).await;
    let by_proxy = |name: &str, password: &str| secret_by(&proxy, &server, name, password);
    let world = pair_of(&by_proxy("app", FIRST), &by_proxy("boss", "admin-password"));
    let faults = survive(&server, &proxy, world, async |_, current| opens(&server, current).await).await;
    println!("{faults} rotations, each with a fault at one message");
}

/// Rotates once for each message and fault, and counts the rotations. `works` tells, after each attempt, whether
/// consumers are served.
async fn survive(
    server: &Postgres,
    proxy: &Proxy,
    mut world: World,
    works: impl AsyncFn(&World, &Value) -> bool,
) -> usize {
    let mut faults = 0;
    for message in 1.. {
        let mut reached = false;
        for swallowed in [false, true] {
            proxy.reset();
            let fault = if swallowed { Fault::SwallowReplies } else { Fault::Drop };
            proxy.at(message, When::Before, fault);
            let token = world.start();
            let mut ended = Err(String::new());
            for attempt in 1..=ATTEMPTS {
                ended = world.run(&token).await.map_err(|error| error.to_string());
                reached |= proxy.counts().frontend >= message;
                if ended.is_ok() {
                    break;
                }
                assert!(works(&world, &world.current()).await, "message {message}, attempt {attempt}: {ended:?}");
            }
            assert_eq!(ended, Ok(()), "message {message}, swallowed: {swallowed}");
            assert!(opens(server, &world.current()).await, "message {message}, swallowed: {swallowed}");
            faults += 1;
        }
        if !reached {
            break;
        }
    }
    faults
}
