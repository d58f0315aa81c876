pub(crate) mod judge;

use std::fmt;
use std::time::SystemTime;

use serde::Serialize;

use crate::time::optional_time;
use crate::trail::Failure;

/// What is true of a secret's rotation now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// No function rotates the secret.
    NotConfigured,
    /// Rotation is turned off, and nothing of a rotation is left.
    TurnedOff,
    /// The last rotation ended, and the next is not due.
    Idle,
    /// The day until which the next rotation is to be done has passed.
    Due,
    /// A rotation is under way.
    InProgress,
    /// A rotation made no progress until its window closed.
    Stuck,
    /// A step of the rotation that is under way failed. Secrets Manager tries again while the window is open.
    Failed,
    /// Rotation was turned off in the middle of a rotation.
    Cancelled,
    /// A rotation lost AWSPENDING before its end. Its credential may be the one that the target accepts.
    Abandoned,
    /// The labels contradict each other.
    Inconsistent,
    /// Another AWS service rotates the secret.
    Managed,
    /// The copy of a secret in another region, where it is rotated.
    Replica,
    /// Marked for deletion.
    Deleted,
}

/// A state, why it is so, what works and what to do next.
#[derive(Clone, Debug, Serialize)]
pub struct Judgement {
    /// The state.
    pub state: State,
    /// Since when, where that is known.
    #[serde(serialize_with = "optional_time")]
    pub since: Option<SystemTime>,
    /// The step that comes next, while a rotation is under way.
    pub next_step: Option<&'static str>,
    /// Why it is so: a sentence.
    pub why: String,
    /// What works now: a sentence.
    pub works: String,
    /// What to do next: a sentence.
    pub next: String,
    /// The last failure that CloudTrail knows of this rotation.
    pub failure: Option<Failure>,
}

impl State {
    /// Returns the word that tables and JSON use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NotConfigured => "not-configured",
            Self::TurnedOff => "turned-off",
            Self::Idle => "idle",
            Self::Due => "due",
            Self::InProgress => "in-progress",
            Self::Stuck => "stuck",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Abandoned => "abandoned",
            Self::Inconsistent => "inconsistent",
            Self::Managed => "managed",
            Self::Replica => "replica",
            Self::Deleted => "deleted",
        }
    }

    /// Returns whether somebody has to do something.
    #[must_use]
    pub fn needs_attention(self) -> bool {
        matches!(self, Self::Stuck | Self::Failed | Self::Cancelled | Self::Abandoned | Self::Inconsistent)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
