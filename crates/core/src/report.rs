use std::time::Duration;

use crate::error::Result;

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It did its work.
    Done,
    /// There was nothing to do: an earlier attempt had done it.
    AlreadyDone,
    /// It tested AWSCURRENT: a run of RotateImmediately=false, which has no pending value.
    CurrentTested,
}

impl Outcome {
    /// Returns the name that logs and metrics use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "Done",
            Self::AlreadyDone => "AlreadyDone",
            Self::CurrentTested => "CurrentTested",
        }
    }
}

/// What a step did, and what its metrics report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    /// What the step did.
    pub outcome: Outcome,
    /// After the promotion: how long AWSCURRENT may have been refused by the target, at the most. Zero where old and
    /// new credential overlap.
    pub without_current: Option<Duration>,
}

impl From<Outcome> for Done {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, without_current: None }
    }
}

/// How a step or an operator's action ended, for logs and metrics. It holds no secret.
///
/// What is known of the secret, the strategy and the attempts is in it also where the step ran out of time or panicked.
#[derive(Debug)]
pub struct Report<T = Done> {
    /// The name of the secret, if the step got that far.
    pub secret_name: Option<String>,
    /// Whose secret it is, if the step got that far and the function tells owners apart.
    pub owner: Option<String>,
    /// The strategy that ran, if the step got that far.
    pub strategy: Option<&'static str>,
    /// How often the step was attempted, the first time included.
    pub attempts: u32,
    /// How long it took.
    pub duration: Duration,
    /// What was done, or the error with every known secret value removed.
    pub result: Result<T>,
}

impl<T> Report<T> {
    /// Returns the same report of another result.
    #[must_use]
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Report<U> {
        let Self { secret_name, owner, strategy, attempts, duration, result } = self;
        Report { secret_name, owner, strategy, attempts, duration, result: result.map(change) }
    }
}
