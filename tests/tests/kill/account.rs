use std::sync::Arc;
use std::time::{Duration, Instant};

use fourstep::{AWSPENDING, AWSPREVIOUS};
use fourstep_testkit::kill::{Kill, Subject};
use fourstep_testkit::proxy::{Fault, When};
use fourstep_testkit::runtime_api::Sandbox;
use fourstep_testkit::secret::RotatedSecret;

use crate::point::Point;
use crate::world::World;

/// An account, and its secret.
pub(crate) struct Account<'w> {
    pub(crate) world: &'w World,
    pub(crate) secret: RotatedSecret,
}

/// Longer than any machine needs.
const LIMIT: Duration = Duration::from_secs(30);

impl<'w> Account<'w> {
    /// Creates one that no other rotation had.
    pub(crate) async fn make(world: &'w mut World) -> Self {
        let secret = world.make_account().await;
        Self { world, secret }
    }
}

impl Subject for Account<'_> {
    type Point = Point;

    /// An attempt that fails is made again once: two more attempts have to end a rotation.
    const MOST_ATTEMPTS: usize = 2;

    fn secret(&self) -> &RotatedSecret {
        &self.secret
    }

    fn sandbox(&self) -> &Arc<Sandbox> {
        &self.world.sandbox
    }

    fn begin(&mut self) {
        self.secret.begin();
    }

    fn count_anew(&self) {
        self.world.count_anew();
    }

    fn arm(&self, point: Point, kill: Kill) {
        let World { aws, proxy, .. } = self.world;
        match point {
            Point::SecretsManager(number, at) => kill.at_call(aws, number, at),
            Point::Database(number, when) => {
                proxy.at(number, When::Before, Fault::Call(Box::new(move || kill.now())));
                match when {
                    When::Before => proxy.at(number, When::Before, Fault::Drop),
                    When::After => proxy.at(number, When::After, Fault::SwallowReplies),
                }
            }
        }
    }

    async fn disarm(&self, point: Point) {
        if let Point::SecretsManager(number, _) = point {
            assert_eq!(self.world.aws.calls().len(), number, "{point:?}: the dead make no calls");
        }
        self.world.aws.heal();
        let started = Instant::now();
        if let Point::Database(_, When::After) = point {
            while self.world.server.has_session().await {
                assert!(started.elapsed() < LIMIT, "{point:?}: the session of the dead function does not end");
            }
        }
    }

    /// Checks that whoever reads the secret can log in, in single-user perhaps with AWSPENDING.
    async fn check_after_kill(&self, point: Point) {
        if !self.world.opens(&self.secret.current()).await {
            assert!(!self.world.overlaps(), "{point:?}: AWSCURRENT does not work");
            let pending = self.secret.labelled(AWSPENDING);
            let pending = pending.unwrap_or_else(|| panic!("{point:?}: no labelled version works"));
            assert!(self.world.opens(&pending).await, "{point:?}: no labelled version works");
        }
        let names = self.world.server.accounts().await;
        assert!(names.is_subset(&self.world.names), "{point:?}: {names:?}");
    }

    /// Checks that AWSCURRENT is the rotation's version and works; of the old credential, what is promised; and that no
    /// account is there that should not be.
    async fn check_end(&self) {
        let Self { world, secret } = self;
        secret.check_promoted();
        assert_eq!(secret.id(AWSPREVIOUS).as_ref(), Some(&secret.before));
        let (current, previous) = (secret.current(), secret.previous());
        assert_ne!(current["password"], previous["password"]);
        assert_eq!(current["username"] != previous["username"], world.alternates(), "{}", secret.name());
        // A clone acts as its base, or may do the same.
        assert_eq!(world.server.log_in(&current).await.as_deref(), Some(secret.name()));
        assert_eq!(world.opens(&previous).await, world.overlaps(), "AWSPREVIOUS of {}", secret.name());
        assert_eq!(world.server.accounts().await, world.names);
    }
}
