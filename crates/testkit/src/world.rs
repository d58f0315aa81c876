//! A secret in a store in memory, and the engine that rotates it in this process.
#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    clippy::missing_errors_doc,
    reason = "what tests call is a test too, and panics where the test is to fail"
)]

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use fourstep::memory::{
    CreateSecret, MemoryStore, Model, PutSecretValue, RotateSecret, SecretValue, UpdateSecretVersionStage,
};
use fourstep::{
    AWSCURRENT, AWSPENDING, AWSPREVIOUS, Accounts, Description, Done, Engine, Environment, Error, ErrorKind, Put,
    Result, SecretStore, Sensitive, Step, StepEvent, StoredValue, Strategies, UnlabelledVersion,
};
use serde_json::{Value, json};

/// A secret in a store, and the engine that rotates it.
pub struct World<A> {
    /// The store.
    pub store: Arc<MemoryStore>,
    variables: Vec<(String, String)>,
    unreadable: Option<String>,
    /// How long a step may take.
    pub limit: Duration,
    tokens: usize,
    accounts: PhantomData<A>,
}

/// The name of the secret.
pub const SECRET: &str = "app";

impl<A: Accounts + Default> World<A> {
    /// Creates a store with the secret.
    #[must_use]
    pub fn new(secret: &Value) -> Self {
        let store = Arc::new(MemoryStore::with_secret(SECRET, secret.to_string()));
        Self {
            store,
            variables: Vec::new(),
            unreadable: None,
            limit: Duration::from_secs(30),
            tokens: 0,
            accounts: PhantomData,
        }
    }

    /// A world with a copy of the store: another invocation, that sees what this one saw.
    pub fn copy(&self) -> Self {
        let store = Arc::new(MemoryStore::from(self.store.snapshot()));
        Self {
            store,
            variables: self.variables.clone(),
            unreadable: None,
            limit: self.limit,
            tokens: self.tokens,
            accounts: PhantomData,
        }
    }

    /// A world with a secret that two accounts take turns in, and the administrator's secret.
    pub fn alternating(secret: &Value, admin: &Value) -> Self {
        let world = Self::new(&json!({}));
        let arn = world.store.with(|model| {
            let value = Some(SecretValue::text(admin.to_string()));
            model.create_secret(CreateSecret { name: "admin", value, ..CreateSecret::default() }).unwrap().arn.clone()
        });
        let mut secret = secret.clone();
        secret["masterarn"] = arn.into();
        world.put(&secret);
        // The empty value before it is no version of this secret.
        world.store.with(|model| model.secret_mut(SECRET).unwrap().versions.remove(0));
        world.tag("fourstep:strategy", "alternating-users");
        world
    }

    /// Sets a tag of the secret.
    pub fn tag(&self, key: &str, value: &str) {
        self.store.with(|model| model.tag_resource(SECRET, [(key.to_owned(), value.to_owned())])).unwrap();
    }

    /// Sets a variable of the function.
    pub fn variable(&mut self, name: &str, value: impl Into<String>) {
        self.variables.push((name.to_owned(), value.into()));
    }

    /// Lets the store deny access to a secret.
    pub fn deny(&mut self, secret_id: impl Into<String>) {
        self.unreadable = Some(secret_id.into());
    }

    /// Stores a value as AWSCURRENT, as a human does.
    pub fn put(&self, secret: &Value) {
        self.store.with(|model| model.put_secret_value(PutSecretValue::current(SECRET, secret.to_string()))).unwrap();
    }

    /// Stores a value as AWSCURRENT of the administrator's secret.
    pub fn put_admin(&self, secret: &Value) {
        self.store.with(|model| model.put_secret_value(PutSecretValue::current("admin", secret.to_string()))).unwrap();
    }

    /// Returns the value of the version with a label.
    #[must_use]
    pub fn labelled(&self, label: &str) -> Option<Value> {
        self.store.with(|model| {
            let version = model.secret(SECRET).unwrap().labelled(label)?;
            Some(serde_json::from_str(version.text()?.expose()).unwrap())
        })
    }

    /// Returns the value of AWSCURRENT.
    #[must_use]
    pub fn current(&self) -> Value {
        self.labelled(AWSCURRENT).unwrap()
    }

