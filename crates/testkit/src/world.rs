//! A secret in a store in memory, and the engine that rotates it in this process.
#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    clippy::missing_errors_doc,
    reason = "what tests call is a test too, and panics where the test is to fail"
)]

mod accounts;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use fourstep::operator::{Action, Answer, OperatorEvent};
use fourstep::settings::Environment;
use fourstep::{AWSCURRENT, Clock, Done, Engine, Error, ErrorKind, Result, Rotation, Step, StepEvent, SystemClock};
use serde_json::Value;

use crate::aws::FunctionError;
use crate::denying::Denying;
use crate::runtime_api::FUNCTION_ARN;
use crate::secret::RotatedSecret;
use crate::settings::LOCAL_ADDRESSES;

/// A secret, and the engine that rotates it by a rotation: one rotator, or the choice of one.
pub struct World<R> {
    /// The secret.
    pub secret: RotatedSecret,
    /// What the engine runs.
    pub rotation: Arc<R>,
    /// How long a step may take.
    pub limit: Duration,
    /// The ARN by which the function is invoked.
    pub function: String,
    variables: Vec<(String, String)>,
    unreadable: Option<String>,
    clock: Arc<dyn Clock>,
}

/// The name of the secret.
pub const SECRET: &str = "app";

impl<R: Rotation> World<R> {
    /// Creates a store with the secret [`SECRET`].
    #[must_use]
    pub fn new(rotation: R, secret: &Value) -> Self {
        Self::of(rotation, RotatedSecret::create(&Arc::default(), SECRET, secret))
    }

    /// Creates a world around a secret that is there. Its function may connect to this very machine.
    #[must_use]
    pub fn of(rotation: R, secret: RotatedSecret) -> Self {
        let (rotation, limit, clock) = (Arc::new(rotation), Duration::from_secs(30), Arc::new(SystemClock));
        let function = FUNCTION_ARN.to_owned();
        let mut world = Self { secret, rotation, limit, function, variables: Vec::new(), unreadable: None, clock };
        for (name, value) in [LOCAL_ADDRESSES, ("OPERATOR_EVENTS", "on,reset,adopt")] {
            world.variable(name, value);
        }
        world
    }

