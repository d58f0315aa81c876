use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use fourstep::memory::{MemoryStore, Run};
use fourstep::{AWSCURRENT, AWSPENDING, Step};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::cloudtrail::Recorded;
use crate::lock::lock;

/// What a rotation function answers when it fails: Lambda's `errorType` and `errorMessage`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionError {
    /// The kind of error.
    pub error_type: String,
    /// Its text.
    pub message: String,
}

impl fmt::Display for FunctionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.error_type, self.message)
    }
}

impl std::error::Error for FunctionError {}

/// How a rotation that RotateSecret started came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RotationEnd {
    /// The version that was to be made.
    pub token: String,
    /// How often it was begun.
    pub attempts: usize,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a rotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All four steps went well, and the version is current.
    Succeeded,
    /// testSecret went well, and nothing else was asked (RotateImmediately=false).
    TestSucceeded,
    /// A step failed, in the last attempt.
    Failed {
        /// The step.
        step: Step,
        /// What the function answered.
        error: FunctionError,
    },
    /// AWSPENDING was taken from the version: the event RotationAbandoned.
    Abandoned,
    /// Rotation was turned off.
    Cancelled,
}

/// Returns the RotationToken that the emulation puts into the events of a version.
#[must_use]
pub fn rotation_token(version_id: &str) -> String {
    format!("rotation-token-of-{version_id}")
}

pub(super) type Invoke = Arc<dyn Fn(Value) -> BoxFuture<'static, Result<Value, FunctionError>> + Send + Sync>;

/// The rotations that Secrets Manager drives, by ARN: `None` while one runs.
pub(super) struct Rotations {
    ends: watch::Sender<BTreeMap<String, Option<RotationEnd>>>,
    pub(super) reattempts: AtomicUsize,
    /// What CloudTrail knows.
    pub(super) recorded: Mutex<Vec<Recorded>>,
}

impl Default for Rotations {
    fn default() -> Self {
        Self { ends: watch::Sender::new(BTreeMap::new()), reattempts: AtomicUsize::new(0), recorded: Mutex::default() }
    }
}

impl Rotations {
    /// Notes that a rotation of the secret begins. Returns whether none was running.
    pub(super) fn begin(&self, arn: &str) -> bool {
        let mut begins = false;
        self.ends.send_modify(|ends| {
            begins = !matches!(ends.get(arn), Some(None));
            ends.insert(arn.to_owned(), None);
        });
        begins
    }

    fn end(&self, arn: &str, end: RotationEnd) {
        self.ends.send_modify(|ends| {
            ends.insert(arn.to_owned(), Some(end));
        });
    }

    /// Waits until no rotation of the secret runs, and returns the end of the last one. `None`: there never was one.
    pub(super) async fn ended(&self, arn: &str) -> Option<RotationEnd> {
        let mut ends = self.ends.subscribe();
        let ends = ends.wait_for(|ends| !matches!(ends.get(arn), Some(None))).await;
        ends.expect("the sender lives as long as self").get(arn).cloned().flatten()
    }

    /// Drives the rotation of a version to its end, as Secrets Manager does after RotateSecret.
    pub(super) async fn drive(&self, store: &MemoryStore, arn: &str, run: Run, invoke: Invoke) {
        let (token, steps, test_only) = match run {
            Run::Rotation(token) => (token, Step::ALL.as_slice(), false),
            Run::Test(token) => (token, [Step::Test].as_slice(), true),
        };
        // A failed test of the configuration is not tried again.
        let most = if test_only { 1 } else { 1 + self.reattempts.load(Ordering::Relaxed) };
        let mut attempts = 0;
        let outcome = loop {
            attempts += 1;
            let outcome = attempt(store, arn, &token, steps, &invoke).await;
            if let Outcome::Failed { step, .. } = &outcome {
                let function = store.with(|model| {
                    let rotation = model.secret(arn).and_then(|secret| secret.rotation.as_ref());
                    rotation.and_then(|rotation| rotation.lambda_arn.clone()).unwrap_or_default()
                });
                let message = format!("Error when executing lambda {function} during {step} step");
                lock(&self.recorded).push(Recorded { at: SystemTime::now(), arn: arn.to_owned(), message });
            }
            if !matches!(outcome, Outcome::Failed { .. }) || attempts >= most {
                break outcome;
            }
        };
        if test_only {
            store.with(|model| model.remove_test_version(arn, &token));
        }
        self.end(arn, RotationEnd { token, attempts, outcome });
    }
}

async fn attempt(store: &MemoryStore, arn: &str, token: &str, steps: &[Step], invoke: &Invoke) -> Outcome {
    for &step in steps {
        if let Some(end) = stopped(store, arn, token) {
            return end;
        }
        let event = json!({
            "Step": step.name(),
            "SecretId": arn,
            "ClientRequestToken": token,
            "RotationToken": rotation_token(token),
        });
        if let Err(error) = invoke(event).await {
            // What took the rotation away explains the error better than the error does.
            return stopped(store, arn, token).unwrap_or(Outcome::Failed { step, error });
        }
    }
    if steps == [Step::Test] {
        return Outcome::TestSucceeded;
    }
    let promoted = store.with(|model| {
        model.secret(arn).and_then(|secret| secret.version(token)).is_some_and(|version| version.has(AWSCURRENT))
    });
    if promoted {
        return Outcome::Succeeded;
    }
    stopped(store, arn, token).unwrap_or_else(|| Outcome::Failed {
        step: Step::Finish,
        error: FunctionError {
            error_type: "NotPromoted".to_owned(),
            message: "finishSecret answered without an error but did not move AWSCURRENT to the version".to_owned(),
        },
    })
}

/// Returns why the rotation is not to go on, if it is not.
fn stopped(store: &MemoryStore, arn: &str, token: &str) -> Option<Outcome> {
    store.with(|model| {
        let Some(secret) = model.secret(arn).filter(|secret| secret.deleted.is_none()) else {
            return Some(Outcome::Cancelled);
        };
        if !secret.rotation.as_ref().is_some_and(|rotation| rotation.enabled) {
            return Some(Outcome::Cancelled);
        }
        let staged = secret.version(token).is_some_and(|version| version.has(AWSPENDING) || version.has(AWSCURRENT));
        (!staged).then_some(Outcome::Abandoned)
    })
}
