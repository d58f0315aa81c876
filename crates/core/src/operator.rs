use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::engine::Report;

/// What an operator asks a function to do with a secret that it rotates.
///
/// A function stands inside the network where the operator does not. It takes such an event only for a secret whose
/// RotationLambdaARN is this very function, and not with `OPERATOR_EVENTS=off`. Rotation may be turned off.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Finds out which versions open the target. It changes nothing.
    Diagnose,
    /// Gives up a rotation that has not ended, so that AWSCURRENT works; else rotates forward to the value of an older
    /// version: installs it, tests it, then moves the labels.
    ///
    /// A value that the target will not have, or a credential that is revoked already, is a `Conflict`.
    Rollback {
        /// The version. `None`: AWSPREVIOUS, or AWSCURRENT while a rotation is under way.
        version: Option<String>,
    },
    /// Finds the version that opens the target, newest first, and makes it AWSCURRENT.
    Recover {
        /// How many refused logins are allowed, so that no account is locked.
        attempts: u32,
        /// Versions that are not tried, since they are known to be refused.
        skip: Vec<String>,
    },
    /// Makes the target refuse what AWSPREVIOUS opened, now.
    Retire,
    /// Makes the target hold what the labels name, and nothing else that this secret ever made.
    ///
    /// It completes the clean-up of the last rotation. Where the target holds a list of credentials, as SSH keys, it also
    /// installs those that are missing, on hosts that were down or are new; those of AWSPENDING too while a rotation is
    /// under way. Everywhere else a rotation that is under way is a `Conflict`: its own steps do the same.
    Reconcile,
}

impl Action {
    /// The names of all actions, as events spell them.
    pub const NAMES: [&'static str; 5] = ["diagnose", "rollback", "recover", "retire", "reconcile"];

    /// Returns the name that events use.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Diagnose => "diagnose",
            Self::Rollback { .. } => "rollback",
            Self::Recover { .. } => "recover",
            Self::Retire => "retire",
            Self::Reconcile => "reconcile",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An action, and the secret that it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorEvent {
    /// What to do.
    pub action: Action,
    /// ARN or name of the secret.
    pub secret_id: String,
}

/// What a function tells an operator beside the outcome. It holds no secret.
///
/// As JSON its fields are `Changed`, `Message`, `Next` and `Versions`, and for each version `VersionId`, `Labels` and
/// `Opens`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Reply {
    /// Whether anything was changed, in the labels or in the target.
    pub changed: bool,
    /// What is true now: a sentence.
    pub message: String,
    /// What to do next, if there is something: a sentence.
    pub next: Option<String>,
    /// What the target said of the versions, in the order of the logins.
    pub versions: Vec<Tried>,
}

/// What the target said of a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tried {
    /// Id of the version.
    pub version_id: String,
    /// The labels that are on it after the action.
    pub labels: Vec<String>,
    /// Whether it opens the target. `None`: it was not tried.
    pub opens: Option<bool>,
}

impl Report {
    /// Returns what an operator is answered: an object of `Action`, `Secret` (its name), `Outcome` and `Strategy`, each a
    /// text, and `DurationMs`; but for reconcile, also what [`Reply`] has.
    #[must_use]
    pub fn answer(&self, action: &Action) -> Value {
        let mut answer = json!({
            "Action": action.name(),
            "Secret": self.secret_name,
            "Outcome": self.result.as_ref().map(|done| done.outcome.name()).unwrap_or_default(),
            "Strategy": self.strategy,
            "DurationMs": u64::try_from(self.duration.as_millis()).unwrap_or(u64::MAX),
        });
        if let (Some(answer), Value::Object(more)) = (answer.as_object_mut(), json!(self.reply)) {
            answer.extend(more);
        }
        answer
    }
}
