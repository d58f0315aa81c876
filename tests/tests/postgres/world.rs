use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use fourstep::memory::{
    CreateSecret, MemoryStore, Model, PutSecretValue, RotateSecret, SecretValue, UpdateSecretVersionStage,
};
use fourstep::{
    AWSCURRENT, AWSPENDING, AWSPREVIOUS, Description, Done, Engine, Environment, Error, ErrorKind, Put, Result,
    SecretStore, Sensitive, Step, StepEvent, StoredValue, Strategies, UnlabelledVersion,
};
use fourstep_postgres::Postgres as Accounts;
use fourstep_testkit::postgres::Postgres;
use fourstep_testkit::proxy::Proxy;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection};

/// A secret in a store, and the engine that rotates it.
pub(crate) struct World {
    pub(crate) store: Arc<MemoryStore>,
    variables: Vec<(String, String)>,
    unreadable: Option<String>,
    pub(crate) limit: Duration,
    tokens: usize,
}

pub(crate) const SECRET: &str = "app";

impl World {
    pub(crate) fn new(secret: &Value) -> Self {
        let store = Arc::new(MemoryStore::with_secret(SECRET, secret.to_string()));
        Self { store, variables: Vec::new(), unreadable: None, limit: Duration::from_secs(30), tokens: 0 }
    }

    /// A world with a copy of the store: another invocation, that sees what this one saw.
    pub(crate) fn copy(&self) -> Self {
        let store = Arc::new(MemoryStore::from(self.store.snapshot()));
        Self { store, variables: self.variables.clone(), unreadable: None, limit: self.limit, tokens: self.tokens }
    }

