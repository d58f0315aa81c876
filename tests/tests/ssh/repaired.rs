//! Rotations of keys that died half way and are repaired by an operator, not by Secrets Manager.

use fourstep::{AWSCURRENT, AWSPENDING};
use fourstep_testkit::aws::Moment;
use fourstep_testkit::kill::kill_at;
use serde_json::json;

use crate::kill::{Point, counted};
use crate::world::SECRET;

#[tokio::test]
async fn rollback_repairs_a_rotation_that_was_killed_after_each_call() {
    repaired_after_each("rollback").await;
}

#[tokio::test]
async fn recover_repairs_a_rotation_that_was_killed_after_each_call() {
    repaired_after_each("recover").await;
}

/// Kills a rotation on two hosts after each of its calls of Secrets Manager, and at each of Systems Manager, while its
/// order is carried out. Repairs it, and rotates once more.
async fn repaired_after_each(action: &str) {
    let Some((mut world, calls, orders)) = counted(2).await else { return };
    let points = (1..=calls).map(|call| Point::SecretsManager(call, Moment::After));
    let points: Vec<_> = points.chain((1..=orders).map(Point::SystemsManager)).collect();
    println!("{action}: killed at {} points", points.len());
    for point in points {
        let before = world.secret.current();
        let token = world.secret.begin();
        kill_at(&world, point).await;
        let event = json!({ "Action": action, "SecretId": SECRET, "Attempts": 5 });
        let event = if action == "recover" { event } else { json!({ "Action": action, "SecretId": SECRET }) };
        let reply = world.sandbox.invoke(event).await.result;
        reply.unwrap_or_else(|error| panic!("{point:?}: {error}"));
        let current = world.secret.current();
        assert!((0..2).all(|number| world.opens(number, &current)), "{point:?}: AWSCURRENT does not open a host");
        if action == "rollback" {
            assert_eq!(current["PrivateKey"], before["PrivateKey"], "{point:?}");
        }
        let [current, pending] = [AWSCURRENT, AWSPENDING].map(|label| world.secret.id(label));
        let token = match pending.filter(|pending| Some(pending) != current.as_ref()) {
            // Recovered to what was current all the time: the rotation that is under way goes on.
            Some(pending) => {
                assert_eq!((action, &pending), ("recover", &token), "{point:?}");
                pending
            }
            None => world.secret.begin(),
        };
        world.run(&token).await.unwrap_or_else(|error| panic!("{point:?}: {error}"));
        world.check_hosts(&token);
    }
}
