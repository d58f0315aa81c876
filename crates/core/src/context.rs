mod picture;
mod versions;

pub(crate) use versions::YOUNGEST;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use crate::backoff::Backoff;
use crate::clock::Clock;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::filter::Filter;
use crate::operator::{Action, Reply};
use crate::rotator::{Rotator, Slots};
use crate::sensitive::Sensitive;
use crate::server_lookup::ServerLookup;
use crate::settings::Settings;
use crate::step::{Step, StepEvent};
use crate::store::{AWSCURRENT, Description, SecretStore, StoredValue};

use picture::Picture;

/// What a rotator may know and ask during one step.
pub struct Context<'a> {
    engine: &'a Engine,
    event: &'a StepEvent,
    action: Option<Action>,
    reply: Mutex<Option<Reply>>,
    staged: Mutex<Option<String>>,
    settings: Settings,
    deadline: SystemTime,
    description: Mutex<Description>,
    values: Mutex<BTreeMap<String, StoredValue>>,
    tried: Mutex<BTreeMap<String, bool>>,
    strategy: Mutex<Option<(&'static str, Slots)>>,
    attempts: AtomicU32,
}

impl<'a> Context<'a> {
    pub(crate) fn new(
        engine: &'a Engine,
        event: &'a StepEvent,
        settings: Settings,
        deadline: SystemTime,
        description: Description,
    ) -> Self {
        Self {
            engine,
            event,
            action: None,
            reply: Mutex::default(),
            staged: Mutex::default(),
            settings,
            deadline,
            description: Mutex::new(description),
            values: Mutex::default(),
            tried: Mutex::default(),
            strategy: Mutex::default(),
            attempts: AtomicU32::new(1),
        }
    }

    /// Turns it into that of an operator's action instead of a step.
    pub(crate) fn for_operator(self, action: Action) -> Self {
        Self { action: Some(action), ..self }
    }

    /// Returns what an operator asked for. `None`: Secrets Manager asked for the step.
    pub(crate) fn action(&self) -> Option<&Action> {
        self.action.as_ref()
    }

    /// Notes the reply to the operator.
    pub(crate) fn answer(&self, reply: Reply) {
        *lock(&self.reply) = Some(reply);
    }

    /// Notes the version that was staged for the operator.
    pub(crate) fn stage(&self, token: String) {
        *lock(&self.staged) = Some(token);
    }

    /// Returns the reply to the operator, and the version that was staged.
    pub(crate) fn into_reply(self) -> (Option<Reply>, Option<String>) {
        let reply = self.reply.into_inner().unwrap_or_else(PoisonError::into_inner);
        (reply, self.staged.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the ARN of the secret that is rotated. Key the target's lock by it.
    #[must_use]
    pub fn secret_id(&self) -> String {
        self.description().arn.clone()
    }

    /// Returns the id of the version that this rotation makes.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.event.token
    }

    /// Returns the step that runs.
    #[must_use]
    pub fn step(&self) -> Step {
        self.event.step
    }

    /// Returns the settings: the function's, overridden by the secret's tags.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns the time that is left for this step.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.deadline.duration_since(self.now()).unwrap_or_default()
    }

    /// Returns the moment at which this step ends at the latest.
    #[must_use]
    pub fn deadline(&self) -> SystemTime {
        self.deadline
    }

