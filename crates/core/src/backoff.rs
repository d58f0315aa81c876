use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use crate::context::Context;
use crate::error::Result;

/// Time that is kept back: for an attempt worth the name, and to say what happened before Lambda ends the function.
const TO_ANSWER: Duration = Duration::from_millis(1_500);

/// Growing, jittered waits that end in time to answer.
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

    /// Returns the next wait, or none if it would not leave the time to answer.
    pub(crate) fn next(&mut self, remaining: Duration) -> Option<Duration> {
        self.0.next().filter(|delay| *delay + TO_ANSWER < remaining)
    }
}

/// Runs `attempt` until it succeeds, fails for good, or the waits are used up.
pub(crate) async fn retry<T, F>(cx: &Context<'_>, mut attempt: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let mut backoff = Backoff::for_target();
    loop {
        match attempt().await {
            Err(error) if error.is_retryable() => match backoff.next(cx.remaining()) {
                Some(delay) => {
                    tracing::info!(kind = error.kind().name(), message = %error, "no answer; trying again");
                    cx.clock().sleep(delay).await;
                    cx.attempted_again();
                }
                None => return Err(error),
            },
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_with_jitter_and_end() {
        let waits: Vec<_> = std::iter::from_fn({
            let mut backoff = Backoff::for_target();
            move || backoff.next(Duration::from_secs(900))
        })
        .collect();
        assert_eq!(waits.len(), 4);
        assert!(waits.windows(2).all(|pair| pair[0] < pair[1] * 2), "{waits:?}");
        assert!(waits.iter().sum::<Duration>() < Duration::from_secs(7), "{waits:?}");
    }

    #[test]
    fn no_wait_takes_the_time_to_answer() {
        assert_eq!(Backoff::for_target().next(TO_ANSWER + Duration::from_millis(100)), None);
    }
}
