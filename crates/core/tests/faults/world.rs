//! A world in which every call that leaves the function is counted, and can fail in every way that calls fail.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use fourstep::memory::{MemoryServers, MemoryStore, Model};
use fourstep::store::{Description, Put, SecretStore, StoredValue, UnlabelledVersion};
use fourstep::{Clock, Error, Result, Sensitive};

/// What goes wrong with one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It fails, and had no effect: also throttling.
    Error,
    /// It had its effect, and the answer is lost.
    ReplyLost,
    /// The function dies before it.
    CrashBefore,
    /// The function dies after it.
    CrashAfter,
    /// It reads the store as it was this many writes ago.
    Stale(usize),
    /// Somebody gives the account a right before it, or takes that right away.
    Rights,
}

/// What a call does: a read has no effect, so a lost reply is an error and both crashes are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    StoreRead,
    StoreWrite,
    TargetRead,
    TargetWrite,
}

impl Call {
    pub fn faults(self) -> &'static [Fault] {
        match self {
            Self::StoreRead => &[Fault::Error, Fault::CrashBefore, Fault::Stale(1), Fault::Stale(2)],
            Self::TargetRead => &[Fault::Error, Fault::CrashBefore],
            Self::StoreWrite | Self::TargetWrite => {
                &[Fault::Error, Fault::ReplyLost, Fault::CrashBefore, Fault::CrashAfter]
            }
        }
    }
}

/// The state of the target; a copy is a snapshot.
pub trait Target: Clone + Send + 'static {
    /// Returns whether the JSON of a version opens the target. Asks nobody.
    fn opens(&self, json: &str) -> bool;
    /// Counts the credentials that open the target.
    fn live(&self) -> usize;
    /// Changes what the credential may do, where it depends on that how it is rotated.
    fn change_rights(&mut self) {}
}

pub struct World<T> {
    state: Mutex<State<T>>,
    /// Whether each call waits for its turn.
    turns: AtomicBool,
    /// Each login that was attempted, as `account@host:port`.
    logins: Mutex<Vec<String>>,
}

#[derive(Clone)]
pub struct State<T> {
    pub model: Model,
    past: VecDeque<Model>,
    pub target: T,
    pub now: SystemTime,
    pub calls: usize,
    pub target_writes: usize,
    pub plan: Vec<(usize, Fault)>,
    pub crashed: bool,
    pub journal: Vec<(Call, &'static str)>,
    pub violation: Option<String>,
    /// The call that the function's role does not allow.
    pub forbidden: Option<&'static str>,
    /// Where the function looks servers up.
    pub servers: Arc<MemoryServers>,
    /// Looks at the world after each write.
    pub check: fn(&Self) -> Result<(), String>,
    /// I4: how many credentials may be alive at any moment.
    pub most: usize,
}

impl<T: Target> State<T> {
    pub fn new(model: Model, target: T, most: usize, check: fn(&Self) -> Result<(), String>) -> Self {
        Self {
            model,
            past: VecDeque::new(),
            target,
            now: SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000),
            calls: 0,
            target_writes: 0,
            plan: Vec::new(),
            crashed: false,
            journal: Vec::new(),
            violation: None,
            forbidden: None,
            servers: Arc::default(),
            check,
            most,
        }
    }

    /// Returns the JSON of the version with `label`.
    pub fn labelled(&self, label: &str) -> Option<String> {
        let secret = self.model.secret("app").expect("the secret exists");
        secret.labelled(label).and_then(|version| version.text()).map(|text| text.expose().to_owned())
    }

    /// Returns the id of the version under AWSPENDING, or nothing.
    pub fn pending(&self) -> &str {
        let secret = self.model.secret("app").expect("the secret exists");
        secret.labelled(fourstep::AWSPENDING).map_or("", |version| &version.id)
    }

    pub fn opens(&self, label: &str) -> bool {
        self.labelled(label).is_some_and(|json| self.target.opens(&json))
    }

    fn looked_at(&mut self) {
        if self.violation.is_some() {
            return;
        }
        self.violation = (self.check)(self).err();
        let live = self.target.live();
        if live > self.most {
            self.violation = Some(format!("I4: {live} credentials live, and at most {} may", self.most));
        }
    }

    /// Notes that the store is about to change, for stale reads.
    pub fn remember(&mut self) {
        self.past.push_front(self.model.clone());
        self.past.truncate(2);
    }
}

