mod operate;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::backoff::Backoff;
use crate::clock::{Clock, SystemClock};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::filter::Filter;
use crate::operator::{OperatorEvent, Reply};
use crate::rotation::Rotation;
use crate::server_lookup::NoLookup;
use crate::server_lookup::ServerLookup;
use crate::settings::{Environment, Settings};
use crate::step::StepEvent;
use crate::store::{AWSCURRENT, AWSPENDING, Description, SecretStore};

/// Runs the steps of the rotation protocol.
///
/// It keeps nothing between two steps: each derives what to do from the store and from the target, so that any step
/// can be repeated, from any point, by any process.
pub struct Engine {
    pub(crate) store: Arc<dyn SecretStore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) filter: Arc<Filter>,
    pub(crate) servers: Arc<dyn ServerLookup>,
    environment: Environment,
}

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

/// What a step did, and what is worth measuring of it.
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
#[derive(Debug)]
pub struct Report {
    /// The strategy that ran, if the step came so far.
    pub strategy: Option<&'static str>,
    /// The name of the secret, if the step came so far.
    pub secret_name: Option<String>,
    /// How often the step was attempted, the first time included.
    pub attempts: u32,
    /// How long it took.
    pub duration: Duration,
    /// What an operator is told beside the outcome.
    pub reply: Option<Reply>,
    /// What was done, or the error with every known secret value removed.
    pub result: Result<Done>,
}

impl Engine {
    /// Creates an engine on a store, with a function's environment variables.
    #[must_use]
    pub fn new(store: Arc<dyn SecretStore>, environment: Environment) -> Self {
        Self { store, clock: Arc::new(SystemClock), filter: Arc::default(), servers: Arc::new(NoLookup), environment }
    }

    /// Sets how database servers are looked up. Without one, an administrator's secret has to name its host, and the
    /// same one as the secret that is rotated.
    #[must_use]
    pub fn with_servers(mut self, servers: Arc<dyn ServerLookup>) -> Self {
        self.servers = servers;
        self
    }

    /// Sets the clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Sets the output filter, such as the one that the log writer uses.
    #[must_use]
    pub fn with_filter(mut self, filter: Arc<Filter>) -> Self {
        self.filter = filter;
        self
    }

    /// Runs one step, which has to end by `deadline`.
    pub async fn run(&self, rotation: &impl Rotation, event: &StepEvent, deadline: SystemTime) -> Report {
        let mut report = self.begin();
        let started = self.clock.now();
        let result = self.step(rotation, event, deadline, &mut report).await.map_err(|error| error.at(event.step));
        self.end(report, started, result)
    }

    /// Does what an operator asks for, which has to end by `deadline`. `function_arn` is the ARN by which this function
    /// was invoked.
    ///
    /// The report's result is an error of kind `Forbidden` with `OPERATOR_EVENTS=off`, `Invalid` for a secret that
    /// another function rotates, and otherwise what the action's description says.
    pub async fn operate(
        &self,
        rotation: &impl Rotation,
        event: &OperatorEvent,
        function_arn: &str,
        deadline: SystemTime,
    ) -> Report {
        let mut report = self.begin();
        let started = self.clock.now();
        let result = self.action(rotation, event, function_arn, deadline, &mut report).await;
        self.end(report, started, result)
    }

    fn begin(&self) -> Report {
        let result = Ok(Outcome::Done.into());
        Report { strategy: None, secret_name: None, attempts: 1, duration: Duration::ZERO, reply: None, result }
    }

    fn end(&self, report: Report, started: SystemTime, result: Result<Done>) -> Report {
        let duration = self.clock.now().duration_since(started).unwrap_or_default();
        Report { duration, result: result.map_err(|error| error.filtered(|text| self.filter.apply(text))), ..report }
    }

    async fn step(
        &self,
        rotation: &impl Rotation,
        event: &StepEvent,
        deadline: SystemTime,
        report: &mut Report,
    ) -> Result<Done> {
        if let Some(token) = &event.rotation_token {
            self.filter.learn(token);
        }
        let description = self.describe(event, deadline).await?;
        report.secret_name = Some(description.name.clone());
        let settings = Settings::read(&self.environment, &description.tags)?;
        let cx = Context::new(self, event, settings, deadline, description);
        perform(rotation, &cx, report).await
    }