    /// Creates a world with a copy of the store: another invocation, that sees what this one saw.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self {
            secret: self.secret.copy(),
            rotation: Arc::clone(&self.rotation),
            limit: self.limit,
            function: self.function.clone(),
            variables: self.variables.clone(),
            unreadable: None,
            clock: Arc::clone(&self.clock),
        }
    }

    /// Sets the clock of the engine. At first it is the system's.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Sets a variable of the function.
    pub fn variable(&mut self, name: &str, value: impl Into<String>) {
        self.variables.push((name.to_owned(), value.into()));
    }

    /// Lets the store deny access to a secret.
    pub fn deny(&mut self, secret_id: impl Into<String>) {
        self.unreadable = Some(secret_id.into());
    }

    /// Sets a tag of the secret.
    pub fn tag(&self, key: &str, value: &str) {
        self.secret.tag(key, value);
    }

    /// Stores a value as AWSCURRENT, as a human does.
    pub fn put(&self, value: &Value) {
        self.secret.put(value);
    }

    /// Returns the value of the version with a label. `None`: there is none, or it has no value yet.
    #[must_use]
    pub fn labelled(&self, label: &str) -> Option<Value> {
        self.secret.labelled(label)
    }

    /// Returns the value of AWSCURRENT.
    #[must_use]
    pub fn current(&self) -> Value {
        self.secret.current()
    }

    /// Returns the value of AWSPREVIOUS.
    #[must_use]
    pub fn previous(&self) -> Value {
        self.secret.previous()
    }

    /// Returns the value of AWSPENDING.
    #[must_use]
    pub fn pending(&self) -> Value {
        self.secret.pending()
    }

    /// Begins a rotation as RotateSecret does, and returns its token.
    pub fn start(&mut self) -> String {
        self.secret.begin()
    }

    /// Abandons a rotation as an operator does: removes AWSPENDING.
    pub fn abandon(&self, token: &str) {
        self.secret.abandon(token);
    }

    /// Abandons the rotation that is under way.
    pub fn abandon_pending(&self) {
        self.secret.abandon(&self.secret.token);
    }

    /// Runs one step, and returns what it did.
    pub async fn step(&self, step: Step, token: &str) -> Result<Done> {
        let secret_id = self.secret.name().to_owned();
        self.run_event(&StepEvent { step, secret_id, token: token.to_owned(), rotation_token: None }).await
    }

    /// Runs the step of an event, as a function does to which Lambda hands it. It is for
    /// [`Aws::on_rotate`](crate::aws::Aws::on_rotate).
    pub async fn invoke(&self, event: &Value) -> Result<Value, FunctionError> {
        let text = |field: &str| event[field].as_str().unwrap().to_owned();
        let event = StepEvent {
            step: serde_json::from_value(event["Step"].clone()).unwrap(),
            secret_id: text("SecretId"),
            token: text("ClientRequestToken"),
            rotation_token: None,
        };
        let result = self.run_event(&event).await;
        result
            .map(|_| Value::Null)
            .map_err(|error| FunctionError { error_type: error.kind().name().to_owned(), message: error.to_string() })
    }

    /// Does what an operator asks, and returns what the operator is told. At first every action is allowed.
    pub async fn operate(&self, action: Action) -> Result<Answer> {
        let event = OperatorEvent { action, secret_id: self.secret.name().to_owned() };
        let (engine, ends) = self.engine();
        engine.operate(&*self.rotation, &event, &self.function, ends).await.result
    }

    /// Lets an operator name an account whose password the administrator resets, as it is in AWSCURRENT.
    pub async fn reset(&self, account: impl Into<String>) -> Result<Answer> {
        self.operate(Action::Reset { account: Some(account.into()), version: self.secret.id(AWSCURRENT) }).await
    }

    /// Lets an operator name the base account of a pair that is adopted.
    pub async fn adopt(&self, account: impl Into<String>) -> Result<Answer> {
        self.operate(Action::Adopt { account: Some(account.into()), version: self.secret.id(AWSCURRENT) }).await
    }

    /// Creates the engine, and says when its invocation ends.
    fn engine(&self) -> (Engine, SystemTime) {
        let store = Denying { store: Arc::clone(&self.secret.store), denied: self.unreadable.clone() };
        let environment: Environment = self.variables.iter().cloned().collect();
        let engine = Engine::new(Arc::new(store), environment).with_clock(Arc::clone(&self.clock));
        (engine, self.clock.now() + self.limit + Engine::TO_REPORT)
    }

    async fn run_event(&self, event: &StepEvent) -> Result<Done> {
        let (engine, ends) = self.engine();
        engine.run(&*self.rotation, event, &self.function, ends).await.result
    }

    /// Runs the four steps for a token, up to the first that fails.
    pub async fn run(&self, token: &str) -> Result<()> {
        for step in Step::ALL {
            self.step(step, token).await?;
        }
        Ok(())
    }

    /// Begins a rotation, and runs it up to the first step that fails.
    pub async fn rotate(&mut self) -> Result<()> {
        let token = self.start();
        self.run(&token).await
    }

    /// Runs the steps up to setSecret, and returns its error.
    pub async fn failing_set(&mut self) -> Error {
        let token = self.start();
        self.step(Step::Create, &token).await.unwrap();
        self.step(Step::Set, &token).await.unwrap_err()
    }
}

/// Checks an error's kind and that its text has all the parts.
#[track_caller]
pub fn assert_error(error: &Error, kind: ErrorKind, parts: &[&str]) {
    let text = error.to_string();
    assert_eq!(error.kind(), kind, "{text}");
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
}