impl<T: Target> World<T> {
    pub fn new(state: State<T>) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(state), turns: AtomicBool::new(false), logins: Mutex::default() })
    }

    pub fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().expect("no test goes on after a panic")
    }

    pub fn logged_in(&self, login: String) {
        self.logins.lock().expect("no test goes on after a panic").push(login);
    }

    /// Returns the logins since it was asked last.
    pub fn take_logins(&self) -> Vec<String> {
        std::mem::take(&mut *self.logins.lock().expect("no test goes on after a panic"))
    }

    pub fn take_turns(&self, turns: bool) {
        self.turns.store(turns, Ordering::Relaxed);
    }

    /// Calls a service outside of the function once.
    pub async fn call<X>(
        &self,
        call: Call,
        name: &'static str,
        effect: impl FnOnce(&mut State<T>) -> Result<X>,
    ) -> Result<X> {
        if self.turns.load(Ordering::Relaxed) {
            Turn(false).await;
        }
        let lost = || Error::unavailable(format!("{name}: no answer"));
        let fault = {
            let mut state = self.state();
            state.calls += 1;
            state.journal.push((call, name));
            if state.forbidden == Some(name) {
                return Err(Error::forbidden(format!("{name}: the function's role does not allow it")));
            }
            let number = state.calls;
            state.plan.iter().find(|(at, _)| *at == number).map(|(_, fault)| *fault)
        };
        match fault {
            None => self.apply(call, effect),
            Some(Fault::Rights) => {
                self.state().target.change_rights();
                self.apply(call, effect)
            }
            Some(Fault::Error) => Err(lost()),
            Some(Fault::ReplyLost) => {
                let _ = self.apply(call, effect);
                Err(lost())
            }
            Some(Fault::CrashBefore) => self.crash().await,
            Some(Fault::CrashAfter) => {
                let _ = self.apply(call, effect);
                self.crash().await
            }
            Some(Fault::Stale(writes)) => {
                let mut state = self.state();
                let Some(past) = state.past.get(writes - 1).cloned() else { return effect(&mut state) };
                let now = std::mem::replace(&mut state.model, past);
                let answer = effect(&mut state);
                state.model = now;
                answer
            }
        }
    }

    fn apply<X>(&self, call: Call, effect: impl FnOnce(&mut State<T>) -> Result<X>) -> Result<X> {
        let mut state = self.state();
        match call {
            Call::StoreWrite => state.remember(),
            Call::TargetWrite => state.target_writes += 1,
            Call::StoreRead | Call::TargetRead => {}
        }
        let answer = effect(&mut state);
        if matches!(call, Call::StoreWrite | Call::TargetWrite) {
            state.looked_at();
        }
        answer
    }

    async fn crash<X>(&self) -> X {
        self.state().crashed = true;
        std::future::pending().await
    }
}

/// Passes the turn to the other invocation, once.
struct Turn(bool);

impl Future for Turn {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// The world's Secrets Manager, as the engine sees it.
pub struct WorldStore<T>(pub Arc<World<T>>);

impl<T: Target> WorldStore<T> {
    /// Lets the in-memory store answer, on the world's model.
    async fn ask<X: Send>(
        &self,
        call: Call,
        name: &'static str,
        ask: impl AsyncFnOnce(&MemoryStore) -> Result<X>,
    ) -> Result<X> {
        self.0
            .call(call, name, |state| {
                let store = MemoryStore::from(std::mem::take(&mut state.model));
                let answer = at_once(ask(&store));
                state.model = store.with(std::mem::take);
                answer
            })
            .await
            .map_err(Error::retried)
    }
}

#[async_trait]
impl<T: Target> SecretStore for WorldStore<T> {
    async fn describe(&self, secret_id: &str) -> Result<Description> {
        self.ask(Call::StoreRead, "DescribeSecret", async |store| store.describe(secret_id).await).await
    }

    async fn read(&self, secret_id: &str, version_id: &str) -> Result<Option<StoredValue>> {
        self.ask(Call::StoreRead, "GetSecretValue", async |store| store.read(secret_id, version_id).await).await
    }

    async fn put_pending(
        &self,
        secret_id: &str,
        token: &str,
        value: &Sensitive,
        rotation_token: Option<&Sensitive>,
    ) -> Result<Put> {
        let put = async |store: &MemoryStore| store.put_pending(secret_id, token, value, rotation_token).await;
        self.ask(Call::StoreWrite, "PutSecretValue", put).await
    }

    async fn promote(&self, secret_id: &str, to: &str, from: &str) -> Result<()> {
        let promote = async |store: &MemoryStore| store.promote(secret_id, to, from).await;
        self.ask(Call::StoreWrite, "UpdateSecretVersionStage", promote).await
    }

    async fn unstage(&self, secret_id: &str, version_id: &str) -> Result<()> {
        let unstage = async |store: &MemoryStore| store.unstage(secret_id, version_id).await;
        self.ask(Call::StoreWrite, "UpdateSecretVersionStage", unstage).await
    }

    async fn mark(&self, secret_id: &str, label: &str, to: Option<&str>, from: Option<&str>) -> Result<()> {
        let mark = async |store: &MemoryStore| store.mark(secret_id, label, to, from).await;
        self.ask(Call::StoreWrite, "UpdateSecretVersionStage", mark).await
    }

    async fn unlabelled(&self, secret_id: &str) -> Result<Vec<UnlabelledVersion>> {
        self.ask(Call::StoreRead, "ListSecretVersionIds", async |store| store.unlabelled(secret_id).await).await
    }
}

/// A future that only asks the in-memory store never waits.
pub fn at_once<X>(future: impl Future<Output = X>) -> X {
    match std::pin::pin!(future).poll(&mut Context::from_waker(std::task::Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("the in-memory store never waits"),
    }
}

/// The world's time: waiting passes it at once.
pub struct WorldClock<T>(pub Arc<World<T>>);

#[async_trait]
impl<T: Target> Clock for WorldClock<T> {
    fn now(&self) -> SystemTime {
        self.0.state().now
    }

    async fn sleep(&self, duration: Duration) {
        self.0.state().now += duration;
    }

    /// Nothing in this world hangs: an invocation that does not go on crashed.
    async fn until(&self, _moment: SystemTime) {
        std::future::pending::<()>().await;
    }
}
