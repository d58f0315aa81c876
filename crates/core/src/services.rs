use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::backoff::Backoff;
use crate::clock::Clock;
use crate::filter::Filter;
use crate::settings::Environment;
use crate::store::SecretStore;

/// What an engine is made of, and what each of its invocations works with.
pub(crate) struct Services {
    pub(crate) store: Arc<dyn SecretStore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) filter: Arc<Filter>,
    pub(crate) environment: Environment,
}

/// The time that a wait leaves for the attempt after it, so that the target has time to answer.
const FOR_AN_ATTEMPT: Duration = Duration::from_millis(1_500);

impl Services {
    /// Returns the time that is left until a deadline.
    pub(crate) fn remaining(&self, deadline: SystemTime) -> Duration {
        deadline.duration_since(self.clock.now()).unwrap_or_default()
    }

    /// Returns how long to wait before the next attempt. `None`: there were enough, or there is no time for another one.
    pub(crate) fn next_wait(&self, backoff: &mut Backoff, deadline: SystemTime) -> Option<Duration> {
        backoff.next().filter(|wait| self.may_wait(*wait, deadline))
    }

    /// Returns whether there is time to wait that long, and for another attempt after it.
    pub(crate) fn may_wait(&self, wait: Duration, deadline: SystemTime) -> bool {
        wait + FOR_AN_ATTEMPT < self.remaining(deadline)
    }

    /// Waits before the next attempt. `false`: there were enough, or there is no time for another one.
    pub(crate) async fn pause(&self, backoff: &mut Backoff, deadline: SystemTime) -> bool {
        match self.next_wait(backoff, deadline) {
            Some(wait) => {
                self.clock.sleep(wait).await;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::memory::MemoryStore;

    #[test]
    fn no_wait_takes_the_time_for_an_attempt() {
        let services = Services {
            store: Arc::new(MemoryStore::new()),
            clock: Arc::new(SystemClock),
            filter: Arc::default(),
            environment: Environment::default(),
        };
        let (wait, now) = (Duration::from_millis(100), services.clock.now());
        assert!(!services.may_wait(wait, now + wait + FOR_AN_ATTEMPT));
        assert!(services.may_wait(wait, now + wait + FOR_AN_ATTEMPT + Duration::from_secs(60)));
    }
}