    async fn action(
        &self,
        rotation: &impl Rotation,
        event: &OperatorEvent,
        function_arn: &str,
        deadline: SystemTime,
        report: &mut Report,
    ) -> Result<Done> {
        if !Settings::read(&self.environment, &BTreeMap::new())?.operator_events {
            return Err(Error::forbidden(
                "this function answers no operator events: its variable OPERATOR_EVENTS is off",
            )
            .next("Set OPERATOR_EVENTS to on, or act on the secret without the function"));
        }
        let description = self.store.describe(&event.secret_id).await?;
        exists_here(&description)?;
        rotated_by(function_arn, &description)?;
        report.secret_name = Some(description.name.clone());
        self.act(rotation, &event.action, description, deadline, report).await
    }

    /// Describes the secret and checks that it may be rotated, to this token, now.
    async fn describe(&self, event: &StepEvent, deadline: SystemTime) -> Result<Description> {
        self.described(event, deadline, rotatable).await
    }

    async fn described(
        &self,
        event: &StepEvent,
        deadline: SystemTime,
        check: fn(&Description) -> Result<()>,
    ) -> Result<Description> {
        let mut backoff = Backoff::for_visibility();
        loop {
            let description = self.store.describe(&event.secret_id).await?;
            check(&description)?;
            let labels = description.labels_of(&event.token);
            if labels.iter().any(|label| label == AWSCURRENT || label == AWSPENDING) {
                return Ok(description);
            }
            // RotateSecret staged the version a moment ago, and the description may not show it yet.
            let remaining = deadline.duration_since(self.clock.now()).unwrap_or_default();
            match backoff.next(remaining) {
                Some(delay) => self.clock.sleep(delay).await,
                None => return Err(not_staged(&description, event)),
            }
        }
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}

async fn perform(rotation: &impl Rotation, cx: &Context<'_>, report: &mut Report) -> Result<Done> {
    // Boxed: a rotator's futures nest so deep that rustc gives up on the sum of all layers.
    let result = Box::pin(rotation.step(cx)).await;
    report.strategy = cx.strategy();
    report.attempts = cx.attempts();
    result.map_err(|error| error.still_works(cx.what_works()))
}

fn rotatable(description: &Description) -> Result<()> {
    exists_here(description)?;
    if description.rotation_enabled {
        return Ok(());
    }
    Err(Error::invalid(format!("rotation of secret {} is not enabled", description.name))
        .next("Turn it on with RotateSecret, naming this function"))
}

fn exists_here(description: &Description) -> Result<()> {
    let name = &description.name;
    if description.deleted.is_some() {
        return Err(Error::invalid(format!("secret {name} is scheduled for deletion"))
            .next("Restore it with RestoreSecret, or turn its rotation off"));
    }
    if description.is_replica() {
        let primary = description.primary_region.as_deref().unwrap_or("another region");
        return Err(Error::invalid(format!("secret {name} is a replica; its primary is in {primary}"))
            .next("Rotate the primary: Secrets Manager copies the result"));
    }
    Ok(())
}

/// An operator who may invoke this function has no business with the secrets of others.
fn rotated_by(function_arn: &str, description: &Description) -> Result<()> {
    let name = &description.name;
    let what = match description.rotation_lambda_arn.as_deref() {
        Some(arn) if unqualified(arn) == unqualified(function_arn) => return Ok(()),
        Some(_) => format!("secret {name} is rotated by another function"),
        None => format!("no function rotates secret {name}"),
    };
    Err(Error::invalid(what).next("Invoke the function that RotationLambdaARN of the secret names"))
}

/// Leaves out the version or alias of `arn:aws:lambda:region:account:function:name:qualifier`.
fn unqualified(arn: &str) -> &str {
    arn.match_indices(':').nth(6).map_or(arn, |(end, _)| &arn[..end])
}

fn not_staged(description: &Description, event: &StepEvent) -> Error {
    let (name, token) = (&description.name, &event.token);
    let labels = description.labels_of(token);
    let what = if labels.is_empty() {
        format!("version {token} of secret {name} has no label")
    } else {
        format!("version {token} of secret {name} has {}, not AWSPENDING", labels.join(" and "))
    };
    let next = match description.version_with(AWSPENDING) {
        Some(other) => {
            format!("AWSPENDING is on version {other}: this event belongs to an older rotation, so ignore it")
        }
        None => "Start a rotation with RotateSecret, which stages a version".to_owned(),
    };
    Error::invalid(what).next(next)
}
