use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::error::Reason;

/// Spaces calls out evenly, and slows down where the service refuses them: others share the quota.
pub(crate) struct Rate {
    most: f64,
    state: Mutex<State>,
}

struct State {
    now: f64,
    next: Instant,
    /// The end of the pause after the last refusal that slowed it down.
    resumes: Instant,
    refused: usize,
    unanswered: usize,
}

/// A refusal takes off this part of the rate …
const SLOWER: f64 = 0.7;
/// … and each accepted call gives back this part of the most.
const FASTER: f64 = 0.005;
/// What is refused may be so for a second; the calls of a moment are refused together.
const PAUSE: Duration = Duration::from_millis(250);
const SLOWEST: f64 = 0.5;
/// So many calls in a row without an answer are no accident.
const MOST_UNANSWERED: usize = 20;

impl Rate {
    pub(crate) fn new(most: f64) -> Self {
        let most = most.max(SLOWEST);
        let now = Instant::now();
        let state = State { now: most, next: now, resumes: now, refused: 0, unanswered: 0 };
        Self { most, state: Mutex::new(state) }
    }

    /// Waits until the next call may be made.
    pub(crate) async fn turn(&self) {
        let at = {
            let mut state = self.state();
            let at = state.next.max(Instant::now());
            state.next = at + Duration::from_secs_f64(1.0 / state.now);
            at
        };
        tokio::time::sleep_until(at).await;
    }

    /// Notes that a call was accepted.
    pub(crate) fn accepted(&self) {
        let mut state = self.state();
        state.now = (state.now + self.most * FASTER).min(self.most);
        state.unanswered = 0;
    }

    /// Notes that a call was refused or not answered. Tells whether it is worth making again.
    pub(crate) fn refuse(&self, reason: Reason) -> bool {
        let mut state = self.state();
        if reason == Reason::Throttled {
            state.refused += 1;
        } else {
            state.unanswered += 1;
        }
        // Between half of the pause and all of it, so that two runs do not keep step.
        let pause = PAUSE.mul_f64(0.5 + rand::random::<f64>() / 2.0);
        let now = Instant::now();
        // Calls that were refused together slow it down once.
        if state.resumes <= now {
            state.resumes = now + pause;
            state.next = state.next.max(state.resumes);
            state.now = (state.now * SLOWER).max(SLOWEST);
        }
        state.unanswered < MOST_UNANSWERED
    }

    /// Gives how many calls the quota refused.
    pub(crate) fn refused(&self) -> usize {
        self.state().refused
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn calls_are_spaced_out_and_slow_down_when_they_are_refused() {
        let rate = Rate::new(50.0);
        let began = Instant::now();
        for _ in 0..51 {
            rate.turn().await;
            rate.accepted();
        }
        assert_eq!(began.elapsed().as_millis() / 10, 100, "51 calls in a second");
        assert!(rate.refuse(Reason::Throttled) && rate.refuse(Reason::Throttled));
        let slow = Instant::now();
        for _ in 0..36 {
            rate.turn().await;
        }
        let seconds = slow.elapsed().as_secs_f64();
        assert!((1.1..1.3).contains(&seconds), "the pause, and 35 calls of a second: {seconds}");
        assert_eq!(rate.refused(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_never_answers_is_given_up() {
        let rate = Rate::new(50.0);
        let tries = (0..100).take_while(|_| rate.refuse(Reason::Unreachable)).count();
        assert_eq!(tries, MOST_UNANSWERED - 1);
    }
}