    /// Returns the time of day.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        self.engine.clock.now()
    }

    /// Checks that AWSCURRENT, AWSPENDING and AWSPREVIOUS are still where they were when the step began.
    ///
    /// A check is a fence only inside of the target's lock: open the session, take the lock in it, call this, then
    /// write, all in that session.
    ///
    /// # Errors
    ///
    /// `Conflict` if a label moved: somebody else acts on this secret. Write nothing then.
    pub async fn fence(&self) -> Result<()> {
        let secret_id = self.secret_id();
        let now = self.engine.store.describe(&secret_id).await?;
        let (before, after) = (Picture::of(&self.description()), Picture::of(&now));
        if before == after {
            return Ok(());
        }
        Err(Error::conflict(format!(
            "the labels of the secret moved while the step ran: {}",
            before.changes(&after).join(", ")
        ))
        .next("Nothing was written after that. If no other rotation is under way, start this one again"))
    }

    /// Creates a password by the settings. Where they name no characters to exclude, `exclude` is excluded.
    ///
    /// # Errors
    ///
    /// `Invalid` if the settings leave no password to choose.
    pub fn password(&self, exclude: &str) -> Result<Sensitive> {
        let password = self.settings.password.generate(exclude)?;
        self.learn(&password);
        Ok(password)
    }

    /// Runs `attempt`, and again while the target refuses it: what was installed a moment ago may take up to `limit`
    /// until it is accepted everywhere.
    ///
    /// # Errors
    ///
    /// `Rejected` if it is still refused after `limit`; `Unavailable` if the step's time ends before that; any other
    /// error of `attempt` as it is.
    pub async fn until_active<T, F>(&self, limit: Duration, attempt: impl Fn() -> F + Send) -> Result<T>
    where
        F: Future<Output = Result<T>> + Send,
    {
        let started = self.now();
        let mut backoff = Backoff::for_activation();
        loop {
            let answer = attempt().await;
            let waited = self.now().duration_since(started).unwrap_or_default();
            if !answer.as_ref().is_err_and(Error::is_rejected) || waited >= limit {
                return answer;
            }
            let Some(delay) = backoff.next(self.remaining()) else {
                return Err(Error::unavailable("the target does not accept the new credential yet")
                    .retried()
                    .still_works("The pending version keeps it, and the next attempt tests it again")
                    .next("Secrets Manager tries again by itself. If this goes on, raise the function's time-out"));
            };
            self.engine.clock.sleep(delay.min(limit.saturating_sub(waited))).await;
        }
    }

    /// Teaches the output filter a value: for secrets that come from elsewhere than a secret's JSON.
    pub fn learn(&self, secret: &Sensitive) {
        self.engine.filter.learn(secret);
    }

    /// Returns whether this rotation's version is AWSCURRENT, as far as the description shows.
    pub(crate) fn is_promoted(&self) -> bool {
        self.description().version_with(AWSCURRENT) == Some(self.token())
    }

    pub(crate) fn description(&self) -> MutexGuard<'_, Description> {
        lock(&self.description)
    }

    /// Reads the labels anew, after the step itself moved one.
    pub(crate) async fn describe_again(&self) -> Result<()> {
        let secret_id = self.secret_id();
        let description = self.engine.store.describe(&secret_id).await?;
        *self.description() = description;
        Ok(())
    }

    pub(crate) fn store(&self) -> &dyn SecretStore {
        &*self.engine.store
    }

    pub(crate) fn servers(&self) -> &dyn ServerLookup {
        &*self.engine.servers
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.engine.clock
    }

    pub(crate) fn filter(&self) -> &Filter {
        &self.engine.filter
    }

    pub(crate) fn rotation_token(&self) -> Option<&Sensitive> {
        self.event.rotation_token.as_ref()
    }

    /// Notes how the credentials are rotated. What the target told last holds.
    pub(crate) fn set_strategy<R: Rotator>(&self) {
        *lock(&self.strategy) = Some((R::NAME, R::SLOTS));
    }

    pub(crate) fn strategy(&self) -> Option<&'static str> {
        lock(&self.strategy).map(|(name, _)| name)
    }

    /// Returns whether AWSCURRENT works at every moment of this rotation.
    pub(crate) fn overlaps(&self) -> bool {
        lock(&self.strategy).is_some_and(|(_, slots)| slots.overlaps())
    }

    /// Counts one more attempt at what the target did not answer.
    pub(crate) fn attempted_again(&self) {
        self.attempts.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn attempts(&self) -> u32 {
        self.attempts.load(Ordering::Relaxed)
    }

    /// Remembers whether the target accepted a version, for the error message, and passes the answer on. No answer is
    /// none of both.
    pub(crate) fn noted<T>(&self, version_id: &str, answer: Result<T>) -> Result<T> {
        if answer.is_ok() || answer.as_ref().is_err_and(Error::is_rejected) {
            lock(&self.tried).insert(version_id.to_owned(), answer.is_ok());
        }
        answer
    }

    /// Describes which version opens the target, as far as this step learned it.
    pub(crate) fn what_works(&self) -> String {
        let tried = lock(&self.tried);
        let description = self.description();
        let name = |id: &str| match description.labels_of(id).first() {
            Some(label) => format!("{label} (version {id})"),
            None => format!("version {id}, which has no label,"),
        };
        if let Some((id, _)) = tried.iter().find(|(_, accepted)| **accepted) {
            return format!("{} opened the target in this step", name(id));
        }
        if tried.is_empty() {
            return "This step changed nothing at the target, and did not learn which version opens it".to_owned();
        }
        let refused: Vec<_> = tried.keys().map(|id| name(id)).collect();
        format!("Of the versions that were tried, none opened the target: {}", refused.join(", "))
    }
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("step", &self.event.step).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
