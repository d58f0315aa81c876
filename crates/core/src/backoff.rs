use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

/// Growing, jittered waits.
pub(crate) struct Backoff(ExponentialBackoff);

impl Backoff {
    /// For a target that gave no answer: three to six seconds in all. Secrets Manager retries later by itself.
    pub(crate) fn for_target() -> Self {
        Self::new(Duration::from_millis(200), 4)
    }

    /// For a write to Secrets Manager that is not visible yet: one and a half to three seconds in all.
    pub(crate) fn for_visibility() -> Self {
        Self::new(Duration::from_millis(100), 4)
    }

    /// For a new credential that is not accepted yet: as long as the caller waits, every five seconds at the most.
    pub(crate) fn for_activation() -> Self {
        let builder = ExponentialBuilder::new().with_min_delay(Duration::from_millis(200)).without_max_times();
        Self(builder.with_max_delay(Duration::from_secs(5)).with_jitter().build())
    }

    fn new(first: Duration, times: usize) -> Self {
        let builder = ExponentialBuilder::new().with_min_delay(first).with_max_times(times).with_jitter();
        Self(builder.build())
    }
}

impl Iterator for Backoff {
    type Item = Duration;

    /// Returns the next wait, or none where there were enough.
    fn next(&mut self) -> Option<Duration> {
        self.0.next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_with_jitter_and_end() {
        let waits: Vec<_> = Backoff::for_target().collect();
        assert_eq!(waits.len(), 4);
        assert!(waits.windows(2).all(|pair| pair[0] < pair[1] * 2), "{waits:?}");
        assert!(waits.iter().sum::<Duration>() < Duration::from_secs(7), "{waits:?}");
    }
}
