mod command;
mod labels;
mod stages;
pub(crate) mod versions;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use crate::argument::argument;
use crate::backoff::Backoff;
use crate::context::labels::Labels;
use crate::error::{Error, Result};
use crate::filter::Filter;
use crate::notes::Notes;
use crate::place::Place;
use crate::schedule::RotationRules;
use crate::sensitive::Sensitive;
use crate::services::Services;
use crate::settings::{Group, PasswordPolicy, Settings};
use crate::slots::Slots;
use crate::step::{Step, StepEvent};
use crate::store::{AWSCURRENT, AWSPENDING, Description, SecretStore, StoredValue};

/// What the engine keeps back of the time until the process ends, to log the step and to answer; a quarter at the most.
pub(crate) const TO_REPORT: Duration = Duration::from_millis(300);

/// What one wait leaves of the step's time, to say what happened.
const TO_EXPLAIN: Duration = Duration::from_millis(250);

/// What a rotator may know and ask during one step.
pub struct Context<'a> {
    services: &'a Services,
    notes: &'a Notes,
    event: &'a StepEvent,
    settings: Settings,
    by_operator: bool,
    deadline: SystemTime,
    secret_id: String,
    known: Mutex<Known>,
}

/// What was read so far.
struct Known {
    description: Description,
    values: BTreeMap<String, StoredValue>,
}

impl<'a> Context<'a> {
    pub(crate) fn new(
        services: &'a Services,
        notes: &'a Notes,
        event: &'a StepEvent,
        settings: Settings,
        by_operator: bool,
        deadline: SystemTime,
        description: Description,
    ) -> Self {
        let secret_id = description.arn.clone();
        notes.labels_are(&description.stages);
        let known = Mutex::new(Known { description, values: BTreeMap::new() });
        Self { services, notes, event, settings, by_operator, deadline, secret_id, known }
    }

    /// Returns the ARN of the secret that is rotated. Key the target's lock by it.
    #[must_use]
    pub fn secret_id(&self) -> &str {
        &self.secret_id
    }

    /// Returns the name of the secret that is rotated.
    #[must_use]
    pub fn secret_name(&self) -> String {
        self.lock().description.name.clone()
    }

    /// Returns when Secrets Manager rotates the secret.
    #[must_use]
    pub fn rotation_rules(&self) -> RotationRules {
        self.lock().description.rules.clone()
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

    /// Returns a group of settings: the function's, overridden by the secret's tags.
    ///
    /// # Panics
    ///
    /// If the rotation does not name the group by [`Rotator::settings`](crate::Rotator::settings) or
    /// [`Rotation::settings`](crate::Rotation::settings).
    #[must_use]
    pub fn settings<G: Group>(&self) -> &G {
        self.settings.group()
    }

    /// Returns the time of day.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        self.services.clock.now()
    }

    /// Returns the moment at which this step ends at the latest.
    #[must_use]
    pub fn deadline(&self) -> SystemTime {
        self.deadline
    }

