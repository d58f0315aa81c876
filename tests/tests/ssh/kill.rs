//! The function is killed at each of its calls, before and after it has an effect; AWSCURRENT opens every host all along.

use std::sync::Arc;

use fourstep_testkit::aws::Moment;
use fourstep_testkit::kill::{Kill, Subject, both_moments, rotate, rotate_and_kill};
use fourstep_testkit::runtime_api::Sandbox;
use fourstep_testkit::secret::RotatedSecret;

use crate::world::{World, empty};

/// Where a rotation is killed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Point {
    SecretsManager(usize, Moment),
    SystemsManager(usize),
}

#[tokio::test]
async fn a_rotation_survives_a_kill_at_each_call_of_secrets_manager() {
    let points = |calls, _| both_moments(calls).map(|(call, at)| Point::SecretsManager(call, at)).collect();
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
    rotate_and_kill(&mut world, points.into_iter().map(Some)).await;
}

/// Returns a world with some hosts after three rotations, and how many calls of Secrets Manager and of Systems Manager the
/// last one made. `None`: sshd is not installed.
pub(crate) async fn counted(hosts: usize) -> Option<(World, usize, usize)> {
    let mut world = World::start(hosts, &empty(), &[]).await?;
    for _ in 0..3 {
        rotate(&mut world).await;
    }
    let (calls, orders) = (world.aws.calls().len(), world.ssm.calls().len());
    Some((world, calls, orders))
}

impl Subject for World {
    type Point = Point;

    fn secret(&self) -> &RotatedSecret {
        &self.secret
    }

    fn sandbox(&self) -> &Arc<Sandbox> {
        &self.sandbox
    }

    fn begin(&mut self) {
        self.secret.begin();
    }

    fn count_anew(&self) {
        self.aws.forget_calls();
        self.ssm.forget_calls();
    }

    fn arm(&self, point: Point, kill: Kill) {
        match point {
            Point::SecretsManager(number, at) => kill.at_call(&self.aws, number, at),
            Point::SystemsManager(at) => self.ssm.on_call(move |_, number| {
                if number == at {
                    kill.now();
                }
            }),
        }
    }

    async fn disarm(&self, _point: Point) {
        self.aws.heal();
        self.ssm.on_call(|_, _| {});
    }

    async fn check_after_kill(&self, point: Point) {
        let current = self.secret.current();
        assert!((0..self.nodes.len()).all(|number| self.opens(number, &current)), "{point:?}: I1");
    }

    async fn check_end(&self) {
        self.check_hosts(&self.secret.token);
    }

    /// A rotation asks Systems Manager until a command is over, which may take fewer calls this time.
    fn may_miss(&self, point: Point) -> bool {
        matches!(point, Point::SystemsManager(_))
    }
}
