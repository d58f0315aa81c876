//! The function is killed at each of its calls, before and after it has an effect; AWSCURRENT opens every host all along.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fourstep_testkit::aws::{Action, Moment};

use crate::world::{World, empty};

/// Where a rotation is killed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Point {
    SecretsManager(usize, Moment),
    SystemsManager(usize),
}

#[tokio::test]
async fn a_rotation_survives_a_kill_at_each_call_of_secrets_manager() {
    let moments = [Moment::Before, Moment::After];
    let points = |calls, _| (1..=calls).flat_map(|call| moments.map(|at| Point::SecretsManager(call, at))).collect();
    killed_at_each(1, points).await;
}

#[tokio::test]
async fn a_rotation_survives_a_kill_at_each_call_of_systems_manager() {
    killed_at_each(2, |_, orders| (1..=orders).map(Point::SystemsManager).collect()).await;
}

/// Kills a rotation on some hosts at each of the points that `points` makes of how many calls it has.
async fn killed_at_each(hosts: usize, points: impl FnOnce(usize, usize) -> Vec<Point>) {
    let Some((mut world, calls, orders)) = counted(hosts).await else { return };
    let points = points(calls, orders);
    println!("{calls} calls of Secrets Manager and {orders} of Systems Manager; killed at {} points", points.len());
    for point in points {
        let token = world.begin();
        let killed = kill_at(&world, point);
        let result = world.run(&token).await;
        world.aws.heal();
        world.ssm.on_call(|_, _| {});
        // Polls may be fewer this time.
        if !killed.load(Ordering::Relaxed) {
            assert!(matches!(point, Point::SystemsManager(_)), "{point:?} was never reached");
            result.unwrap();
            continue;
        }
        // A kill after the last call finds nobody who waits for it.
        if let Err(error) = result {
            assert_eq!(error.error_type, "Runtime.ExitError", "{point:?}: {error}");
        }
        assert!((0..hosts).all(|number| world.opens(number, &world.current())), "{point:?}: I1");
        world.run(&token).await.unwrap_or_else(|error| panic!("{point:?}: {error}"));
        world.check_end(&token);
    }
}

/// Returns a world with some hosts after three rotations, and how many calls of Secrets Manager and of Systems Manager the
/// last one made. `None`: sshd is not installed.
pub(crate) async fn counted(hosts: usize) -> Option<(World, usize, usize)> {
    let mut world = World::start(hosts, &empty(), &[]).await?;
    for _ in 0..2 {
        world.rotate().await.unwrap();
    }
    world.aws.forget_calls();
    world.ssm.forget_calls();
    world.rotate().await.unwrap();
    let (calls, orders) = (world.aws.calls().len(), world.ssm.calls().len());
    Some((world, calls, orders))
}

pub(crate) fn kill_at(world: &World, point: Point) -> Arc<AtomicBool> {
    let killed = Arc::new(AtomicBool::new(false));
    let kill = {
        let (sandbox, killed) = (Arc::clone(&world.sandbox), Arc::clone(&killed));
        move || {
            if !killed.swap(true, Ordering::Relaxed) {
                sandbox.kill();
            }
        }
    };
    world.aws.forget_calls();
    world.ssm.forget_calls();
    match point {
        Point::SecretsManager(number, when) => world.aws.on_call(move |call, moment| {
            if call.number == number && moment == when {
                kill();
                return if when == Moment::Before { Action::HangUp } else { Action::Proceed };
            }
            Action::Proceed
        }),
        Point::SystemsManager(at) => world.ssm.on_call(move |_, number| {
            if number == at {
                kill();
            }
        }),
    }
    killed
}
