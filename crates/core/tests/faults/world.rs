//! A world in which every call that leaves the function is counted, and can fail in every way that calls fail.

mod services;

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use fourstep::memory::{MemoryServers, Model, Secret};
use fourstep::{Error, Result};

pub use services::{WorldClock, WorldStore};

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

/// When the worlds begin: after the system's time.
fn begin() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(4_000_000_000)
}

/// Returns the JSON of the version of a secret with `label`.
pub fn labelled(secret: &Secret, label: &str) -> Option<String> {
    secret.labelled(label).and_then(|version| version.text()).map(|text| text.expose().to_owned())
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
    /// The secret that is rotated.
    pub secret: &'static str,
    /// How many versions were dated by the world's time.
    pub dated: u32,
    pub past: VecDeque<Model>,
    pub target: T,
    pub now: SystemTime,
    pub calls: usize,
    pub target_writes: usize,
    pub plan: Vec<(usize, Fault)>,
    pub crashed: bool,
    pub journal: Vec<(Call, &'static str)>,
    pub violation: Option<String>,
    /// Whether AWSCURRENT holds what a person mistyped: what AWSPREVIOUS is promised begins with the next rotation but one.
    pub mistyped: bool,
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
        let mut state = Self {
            model,
            secret: "app",
            dated: 0,
            past: VecDeque::new(),
            target,
            now: begin(),
            calls: 0,
            target_writes: 0,
            plan: Vec::new(),
            crashed: false,
            journal: Vec::new(),
            violation: None,
            mistyped: false,
            forbidden: None,
            servers: Arc::default(),
            check,
            most,
        };
        state.date();
        state
    }

    /// Returns the JSON of the version with `label`.
    pub fn labelled(&self, label: &str) -> Option<String> {
        labelled(self.rotated(), label)
    }

    /// Returns the id of the version under AWSPENDING, or nothing.
    pub fn pending(&self) -> &str {
        self.rotated().labelled(fourstep::AWSPENDING).map_or("", |version| &version.id)
    }

    pub fn opens(&self, label: &str) -> bool {
        self.labelled(label).is_some_and(|json| self.target.opens(&json))
    }

    /// Forgets what led here.
    pub fn begin_again(&mut self) {
        (self.calls, self.target_writes) = (0, 0);
        self.journal.clear();
        self.past.clear();
    }

    /// Returns the secret that is rotated.
    pub fn rotated(&self) -> &Secret {
        self.model.secret(self.secret).expect("the secret exists")
    }

    /// Dates new versions by the world's time; the model knows the system's only.
    pub fn date(&mut self) {
        // Asked at each call, and seldom so: nothing is copied until then.
        let undated = |secret: &&Secret| {
            let rotated = secret.rotation.as_ref().and_then(|rotation| rotation.last_rotated);
            let mut times = secret.versions.iter().map(|version| version.created).chain(rotated);
            times.any(|time| time < begin())
        };
        let names: Vec<_> = self.model.secrets().filter(undated).map(|secret| secret.name.clone()).collect();
        for name in names {
            let secret = self.model.secret_mut(&name).expect("it was listed");
            let system = secret.rotation.as_mut().and_then(|rotation| rotation.last_rotated.as_mut());
            if let Some(last) = system.filter(|last| **last < begin()) {
                self.dated += 1;
                *last = self.now + Duration::from_micros(self.dated.into());
            }
            for version in secret.versions.iter_mut().filter(|version| version.created < begin()) {
                // No two are of the same moment.
                self.dated += 1;
                version.created = self.now + Duration::from_micros(self.dated.into());
            }
        }
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
