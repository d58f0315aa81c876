use std::time::{Duration, SystemTime};

use fourstep::{AWSCURRENT, AWSPENDING};
use serde::Serialize;

use crate::argument::argument;
use crate::error::{Error, Reason, Result};
use crate::operator::Operator;
use crate::progress::{Event, Progress};
use crate::secret::{Secret, Value};
use crate::time::seconds;
use crate::trail::{FEW_PAGES, Failure};

/// How a rotation ended.
#[derive(Clone, Debug, Serialize)]
pub struct Ended {
    /// Name of the secret.
    pub secret: String,
    /// The version that it was to make.
    pub version: String,
    /// How it ended.
    pub outcome: Outcome,
    /// What Secrets Manager says of it, where it failed.
    pub message: Option<String>,
    /// How long the wait was.
    #[serde(rename = "waited_seconds", serialize_with = "seconds")]
    pub waited: Duration,
}

/// How a rotation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The version is AWSCURRENT.
    Succeeded,
    /// A step failed. Secrets Manager may try again while the window is open.
    Failed,
    /// The version lost AWSPENDING.
    Abandoned,
    /// Rotation was turned off.
    Cancelled,
}

/// Longer than a function may run with all four steps.
pub(crate) const DEFAULT_WAIT: Duration = Duration::from_secs(15 * 60);
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// CloudTrail answers two calls a second to all callers of the account together.
const BETWEEN_LOOKUPS: Duration = Duration::from_secs(15);

impl Operator {
    /// Waits for the end of a rotation: of `version`, or of the one that is under way.
    ///
    /// The labels tell a success. A failure is what CloudTrail shows, some minutes late; who may not look there waits
    /// until `limit`.
    ///
    /// # Errors
    ///
    /// `StateForbids` if no rotation is under way; `TimedOut` after `limit`; those of DescribeSecret.
    pub async fn watch(
        &self,
        name: &str,
        version: Option<&str>,
        limit: Duration,
        progress: &dyn Progress,
    ) -> Result<Ended> {
        self.watch_since(SystemTime::now(), name, version, limit, progress).await
    }

    /// Waits as [`watch`](Self::watch) does, for a rotation that was started after `since`: it may have failed already.
    pub(crate) async fn watch_since(
        &self,
        since: SystemTime,
        name: &str,
        version: Option<&str>,
        limit: Duration,
        progress: &dyn Progress,
    ) -> Result<Ended> {
        let began = SystemTime::now();
        let (secret, _) = self.look(name).await?;
        let version = match (version, secret.pending()) {
            (Some(version), _) => version.to_owned(),
            (None, Some(pending)) => pending.id.clone(),
            (None, None) => {
                return Err(Error::forbidden_by_state(
                    format!("no rotation of secret {} is under way", secret.name),
                    format!("Start one: fourstep start --wait {}", argument(&secret.name)),
                ));
            }
        };
        let mut pause = FIRST_PAUSE;
        let mut looked_up = None::<SystemTime>;
        let mut may_look_up = true;
        loop {
            let (secret, _) = self.look(&secret.arn).await?;
            let waited = began.elapsed().unwrap_or_default();
            let ended = |outcome, message| Ended {
                secret: secret.name.clone(),
                version: version.clone(),
                outcome,
                message,
                waited,
            };
            if let Some(outcome) = outcome(&secret, &version) {
                return Ok(ended(outcome, None));
            }
            let is_time = looked_up.is_none_or(|at| at.elapsed().unwrap_or_default() >= BETWEEN_LOOKUPS);
            if may_look_up && is_time && waited > FIRST_PAUSE {
                looked_up = Some(SystemTime::now());
                match self.failures_since(since, FEW_PAGES).await {
                    Ok(failures) => {
                        // A failure from before is no news where the rotation was started again.
                        let own = |failure: &Failure| failure.arn == secret.arn && failure.latest() >= since;
                        if let Some(failure) = failures.into_iter().find(own) {
                            return Ok(ended(Outcome::Failed, Some(failure.message)));
                        }
                    }
                    Err(error) => may_look_up = error.reason != Reason::Denied,
                }
            }
            let has_value = secret.pending().and_then(|pending| match pending.value {
                Value::Stored => Some(true),
                Value::Empty => Some(false),
                Value::Unknown => None,
            });
            progress.tell(&Event::Waiting { version: version.clone(), has_value, waited });
            if waited >= limit {
                return Err(timed_out(&secret.name, limit));
            }
            tokio::time::sleep(pause.min(limit.saturating_sub(waited))).await;
            pause = LONGEST_PAUSE.min(pause * 3 / 2);
        }
    }
}

/// Reports that the wait ended before the rotation did.
pub(crate) fn timed_out(name: &str, limit: Duration) -> Error {
    Error::new(
        Reason::TimedOut,
        format!("the rotation of secret {name} did not end within {}", humantime::format_duration(limit)),
        format!("It goes on at AWS. To wait on: fourstep watch {0}; to know more: fourstep status {0}", argument(name)),
    )
}

/// Returns how the rotation of a version ended, by the labels.
pub(crate) fn outcome(secret: &Secret, version: &str) -> Option<Outcome> {
    let has = |label| secret.version(version).is_some_and(|version| version.has(label));
    if has(AWSCURRENT) {
        return Some(Outcome::Succeeded);
    }
    // RotateSecret stages the version before it answers, so one without AWSPENDING has lost it.
    if !has(AWSPENDING) {
        return Some(Outcome::Abandoned);
    }
    (!secret.rotation_enabled && secret.function.is_some()).then_some(Outcome::Cancelled)
}

impl Ended {
    /// Returns the error of a rotation that did not succeed.
    #[must_use]
    pub fn error(&self, still: &str) -> Error {
        let Self { secret, version, .. } = self;
        let (what, next) = match self.outcome {
            Outcome::Succeeded => ("succeeded", "There is nothing to do".to_owned()),
            Outcome::Failed => (
                "failed",
                format!(
                    "Look at the function's log, then go on with the same version: fourstep start --wait {}",
                    argument(secret)
                ),
            ),
            Outcome::Abandoned => (
                "was abandoned: the version lost AWSPENDING",
                format!("Find out which version the target accepts: fourstep recover {}", argument(secret)),
            ),
            Outcome::Cancelled => (
                "was cancelled: rotation is turned off",
                format!("Put the labels right: fourstep cancel {}", argument(secret)),
            ),
        };
        let said = self.message.as_ref().map(|message| format!(": {message}")).unwrap_or_default();
        let message = format!("the rotation of secret {secret} to version {version} {what}{said}");
        let message = if still.is_empty() { message } else { format!("{message}. {still}") };
        Error::new(Reason::RotationFailed, message, next)
    }
}
