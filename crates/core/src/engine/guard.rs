//! Ends what hangs, and catches what panics.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, SystemTime};

use tokio::task::coop::unconstrained;

use crate::clock::Clock;
use crate::context::TO_REPORT;
use crate::error::{Error, Result};

/// Runs `work` so that it ends, whatever it does, while there is still time to say so. `work` is given its deadline.
pub(super) async fn guarded<T, F>(clock: &dyn Clock, ends: SystemTime, work: impl FnOnce(SystemTime) -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let given = ends.duration_since(clock.now()).unwrap_or_default();
    let deadline = ends - TO_REPORT.min(given / 4);
    let mut work = pin!(work(deadline));
    // Also a rotator that never waits, and so uses up what tokio lets a task do at once, ends.
    let mut end = pin!(unconstrained(clock.until(deadline)));
    poll_fn(|task| {
        // After a panic the future is not polled again.
        match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(task))) {
            Ok(Poll::Ready(result)) => Poll::Ready(result),
            Ok(Poll::Pending) => end.as_mut().poll(task).map(|()| Err(timed_out(given))),
            Err(_) => Poll::Ready(Err(panicked())),
        }
    })
    .await
}

fn panicked() -> Error {
    Error::other("the rotator panicked; its message is left out, since it may hold a secret")
        .still_works("What was done before stays, and the next attempt finds it")
        .next("The log names the place in the code: report it to the rotator's author")
}

fn timed_out(given: Duration) -> Error {
    // Rounded, since the time-out began some milliseconds before.
    let tenths = (given.as_millis() + 50) / 100;
    let seconds = match (tenths / 10, tenths % 10) {
        (seconds, 0) => seconds.to_string(),
        (seconds, tenth) => format!("{seconds}.{tenth}"),
    };
    Error::unavailable(format!("no answer within the function's time-out of {seconds} s"))
        .next("Secrets Manager tries the rotation again by itself. If this goes on, look at the way to the target, or raise the function's time-out")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::error::ErrorKind;

    #[tokio::test(start_paused = true)]
    async fn what_hangs_ends_while_there_is_time_to_say_so() {
        let started = tokio::time::Instant::now();
        let ends = SystemTime::now() + Duration::from_secs(10);
        let error = guarded::<(), _>(&SystemClock, ends, |_| std::future::pending()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.to_string().contains("time-out of 10 s"), "{error}");
        assert!(started.elapsed() < Duration::from_millis(9_701), "{:?}", started.elapsed());
    }

    #[tokio::test]
    async fn a_panic_is_an_error_without_its_message() {
        let ends = SystemTime::now() + Duration::from_secs(10);
        let work = |_| async { panic!("hunter22") };
        let error = guarded::<(), _>(&SystemClock, ends, work).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Other);
        assert!(!error.to_string().contains("hunter22"), "{error}");
    }
}
