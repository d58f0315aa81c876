use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::backoff::Backoff;
use crate::{
    AWSCURRENT, AWSPENDING, AWSPREVIOUS, Action, Clock, Description, Engine, Error, ErrorKind, Filter, Lives, Reply,
    Result, Rotator, SecretStore, Sensitive, ServerLookup, Settings, Step, StepEvent, StoredValue, UnlabelledVersion,
    Version,
};

/// Older ones were retired by the rotations before.
const UNLABELLED_RETIRED: usize = 3;

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
    strategy: Mutex<Option<(&'static str, Lives)>>,
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

    /// Makes it that of an operator's action instead of a step.
    pub(crate) fn for_operator(self, action: Action) -> Self {
        Self { action: Some(action), ..self }
    }

    /// Gives what an operator asked for. `None`: Secrets Manager asked for the step.
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

    /// Gives the reply to the operator, and the version that was staged.
    pub(crate) fn into_reply(self) -> (Option<Reply>, Option<String>) {
        let reply = self.reply.into_inner().unwrap_or_else(PoisonError::into_inner);
        (reply, self.staged.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// Gives the ARN of the secret that is rotated. Key the target's lock by it.
    #[must_use]
    pub fn secret_id(&self) -> String {
        self.description().arn.clone()
    }

    /// Gives the id of the version that this rotation makes.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.event.token
    }

    /// Gives the step that runs.
    #[must_use]
    pub fn step(&self) -> Step {
        self.event.step
    }

    /// Gives the settings: the function's, overridden by the secret's tags.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Gives the time that is left for this step.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.deadline.duration_since(self.now()).unwrap_or_default()
    }

    /// Gives the moment at which this step ends at the latest.
    #[must_use]
    pub fn deadline(&self) -> SystemTime {
        self.deadline
    }

    /// Gives the time of day.
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

    /// Makes a password by the settings. Where they name no characters to exclude, `exclude` is excluded.
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

    /// Makes a value known to the output filter: for secrets that come from elsewhere than a secret's JSON.
    pub fn learn(&self, secret: &Sensitive) {
        self.engine.filter.learn(secret);
    }

    /// Reads the current version of another secret, as an administrator's.
    ///
    /// # Errors
    ///
    /// `Forbidden` if the function may not read it; `Invalid` if it is absent, deleted, or not of the shape of `T`.
    pub async fn read<T: Serialize + DeserializeOwned>(&self, secret_id: &str) -> Result<Arc<Version<T>>> {
        self.read_described(secret_id).await.map(|(_, version)| version)
    }

    /// Reads the current version of another secret, together with what describes that secret.
    pub(crate) async fn read_described<T: Serialize + DeserializeOwned>(
        &self,
        secret_id: &str,
    ) -> Result<(Description, Arc<Version<T>>)> {
        let description = self.engine.store.describe(secret_id).await?;
        if description.arn == self.secret_id() {
            return Err(Error::invalid(format!(
                "the secret names itself ({secret_id}) where it has to name another one"
            ))
            .next("Name the other secret, as the administrator's in `masterarn`"));
        }
        if description.deleted.is_some() {
            return Err(Error::invalid(format!("secret {secret_id} is scheduled for deletion"))
                .next("Restore it with RestoreSecret, or name another one, as the administrator's in `masterarn`"));
        }
        let missing = || {
            Error::invalid(format!("secret {secret_id} has no AWSCURRENT version with a value"))
                .next("Store a value in that secret")
        };
        let id = description.version_with(AWSCURRENT).ok_or_else(missing)?;
        let value = self.engine.store.read(secret_id, id).await?.ok_or_else(missing)?;
        let version = Version::parse(id, &value, &self.engine.filter);
        Ok((description, version.map_err(|error| error.about(format!("secret {secret_id}")))?))
    }

    /// Tells whether this rotation's version has a value by now, asking the store again.
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub async fn pending_is_stored(&self) -> Result<bool> {
        Ok(self.engine.store.read(&self.secret_id(), self.token()).await?.is_some())
    }

    /// Reads the version with `label`, by the id that the step's description gives. `None`: there is none with a
    /// value.
    ///
    /// # Errors
    ///
    /// Those of the store, and `Invalid` if the version is not of the rotator's shape.
    pub async fn labelled<S: Serialize + DeserializeOwned>(&self, label: &str) -> Result<Option<Arc<Version<S>>>> {
        let id = self.description().version_with(label).map(str::to_owned);
        match id {
            Some(id) => self.version(&id).await,
            None => Ok(None),
        }
    }

    /// Reads AWSCURRENT where there has to be one, since createSecret made the pending version from it.
    pub(crate) async fn current<S: Serialize + DeserializeOwned>(&self) -> Result<Arc<Version<S>>> {
        self.labelled(AWSCURRENT).await?.ok_or_else(|| Error::unavailable("AWSCURRENT is not visible yet"))
    }

    /// Reads the version with `label` where one of another shape is as good as none: an older one, whose credential
    /// nobody can name then.
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub async fn older<S: Serialize + DeserializeOwned>(&self, label: &str) -> Result<Option<Arc<Version<S>>>> {
        match self.labelled(label).await {
            Err(error) if error.kind() == ErrorKind::Invalid => {
                tracing::warn!(label, message = %error, "an older version is left out");
                Ok(None)
            }
            version => version,
        }
    }

    /// Reads a version by its id. A value never changes, so each is read once in a step.
    pub(crate) async fn version<S: Serialize + DeserializeOwned>(&self, id: &str) -> Result<Option<Arc<Version<S>>>> {
        let known = lock(&self.values).get(id).cloned();
        let value = match known {
            Some(value) => Some(value),
            None => self.engine.store.read(&self.secret_id(), id).await?,
        };
        let Some(value) = value else { return Ok(None) };
        let version = Version::parse(id, &value, &self.engine.filter)?;
        lock(&self.values).insert(id.to_owned(), value);
        Ok(Some(version))
    }

    /// Reads this rotation's version; waits a moment where its value is not visible yet.
    pub(crate) async fn pending<S: Serialize + DeserializeOwned>(&self) -> Result<Option<Arc<Version<S>>>> {
        let mut backoff = Backoff::for_visibility();
        loop {
            if let Some(version) = self.version(self.token()).await? {
                return Ok(Some(version));
            }
            match backoff.next(self.remaining()) {
                Some(delay) => self.engine.clock.sleep(delay).await,
                None => return Ok(None),
            }
        }
    }

    /// Lists the youngest versions without a label. None where the function may not list them: the roles that were made
    /// for AWS's own functions do not allow it, and nothing but a rare repair needs it.
    pub(crate) async fn unlabelled(&self, most: usize) -> Result<Vec<UnlabelledVersion>> {
        match self.engine.store.unlabelled(&self.secret_id()).await {
            Err(error) if error.kind() == ErrorKind::Forbidden => {
                tracing::warn!(message = %error, "versions without a label are left out");
                Ok(Vec::new())
            }
            Err(error) => Err(error),
            Ok(mut versions) => {
                versions.truncate(most);
                Ok(versions)
            }
        }
    }

    /// Reads the youngest versions without a label: what abandoned rotations and edits by hand left. Versions of
    /// another shape are left out.
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub async fn abandoned<S: Serialize + DeserializeOwned>(&self) -> Result<Vec<Arc<Version<S>>>> {
        let mut abandoned = Vec::new();
        for unlabelled in self.unlabelled(UNLABELLED_RETIRED).await? {
            match self.version(&unlabelled.id).await {
                Err(error) if error.kind() != ErrorKind::Invalid => return Err(error),
                version => abandoned.extend(version.ok().flatten()),
            }
        }
        Ok(abandoned)
    }

    /// Tells whether this rotation's version is AWSCURRENT, as far as the description shows.
    pub(crate) fn is_promoted(&self) -> bool {
        self.description().version_with(AWSCURRENT) == Some(self.token())
    }

    pub(crate) fn description(&self) -> MutexGuard<'_, Description> {
        lock(&self.description)
    }

    /// Takes the labels anew, after the step itself moved one.
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
        *lock(&self.strategy) = Some((R::NAME, R::LIVES));
    }

    pub(crate) fn strategy(&self) -> Option<&'static str> {
        lock(&self.strategy).map(|(name, _)| name)
    }

    /// Tells whether AWSCURRENT works at every moment of this rotation.
    pub(crate) fn overlaps(&self) -> bool {
        lock(&self.strategy).is_some_and(|(_, lives)| lives.overlaps())
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

    /// Says which version opens the target, as far as this step learned it.
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

/// Where the three labels are.
#[derive(Debug, PartialEq, Eq)]
struct Picture([(&'static str, Option<String>); 3]);

impl Picture {
    fn of(description: &Description) -> Self {
        let at = |label| description.version_with(label).map(str::to_owned);
        let current = at(AWSCURRENT);
        // Secrets Manager takes AWSPENDING off a promoted version in its own time: that is no movement.
        let pending = at(AWSPENDING).filter(|pending| Some(pending) != current.as_ref());
        Self([(AWSCURRENT, current), (AWSPENDING, pending), (AWSPREVIOUS, at(AWSPREVIOUS))])
    }

    fn changes(&self, after: &Self) -> Vec<String> {
        let name =
            |id: &Option<String>| id.as_deref().map_or_else(|| "no version".to_owned(), |id| format!("version {id}"));
        let pairs = self.0.iter().zip(&after.0).filter(|((_, before), (_, after))| before != after);
        pairs.map(|((label, before), (_, after))| format!("{label} from {} to {}", name(before), name(after))).collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