    /// Returns the value of AWSPREVIOUS.
    #[must_use]
    pub fn previous(&self) -> Value {
        self.labelled(AWSPREVIOUS).unwrap()
    }

    /// Returns the value of AWSPENDING.
    #[must_use]
    pub fn pending(&self) -> Value {
        self.labelled(AWSPENDING).unwrap()
    }

    /// All values that are secret now: of every version of every secret.
    pub fn passwords(&self) -> Vec<Sensitive> {
        let password = |text: &Sensitive| {
            let value: Value = serde_json::from_str(text.expose()).unwrap();
            value["password"].as_str().map(Sensitive::new)
        };
        self.store.with(|model: &mut Model| {
            let versions = model.secrets().flat_map(|secret| &secret.versions);
            versions.filter_map(|version| password(version.text()?)).collect()
        })
    }

    /// Starts a rotation as RotateSecret does, and returns its token.
    pub fn start(&mut self) -> String {
        self.tokens += 1;
        let token = format!("{:0>36}", self.tokens);
        let request = RotateSecret { token: Some(&token), lambda_arn: Some("arn:lambda"), ..RotateSecret::now(SECRET) };
        let rotated = self.store.with(|model| model.rotate_secret(request));
        rotated.answer.unwrap();
        token
    }

    /// Abandons a rotation as an operator does: removes AWSPENDING.
    pub fn abandon(&self, token: &str) {
        let request =
            UpdateSecretVersionStage { secret_id: SECRET, stage: AWSPENDING, move_to: None, remove_from: Some(token) };
        self.store.with(|model| model.update_secret_version_stage(request)).unwrap();
    }

    /// Abandons the rotation that is under way.
    pub fn abandon_pending(&self) {
        let token = format!("{:0>36}", self.tokens);
        self.abandon(&token);
    }

    /// Runs one step, and returns what it did.
    pub async fn step(&self, step: Step, token: &str) -> Result<Done> {
        let store = Arc::new(Denying { store: Arc::clone(&self.store), denied: self.unreadable.clone() });
        let environment: Environment = self.variables.iter().cloned().collect();
        let event = StepEvent { step, secret_id: SECRET.to_owned(), token: token.to_owned(), rotation_token: None };
        let engine = Engine::new(store, environment);
        let report = engine.run(&Strategies(A::default()), &event, SystemTime::now() + self.limit).await;
        report.result
    }

    /// Runs a rotation up to the first step that fails.
    pub async fn rotate(&mut self) -> Result<()> {
        let token = self.start();
        self.run(&token).await
    }

    /// Rotates until the clone is current.
    pub async fn rotate_to_clone(&mut self) {
        let is_current = |world: &Self| world.current()["username"].as_str().unwrap().ends_with("_clone");
        self.rotate().await.unwrap();
        if !is_current(self) {
            self.rotate().await.unwrap();
        }
        assert!(is_current(self));
    }

    /// Runs the four steps for a token.
    pub async fn run(&self, token: &str) -> Result<()> {
        for step in Step::ALL {
            self.step(step, token).await?;
        }
        Ok(())
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

/// A store that denies access to one secret.
struct Denying {
    store: Arc<MemoryStore>,
    denied: Option<String>,
}

#[async_trait]
impl SecretStore for Denying {
    async fn describe(&self, secret_id: &str) -> Result<Description> {
        if self.denied.as_deref() == Some(secret_id) {
            return Err(Error::forbidden("the function's role may not read this secret"));
        }
        self.store.describe(secret_id).await
    }
    async fn read(&self, secret_id: &str, version_id: &str) -> Result<Option<StoredValue>> {
        self.store.read(secret_id, version_id).await
    }
    async fn put_pending(
        &self,
        secret_id: &str,
        token: &str,
        value: &Sensitive,
        rotation_token: Option<&Sensitive>,
    ) -> Result<Put> {
        self.store.put_pending(secret_id, token, value, rotation_token).await
    }
    async fn promote(&self, secret_id: &str, to: &str, from: &str) -> Result<()> {
        self.store.promote(secret_id, to, from).await
    }
    async fn unstage(&self, secret_id: &str, version_id: &str) -> Result<()> {
        self.store.unstage(secret_id, version_id).await
    }
    async fn unlabelled(&self, secret_id: &str) -> Result<Vec<UnlabelledVersion>> {
        self.store.unlabelled(secret_id).await
    }
}
