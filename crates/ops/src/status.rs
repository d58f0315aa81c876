use std::time::{Duration, SystemTime};

use futures_util::StreamExt;
use serde::Serialize;

use crate::error::Result;
use crate::function_log::FunctionFailure;
use crate::operator::Operator;
use crate::secret::Secret;
use crate::selection::Selection;
use crate::state::judge::judge;
use crate::state::{Judgement, State};
use crate::trail::{FEW_PAGES, Failure};

/// What is true of a secret and its rotation now.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// What Secrets Manager says.
    #[serde(flatten)]
    pub secret: Secret,
    /// What follows from it.
    #[serde(flatten)]
    pub judgement: Judgement,
    /// Why the function says that it failed, where the state is `failed` or `stuck` and its log may be read.
    pub function_failure: Option<FunctionFailure>,
    /// What could not be looked up, and which permission would change it.
    pub notes: Vec<String>,
}

/// The status of one secret of several.
#[derive(Debug)]
pub struct Looked {
    /// The name as the caller gave it, or of the secret that was found.
    pub name: String,
    /// Its status, or why there is none.
    pub status: Result<Status>,
}

/// Failures of CloudTrail that are older belong to rotations that ended long ago.
const OLDEST_FAILURE: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How many secrets are looked at at the same time. DescribeSecret has a quota of 40,000 a second.
const AT_ONCE: usize = 16;
/// FilterLogEvents answers a few calls a second.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html>
const MOST_LOGS: usize = 20;

impl Operator {
    /// Looks at one secret: its versions, whether the pending one has a value, and the last failure.
    ///
    /// # Errors
    ///
    /// `NotFound`, with the names that begin like it; `Denied` if even DescribeSecret is not allowed. What else is not
    /// allowed is a note.
    pub async fn status(&self, name: &str) -> Result<Status> {
        let (secret, mut notes) = self.look(name).await?;
        let failures = match &secret.pending() {
            Some(pending) => self.failures_or_note(pending.created, &mut notes).await,
            None => Vec::new(),
        };
        let mut status = status_of(secret, &failures, notes);
        self.add_function_failure(&mut status).await;
        Ok(status)
    }

    /// Looks at several secrets. CloudTrail is asked once for all.
    ///
    /// # Errors
    ///
    /// If the secrets cannot be listed. What is wrong with one of them is in its place.
    pub async fn statuses(&self, selection: &Selection) -> Result<Vec<Looked>> {
        let names = match selection {
            Selection::Names(names) => names.clone(),
            listed => self.list(listed).await?.into_iter().map(|secret| secret.name).collect(),
        };
        let look = |name: String| async move { (self.look(&name).await, name) };
        let looked: Vec<_> = futures_util::stream::iter(names).map(look).buffered(AT_ONCE).collect().await;
        let pending = looked.iter().filter_map(|(looked, _)| looked.as_ref().ok()?.0.pending());
        let mut shared = Vec::new();
        let failures = match pending.map(|pending| pending.created).min() {
            Some(since) => self.failures_or_note(since, &mut shared).await,
            None => Vec::new(),
        };
        let looked = looked.into_iter().map(|(looked, name)| {
            let status = looked.map(|(secret, mut notes)| {
                notes.extend(shared.iter().filter(|_| secret.pending().is_some()).cloned());
                status_of(secret, &failures, notes)
            });
            Looked { name, status }
        });
        let mut looked: Vec<_> = looked.collect();
        let failed =
            looked.iter_mut().filter_map(|looked| looked.status.as_mut().ok()).filter(|status| status.failed());
        for (number, status) in failed.enumerate() {
            if number < MOST_LOGS {
                self.add_function_failure(status).await;
            } else {
                status.notes.push(format!(
                    "The function's log was read for the first {MOST_LOGS} only: ask for this one alone"
                ));
            }
        }
        Ok(looked)
    }

    /// Adds why the function failed, in a state in which somebody wants to know.
    async fn add_function_failure(&self, status: &mut Status) {
        let Some(((function, version), created)) = status.failed().then_some(&status.secret).and_then(|secret| {
            let pending = secret.pending()?;
            Some(((secret.function.as_ref()?, &pending.id), pending.created?))
        }) else {
            return;
        };
        match self.function_failure(function, version, created).await {
            Ok(failure) => status.function_failure = failure,
            Err(error) => status.notes.push(format!("Why the function failed is not known: {error}")),
        }
    }

    async fn failures_or_note(&self, since: Option<SystemTime>, notes: &mut Vec<String>) -> Vec<Failure> {
        let oldest = SystemTime::now() - OLDEST_FAILURE;
        match self.failures_since(since.map_or(oldest, |since| since.max(oldest)), FEW_PAGES).await {
            Ok(failures) => failures,
            Err(error) => {
                notes.push(format!("Whether a step failed is not known: {error}"));
                Vec::new()
            }
        }
    }
}

fn status_of(secret: Secret, failures: &[Failure], notes: Vec<String>) -> Status {
    let own: Vec<_> = failures.iter().filter(|failure| failure.arn == secret.arn).cloned().collect();
    let judgement = judge(&secret, &own, SystemTime::now());
    Status { secret, judgement, function_failure: None, notes }
}

impl Status {
    fn failed(&self) -> bool {
        matches!(self.judgement.state, State::Failed | State::Stuck)
    }
}