    /// Returns the time that is left for this step.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.services.remaining(self.deadline)
    }

    /// Returns how long to wait for an answer: `limit`, or less where the step ends before, so that there is still time
    /// to say what happened.
    #[must_use]
    pub fn wait_at_most(&self, limit: Duration) -> Duration {
        limit.min(self.remaining().saturating_sub(TO_EXPLAIN))
    }

    /// Returns whether the step may wait that long and still has the time for another attempt.
    #[must_use]
    pub fn may_wait(&self, wait: Duration) -> bool {
        self.services.may_wait(wait, self.deadline)
    }

    /// Checks that AWSCURRENT, AWSPENDING and AWSPREVIOUS are still where they were when the step began.
    ///
    /// A fence outside the target's lock protects nothing: open the session, take the lock in it, call this, then write,
    /// all in that session.
    ///
    /// # Errors
    ///
    /// `Conflict` if a label moved: somebody else acts on this secret. Write nothing then.
    pub async fn fence(&self) -> Result<()> {
        let now = self.store().describe(&self.secret_id).await?;
        let (before, after) = (Labels::of(&self.lock().description), Labels::of(&now));
        if before == after {
            self.notes.writes();
            return Ok(());
        }
        Err(Error::conflict(format!(
            "the labels of the secret moved while the step ran: {}",
            before.changes(&after).join(", ")
        ))
        .next("Nothing was written after that. If no other rotation is under way, start this one again"))
    }

    /// Makes a password by the settings. Where they name no characters to exclude, `exclude` is excluded.
    ///
    /// # Errors
    ///
    /// `Invalid` if the settings leave no password to choose.
    ///
    /// # Panics
    ///
    /// If the rotation does not name the group [`PasswordPolicy`].
    pub fn password(&self, exclude: &str) -> Result<Sensitive> {
        let password = self.settings::<PasswordPolicy>().generate(exclude)?;
        self.learn(&password);
        Ok(password)
    }

    /// Runs `attempt` until it succeeds, fails for good, or the waits between two attempts are used up.
    ///
    /// # Errors
    ///
    /// The last one of `attempt`.
    pub(crate) async fn retry<T, F>(&self, mut attempt: impl FnMut() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let mut backoff = Backoff::for_target();
        loop {
            match attempt().await {
                Err(error) if error.is_retryable() => {
                    let Some(delay) = self.next_wait(&mut backoff) else { return Err(error) };
                    tracing::info!(kind = error.kind().name(), reason = %error, "no answer; trying again");
                    self.sleep(delay).await;
                    self.notes.attempted_again();
                }
                result => return result,
            }
        }
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
            let Some(delay) = self.next_wait(&mut backoff) else {
                return Err(Error::unavailable("the target does not accept the new credential yet")
                    .retried()
                    .still_works("The pending version keeps it, and the next attempt tests it again")
                    .next("Secrets Manager tries again by itself. If this goes on, raise the function's time-out"));
            };
            self.sleep(delay.min(limit.saturating_sub(waited))).await;
        }
    }

    /// Waits before the next attempt. `false`: there were enough, or the step has no time for another one.
    pub(crate) async fn pause(&self, backoff: &mut Backoff) -> bool {
        self.services.pause(backoff, self.deadline).await
    }

    fn next_wait(&self, backoff: &mut Backoff) -> Option<Duration> {
        self.services.next_wait(backoff, self.deadline)
    }

    async fn sleep(&self, duration: Duration) {
        self.services.clock.sleep(duration).await;
    }

    /// Teaches the output filter a value: for secrets that come from elsewhere than a secret's JSON.
    pub fn learn(&self, secret: &Sensitive) {
        self.services.filter.learn(secret);
    }

    /// Notes what came of each of several places that the credential is for, for the operator who asked. What was noted
    /// before is replaced.
    pub fn note_places(&self, places: Vec<Place>) {
        self.notes.places_are(places);
    }

    pub(crate) fn take_places(&self) -> Vec<Place> {
        self.notes.take_places()
    }

    /// Lets errors say `instead` where they would repeat a text of another secret.
    pub(crate) fn hide(&self, text: impl Into<String>, instead: impl Into<String>) {
        self.notes.hide(text.into(), instead.into());
    }

    /// Returns the id of the version that a rotation is making now. AWSPENDING on AWSCURRENT is one that has ended.
    pub(crate) fn under_way(&self) -> Option<String> {
        self.id_of(AWSPENDING).filter(|pending| self.id_of(AWSCURRENT).as_ref() != Some(pending))
    }

    /// Returns the name of the secret, as an argument of a command that is advised.
    #[must_use]
    pub fn secret_argument(&self) -> String {
        argument(&self.secret_name(), "NAME").to_owned()
    }

    /// Returns whether an operator asked, and not Secrets Manager.
    #[must_use]
    pub fn by_operator(&self) -> bool {
        self.by_operator
    }

    /// Returns whether this rotation's version is AWSCURRENT, as far as the description shows.
    pub(crate) fn is_promoted(&self) -> bool {
        self.lock().description.version_with(AWSCURRENT) == Some(self.token())
    }

    /// Returns the id of the version with a label, as the step knows it.
    pub(crate) fn id_of(&self, label: &str) -> Option<String> {
        self.lock().description.version_with(label).map(str::to_owned)
    }

    /// Returns the labels of a version, as the step knows them.
    pub(crate) fn labels_of(&self, version_id: &str) -> Vec<String> {
        self.lock().description.labels_of(version_id).to_vec()
    }

    /// Returns what the store said of the secret when the step began, or since it was asked again.
    pub(crate) fn description(&self) -> Description {
        self.lock().description.clone()
    }

    /// Reads the labels anew, after the step itself moved one.
    pub(crate) async fn describe_again(&self) -> Result<()> {
        let description = self.store().describe(&self.secret_id).await?;
        self.notes.labels_are(&description.stages);
        self.lock().description = description;
        Ok(())
    }

    pub(crate) fn store(&self) -> &dyn SecretStore {
        &*self.services.store
    }

    pub(crate) fn filter(&self) -> &Filter {
        &self.services.filter
    }

    pub(crate) fn rotation_token(&self) -> Option<&Sensitive> {
        self.event.rotation_token.as_ref()
    }

    /// Notes how the credentials are rotated. What the target told last holds.
    pub(crate) fn strategy_is(&self, name: &'static str, slots: Slots) {
        self.notes.strategy_is(name, slots);
    }

    /// Returns whether AWSCURRENT works at every moment of this rotation.
    pub(crate) fn overlaps(&self) -> bool {
        self.notes.overlaps()
    }

    /// Notes whether the target accepted a version, for the error message, and passes the answer on.
    pub(crate) fn tried<T>(&self, version_id: &str, answer: Result<T>) -> Result<T> {
        self.notes.tried(version_id, answer)
    }

    /// Returns whether the target accepted a version in this step.
    pub(crate) fn has_opened(&self, version_id: &str) -> bool {
        self.notes.has_opened(version_id)
    }

    /// Returns whether the target refused a version in this step.
    pub(crate) fn has_refused(&self, version_id: &str) -> bool {
        self.notes.has_refused(version_id)
    }

    /// Adds to an error which version opens the target, as far as this step learned it.
    pub(crate) fn with_what_works(&self, error: Error) -> Error {
        let works = self.notes.what_works(error.kind());
        error.still_works(works)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("step", &self.event.step).finish_non_exhaustive()
    }
}
