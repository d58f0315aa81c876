use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::error::Reason;

/// Spaces calls out evenly, and slows down where the service refuses them: others share the quota.
pub(super) struct Rate {
    most: f64,
    /// Held by the one whose turn is next, so that turns come in order, at the rate that there is then.
    turns: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

struct State {
    now: f64,
    /// The rate at which a call was refused last. Up to it, it is safe to be quick again.
    refused_at: f64,
    accepted_since: f64,
    /// When the next turn is. `None`: there was none yet, and so none was missed.
    next: Option<Instant>,
    pause: Duration,
    /// The end of the pause after the last refusal that slowed it down.
    resumes: Instant,
    refused: usize,
    unanswered: usize,
}

/// A refusal takes the rate down to this part of itself …
const SLOWER: f64 = 0.93;
/// … and each accepted call adds this part, up to nearly where it was refused.
const FASTER: f64 = 0.01;
const NEARLY: f64 = 0.97;
/// Beyond, each adds this part for every call that was accepted since: careful at first, and soon at the most again
/// where others no longer use the quota.
const TRYING: f64 = 0.000_02;
const SLOWEST: f64 = 0.5;
/// The service counts by the second: turns that nobody could take for so long are taken at once after.
const MADE_UP_FOR: Duration = Duration::from_secs(1);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// So many calls in a row without an answer are no accident.
const MOST_UNANSWERED: usize = 20;

impl Rate {
    pub(super) fn new(most: f64) -> Self {
        let most = most.max(SLOWEST);
        let now = Instant::now();
        let state = State {
            now: most,
            refused_at: most,
            accepted_since: 0.0,
            next: None,
            pause: FIRST_PAUSE,
            resumes: now,
            refused: 0,
            unanswered: 0,
        };
        Self { most, turns: tokio::sync::Mutex::new(()), state: Mutex::new(state) }
    }

    /// Waits until the next call may be made.
    pub(super) async fn turn(&self) {
        let _turn = self.turns.lock().await;
        loop {
            let at = {
                let mut state = self.state();
                let now = Instant::now();
                let next = state.next.unwrap_or(now);
                if next <= now {
                    let missed = now.checked_sub(MADE_UP_FOR).map_or(next, |oldest| next.max(oldest));
                    state.next = Some(missed + Duration::from_secs_f64(1.0 / state.now));
                    return;
                }
                next
            };
            // A refusal may move it meanwhile.
            tokio::time::sleep_until(at).await;
        }
    }

    /// Notes that a call was accepted.
    pub(super) fn accepted(&self) {
        let mut state = self.state();
        state.accepted_since += 1.0;
        let is_safe = state.now < state.refused_at * NEARLY;
        let faster = if is_safe { FASTER } else { TRYING * state.accepted_since };
        state.now = (state.now * (1.0 + faster)).min(self.most);
        state.pause = FIRST_PAUSE;
        state.unanswered = 0;
    }

    /// Notes that a call was refused or not answered. Returns whether it is worth making again.
    pub(super) fn refuse(&self, reason: Reason) -> bool {
        let mut state = self.state();
        if reason == Reason::Throttled {
            state.refused += 1;
        } else {
            state.unanswered += 1;
        }
        let now = Instant::now();
        // Calls that were refused together slow it down once.
        if state.resumes <= now {
            // Between half of the pause and all of it, so that two runs do not keep step.
            state.resumes = now + state.pause.mul_f64(0.5 + rand::random::<f64>() / 2.0);
            state.next = state.next.max(Some(state.resumes));
            state.pause = LONGEST_PAUSE.min(state.pause * 2);
            state.refused_at = state.now;
            state.accepted_since = 0.0;
            state.now = (state.now * SLOWER).max(SLOWEST);
        }
        state.unanswered < MOST_UNANSWERED
    }

    /// Returns how many calls the quota refused.
    pub(super) fn refused(&self) -> usize {
        self.state().refused
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn calls_are_spaced_out_and_those_that_could_not_be_made_are_made_up_for() {
        let rate = Rate::new(50.0);
        let began = Instant::now();
        for _ in 0..51 {
            rate.turn().await;
            rate.accepted();
        }
        assert_eq!(began.elapsed().as_millis() / 10, 100, "51 calls in a second");
        tokio::time::sleep(Duration::from_millis(500)).await;
        for _ in 0..50 {
            rate.turn().await;
        }
        assert_eq!(began.elapsed().as_millis() / 10, 200, "50 calls in the next second, half of them at once");
        tokio::time::sleep(Duration::from_secs(60)).await;
        let idle = Instant::now();
        for _ in 0..100 {
            rate.turn().await;
        }
        assert!(idle.elapsed() > Duration::from_millis(900), "no more than a second is made up for");
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_never_answers_is_given_up() {
        let rate = Rate::new(50.0);
        let tries = (0..100).take_while(|_| rate.refuse(Reason::Unreachable)).count();
        assert_eq!(tries, MOST_UNANSWERED - 1);
    }

    /// A bucket of tokens that fills with `permitted` a second.
    struct Quota {
        permitted: f64,
        capacity: f64,
        tokens: f64,
        at: Instant,
    }

    impl Quota {
        fn takes(&mut self) -> bool {
            let now = Instant::now();
            self.tokens = (self.tokens + (now - self.at).as_secs_f64() * self.permitted).min(self.capacity);
            self.at = now;
            let takes = self.tokens >= 1.0;
            self.tokens -= f64::from(u8::from(takes));
            takes
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nearly_all_that_others_leave_of_the_quota_is_used_and_little_is_refused() {
        for (permitted, capacity) in [(50.0, 50.0), (50.0, 5.0), (30.0, 30.0), (30.0, 3.0), (10.0, 10.0), (5.0, 1.0)] {
            let rate = Arc::new(Rate::new(49.0));
            let quota = Arc::new(Mutex::new(Quota { permitted, capacity, tokens: 0.0, at: Instant::now() }));
            let done = Arc::new(AtomicU32::new(0));
            let began = Instant::now();
            let callers = (0..100).map(|_| {
                let (rate, quota, done) = (Arc::clone(&rate), Arc::clone(&quota), Arc::clone(&done));
                tokio::spawn(async move {
                    while done.load(Ordering::Relaxed) < 2000 {
                        rate.turn().await;
                        tokio::time::sleep(Duration::from_millis(30)).await;
                        if quota.lock().unwrap().takes() {
                            rate.accepted();
                            done.fetch_add(1, Ordering::Relaxed);
                        } else {
                            assert!(rate.refuse(Reason::Throttled));
                        }
                    }
                })
            });
            futures_util::future::join_all(callers).await;
            let accepted = f64::from(done.load(Ordering::Relaxed));
            let used = accepted / (began.elapsed().as_secs_f64() * permitted);
            assert!(used >= 0.95, "{used} of {permitted} a second, {} refused", rate.refused());
            assert!(rate.refused() <= 100, "{} were refused at {permitted} a second", rate.refused());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_soon_at_the_most_again_when_others_leave_the_quota() {
        let rate = Rate::new(49.0);
        while rate.state().now > 5.0 {
            rate.refuse(Reason::Throttled);
            tokio::time::sleep(LONGEST_PAUSE).await;
        }
        let began = Instant::now();
        while rate.state().now < 49.0 {
            rate.turn().await;
            rate.accepted();
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    }
}
