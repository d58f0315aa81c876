//! The binary of a function, killed at each point of its rotations.
//!
//! The points are counted outside of the binary: the calls of Secrets Manager, and whatever else the world around it can
//! count, such as the messages to a server. A rotation without a fault tells how many there are. Then, for each, the
//! function is killed (SIGKILL) there; what has to hold at every instant is checked; and the rotation begins again with
//! createSecret and the same token.
//!
//! A [`Subject`] says what is special about one kind of rotation. [`rotate`] and [`rotate_and_kill`] do the rest.
#![allow(clippy::missing_panics_doc, reason = "what tests call is a test too, and panics where the test is to fail")]

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use fourstep::Step;
use tokio::sync::watch;

use crate::aws::{Action, Aws, FunctionError, Moment};
use crate::runtime_api::Sandbox;
use crate::secret::RotatedSecret;

/// A secret that a function rotates, in a world that can kill it at each point.
pub trait Subject {
    /// Where a rotation is killed.
    type Point: Copy + Debug;

    /// How many more attempts have to end a rotation that was killed. All but the last may fail as `Unavailable`.
    const MOST_ATTEMPTS: usize = 1;

    /// Returns the secret.
    fn secret(&self) -> &RotatedSecret;

    /// Returns the function.
    fn sandbox(&self) -> &Arc<Sandbox>;

    /// Begins a rotation, as RotateSecret does.
    fn begin(&mut self);

    /// Counts points from 1 again.
    fn count_anew(&self);

    /// Arms the kill at a point, counted from now.
    fn arm(&self, point: Self::Point, kill: Kill);

    /// Removes what [`arm`](Self::arm) set up. If a server was to act on the dead function's last message, waits until
    /// it has.
    fn disarm(&self, point: Self::Point) -> impl Future<Output = ()>;

    /// Checks what has to hold at every instant, right after a kill.
    fn check_after_kill(&self, point: Self::Point) -> impl Future<Output = ()>;

    /// Checks that the rotation ended well.
    fn check_end(&self) -> impl Future<Output = ()>;

    /// Returns whether a rotation may end before it comes to a point: one that polls may need fewer polls this time.
    fn may_miss(&self, _point: Self::Point) -> bool {
        false
    }

    /// Returns whether an error says that the credential was lost with the service's reply, and what to do.
    fn is_loss(&self, _error: &FunctionError) -> bool {
        false
    }
}

/// What came of the rotations that were to be killed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many were killed.
    pub killed: usize,
    /// How many of those lost the credential, and said so.
    pub lost: usize,
    /// How many more attempts it took at the most.
    pub most_attempts: usize,
}

impl Tally {
    /// Adds up what came of some rotations and of others.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            killed: self.killed + other.killed,
            lost: self.lost + other.lost,
            most_attempts: self.most_attempts.max(other.most_attempts),
        }
    }
}

/// Runs a rotation without a fault. What is counted after it are the points of this rotation.
pub async fn rotate(subject: &mut impl Subject) {
    subject.begin();
    subject.count_anew();
    attempt(subject, None).await.unwrap_or_else(|error| panic!("without a kill: {error}"));
    subject.check_end().await;
}

/// Runs one rotation for each item, one after another. A rotation with a point is killed there, and must end well all the
/// same. Stops once a credential is lost.
pub async fn rotate_and_kill<S: Subject>(
    subject: &mut S,
    rotations: impl IntoIterator<Item = Option<S::Point>>,
) -> Tally {
    let mut tally = Tally::default();
    for point in rotations {
        let Some(point) = point else {
            rotate(subject).await;
            continue;
        };
        subject.begin();
        let one = survive(subject, point).await;
        tally = tally.and(one);
        if one.lost > 0 {
            break;
        }
    }
    tally
}

/// Kills a rotation that has begun. Returns `false` if it ended before it came to the point.
pub async fn kill_at<S: Subject>(subject: &S, point: S::Point) -> bool {
    subject.count_anew();
    let (happened, mut kill) = watch::channel(false);
    subject.arm(point, Kill { sandbox: Arc::clone(subject.sandbox()), happened });
    let result = attempt(subject, Some(&kill)).await;
    if subject.may_miss(point) && !*kill.borrow() {
        subject.disarm(point).await;
        result.unwrap_or_else(|error| panic!("{point:?} was not reached: {error}"));
        return false;
    }
    // A kill after the last call finds nobody who waits for the function.
    if let Err(error) = result {
        assert_eq!(error.error_type, "Runtime.ExitError", "{point:?}: {error}");
    }
    // The function does not wait until its last message has arrived.
    let reached = tokio::time::timeout(LIMIT, kill.wait_for(|happened| *happened)).await;
    assert!(reached.is_ok_and(|kill| kill.is_ok()), "{point:?} was never reached");
    subject.disarm(point).await;
    true
}

/// Kills a rotation that has begun, and runs it again until it ends.
async fn survive<S: Subject>(subject: &S, point: S::Point) -> Tally {
    if !kill_at(subject, point).await {
        return Tally::default();
    }
    subject.check_after_kill(point).await;
    let starts = subject.sandbox().starts();
    let mut attempts = 1;
    while let Err(error) = attempt(subject, None).await {
        if subject.is_loss(&error) {
            let again = attempt(subject, None).await.expect_err("what is lost stays lost");
            assert_eq!((again.error_type, again.message), (error.error_type, error.message), "{point:?}");
            return Tally { killed: 1, lost: 1, most_attempts: 0 };
        }
        // The server may not have noticed yet that the dead function's session, which has the lock, is over.
        let may_fail = error.error_type == "Unavailable" && attempts < S::MOST_ATTEMPTS;
        assert!(may_fail, "{point:?}: attempt {attempts}: {error}");
        attempts += 1;
    }
    assert_eq!(subject.sandbox().starts(), starts + 1, "{point:?}: one process, new after the kill, did the rest");
    subject.check_end().await;
    Tally { killed: 1, lost: 0, most_attempts: attempts }
}

/// Runs the steps, as Secrets Manager does, up to the first that fails or that the kill ended.
async fn attempt(subject: &impl Subject, kill: Option<&watch::Receiver<bool>>) -> Result<(), FunctionError> {
    let secret = subject.secret();
    for step in Step::ALL {
        if kill.is_some_and(|kill| *kill.borrow()) {
            break;
        }
        subject.sandbox().step(step, &secret.arn(), &secret.token).await?;
    }
    Ok(())
}

/// A kill that will happen.
pub struct Kill {
    sandbox: Arc<Sandbox>,
    happened: watch::Sender<bool>,
}

/// Longer than any machine needs.
const LIMIT: Duration = Duration::from_secs(60);

impl Kill {
    /// Kills the function.
    pub fn now(&self) {
        self.sandbox.kill();
        self.happened.send_replace(true);
    }

    /// Kills the function at the call of Secrets Manager of this number, before or after it has its effect.
    pub fn at_call(self, aws: &Aws, number: usize, at: Moment) {
        aws.on_call(move |call, moment| {
            if (call.number, moment) != (number, at) {
                return Action::Proceed;
            }
            self.now();
            // A dead caller needs no answer, and one that dies this instant shall not see the connection close.
            Action::Hang
        });
    }
}

/// Returns both moments of each of so many calls, by their numbers.
pub fn both_moments(calls: usize) -> impl Iterator<Item = (usize, Moment)> {
    (1..=calls).flat_map(|call| [Moment::Before, Moment::After].map(|moment| (call, moment)))
}
