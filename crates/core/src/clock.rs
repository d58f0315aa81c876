use std::time::{Duration, SystemTime};

use async_trait::async_trait;

/// The time: the system's, or a test's.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Returns the time of day.
    fn now(&self) -> SystemTime;

    /// Waits.
    async fn sleep(&self, duration: Duration);

    /// Waits until a moment comes: the end of a step, which ends what hangs. A modelled clock whose time passes by
    /// [`sleep`](Self::sleep) alone, and in whose time nothing hangs, never gets there: it is `std::future::pending`.
    async fn until(&self, moment: SystemTime);
}

/// The system's time.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    async fn until(&self, moment: SystemTime) {
        self.sleep(moment.duration_since(self.now()).unwrap_or_default()).await;
    }
}