    /// A world with a secret that two accounts take turns in, and the administrator's secret.
    pub(crate) fn alternating(secret: &Value, admin: &Value) -> Self {
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

    pub(crate) fn tag(&self, key: &str, value: &str) {
        self.store.with(|model| model.tag_resource(SECRET, [(key.to_owned(), value.to_owned())])).unwrap();
    }

    pub(crate) fn variable(&mut self, name: &str, value: impl Into<String>) {
        self.variables.push((name.to_owned(), value.into()));
    }

    /// Lets the store deny access to a secret.
    pub(crate) fn deny(&mut self, secret_id: impl Into<String>) {
        self.unreadable = Some(secret_id.into());
    }

    /// Stores a value as AWSCURRENT, as a human does.
    pub(crate) fn put(&self, secret: &Value) {
        self.store.with(|model| model.put_secret_value(PutSecretValue::current(SECRET, secret.to_string()))).unwrap();
    }

    /// Stores a value as AWSCURRENT of the administrator's secret.
    pub(crate) fn put_admin(&self, secret: &Value) {
        self.store.with(|model| model.put_secret_value(PutSecretValue::current("admin", secret.to_string()))).unwrap();
    }

    pub(crate) fn labelled(&self, label: &str) -> Option<Value> {
        self.store.with(|model| {
            let version = model.secret(SECRET).unwrap().labelled(label)?;
            Some(serde_json::from_str(version.text()?.expose()).unwrap())
        })
    }

    pub(crate) fn current(&self) -> Value {
        self.labelled(AWSCURRENT).unwrap()
    }

    pub(crate) fn previous(&self) -> Value {
        self.labelled(AWSPREVIOUS).unwrap()
    }

    pub(crate) fn pending(&self) -> Value {
        self.labelled(AWSPENDING).unwrap()
    }

    /// All values that are secret now: of every version of every secret.
    pub(crate) fn passwords(&self) -> Vec<Sensitive> {
        let password = |text: &Sensitive| {
            let value: Value = serde_json::from_str(text.expose()).unwrap();
            value["password"].as_str().map(Sensitive::new)
        };
        self.store.with(|model: &mut Model| {
            let versions = model.secrets().flat_map(|secret| &secret.versions);
            versions.filter_map(|version| password(version.text()?)).collect()
        })
    }

    /// Starts a rotation as RotateSecret does, and gives its token.
    pub(crate) fn start(&mut self) -> String {
        self.tokens += 1;
        let token = format!("{:0>36}", self.tokens);
        let request = RotateSecret { token: Some(&token), lambda_arn: Some("arn:lambda"), ..RotateSecret::now(SECRET) };
        let rotated = self.store.with(|model| model.rotate_secret(request));
        rotated.answer.unwrap();
        token
    }

    /// Gives a rotation up as an operator does: AWSPENDING is removed.
    pub(crate) fn abandon(&self, token: &str) {
        let request =
            UpdateSecretVersionStage { secret_id: SECRET, stage: AWSPENDING, move_to: None, remove_from: Some(token) };
        self.store.with(|model| model.update_secret_version_stage(request)).unwrap();
    }

    /// Gives the rotation that is under way up.
    pub(crate) fn abandon_pending(&self) {
        let token = format!("{:0>36}", self.tokens);
        self.abandon(&token);
    }

    pub(crate) async fn step(&self, step: Step, token: &str) -> Result<Done> {
        let store = Arc::new(Denying { store: Arc::clone(&self.store), denied: self.unreadable.clone() });
        let environment: Environment = self.variables.iter().cloned().collect();
        let event = StepEvent { step, secret_id: SECRET.to_owned(), token: token.to_owned(), rotation_token: None };
        let engine = Engine::new(store, environment);
        let report = engine.run(&Strategies(Accounts::new()), &event, SystemTime::now() + self.limit).await;
        report.result
    }

    /// Runs a rotation up to the first step that fails.
    pub(crate) async fn rotate(&mut self) -> Result<()> {
        let token = self.start();
        self.run(&token).await
    }

    /// Rotates until the clone is current.
    pub(crate) async fn rotate_to_clone(&mut self) {
        self.rotate().await.unwrap();
        if self.current()["username"] == "app" {
            self.rotate().await.unwrap();
        }
        assert_eq!(self.current()["username"], "app_clone");
    }

    /// Runs the four steps for a token.
    pub(crate) async fn run(&self, token: &str) -> Result<()> {
        for step in Step::ALL {
            self.step(step, token).await?;
        }
        Ok(())
    }

    /// Runs the steps up to setSecret, and gives its error.
    pub(crate) async fn failing_set(&mut self) -> Error {
        let token = self.start();
        self.step(Step::Create, &token).await.unwrap();
        self.step(Step::Set, &token).await.unwrap_err()
    }
}

/// A secret of an account, in plaintext.
pub(crate) fn secret(server: &Postgres, username: &str, password: &str) -> Value {
    secret_at(server.host(), server.port(), username, password)
}

pub(crate) fn secret_at(host: &str, port: u16, username: &str, password: &str) -> Value {
    json!({
        "engine": "postgres", "host": host, "port": port, "username": username, "password": password,
        "dbname": "postgres", "ssl": false
    })
}

/// Logs in as a consumer with a secret's value, and runs statements.
pub(crate) async fn consume(server: &Postgres, secret: &Value, statements: &str) -> sqlx::Result<()> {
    let text = |field: &str| secret[field].as_str().unwrap();
    let mut client = server.connect(text("username"), text("password"), "postgres").await?;
    sqlx::raw_sql(AssertSqlSafe(statements)).execute(&mut client).await?;
    client.close().await
}

pub(crate) async fn opens(server: &Postgres, secret: &Value) -> bool {
    match consume(server, secret, "SELECT 1").await {
        Ok(()) => true,
        Err(sqlx::Error::Database(answer)) if answer.code().as_deref() == Some("28P01") => false,
        Err(error) => panic!("{error}"),
    }
}

/// A server with a role `app`, password `first`, which owns a table.
pub(crate) async fn server() -> Option<Postgres> {
    let server = Postgres::start().await?;
    server
        .execute(
            "CREATE ROLE app LOGIN PASSWORD 'first-password'; CREATE SCHEMA data AUTHORIZATION app;
             SET ROLE app; CREATE TABLE data.t (i int)",
        )
        .await;
    Some(server)
}

pub(crate) const FIRST: &str = "first-password";

/// The same with an administrator as Amazon RDS makes it: no superuser.
pub(crate) async fn server_with_admin() -> Option<(Postgres, World)> {
    let server = server().await?;
    server.execute("CREATE ROLE boss LOGIN CREATEROLE CREATEDB PASSWORD 'admin-password'").await;
    let_administer(&server, "app").await;
    let world = World::alternating(&secret(&server, "app", FIRST), &secret(&server, "boss", "admin-password"));
    Some((server, world))
}

/// The same with a second database.
pub(crate) async fn two_databases() -> Option<(Postgres, World)> {
    let (server, world) = server_with_admin().await?;
    server.execute("CREATE DATABASE \"the other\"").await;
    Some((server, world))
}

/// Tells whether memberships have options and grantors of their own, as since version 16.
pub(crate) async fn has_grantors(server: &Postgres) -> bool {
    server.rows("SELECT current_setting('server_version_num')").await[0].as_str() >= "160000"
}

/// Gives the administrator what it would have had it made the role itself.
pub(crate) async fn let_administer(server: &Postgres, role: &str) {
    if has_grantors(server).await {
        server.execute(&format!("GRANT {role} TO boss WITH ADMIN OPTION")).await;
    }
}

pub(crate) async fn proxy(server: &Postgres) -> Proxy {
    Proxy::before(server.port()).await
}

/// Checks an error's kind and that its text has all the parts.
#[track_caller]
pub(crate) fn assert_error(error: &Error, kind: ErrorKind, parts: &[&str]) {
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
    async fn unlabelled(&self, secret_id: &str) -> Result<Vec<UnlabelledVersion>> {
        self.store.unlabelled(secret_id).await
    }
}
