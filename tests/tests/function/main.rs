//! Rotation functions as they are deployed: the real binary behind a Runtime API, with Secrets Manager over HTTP.
// What the tests share is outside of the functions that clippy knows as tests.
#![allow(clippy::unwrap_used)]

mod bad_events;
mod bad_secrets;
mod reports;
mod secrets_manager;

use std::collections::BTreeMap;
use std::time::SystemTime;

use fourstep::memory::{CreateSecret, RotateSecret, Secret, SecretValue};
use fourstep::{Filter, Sensitive, Step};
use fourstep_testkit::aws::Aws;
use fourstep_testkit::function;
use fourstep_testkit::runtime_api::{FUNCTION_ARN, Invocation, Sandbox};
use serde_json::{Value, json};

const NAME: &str = "app/db";
const CURRENT: &str = "11111111-1111-4111-8111-111111111111";
const PENDING: &str = "22222222-2222-4222-8222-222222222222";
const OTHER: &str = "33333333-3333-4333-8333-333333333333";
const PASSWORD: &str = "old-Passw0rd/\"~1";
const ROTATION_TOKEN: &str = "rotation-token-0123456789-0123456789";

/// A function, and a secret whose rotation has begun: PENDING is an empty version under AWSPENDING.
struct World {
    aws: Aws,
    sandbox: Sandbox,
}

impl World {
    /// The real PostgreSQL function, with a secret that is in order.
    async fn new() -> Self {
        Self::with_value(SecretValue::text(account().to_string())).await
    }

    /// The real PostgreSQL function, with a secret of this value.
    async fn with_value(value: SecretValue) -> Self {
        Self::of(Sandbox::new(function::binary("rotate-postgres").unwrap()).unwrap(), value).await
    }

    /// A function that misbehaves.
    async fn misbehaving(behaviour: &str) -> Self {
        let program = function::example("fourstep-tests", "misbehaving-function").unwrap();
        let value = SecretValue::text(json!({ "behaviour": behaviour, "password": PASSWORD }).to_string());
        Self::of(Sandbox::new(program).unwrap(), value).await
    }

    async fn of(sandbox: Sandbox, value: SecretValue) -> Self {
        let aws = Aws::start().await.unwrap();
        aws.secrets().with(|model| {
            let secret = CreateSecret { name: NAME, token: Some(CURRENT), value: Some(value), tags: BTreeMap::new() };
            model.create_secret(secret).unwrap();
            let rotation =
                RotateSecret { token: Some(PENDING), lambda_arn: Some(FUNCTION_ARN), ..RotateSecret::now(NAME) };
            model.rotate_secret(rotation).answer.unwrap();
        });
        let sandbox = sandbox.variable("AWS_ENDPOINT_URL_SECRETS_MANAGER", aws.url());
        Self { aws, sandbox }
    }

    /// Changes the secret behind the back of Secrets Manager.
    fn change<T>(&self, change: impl FnOnce(&mut Secret) -> T) -> T {
        self.aws.secrets().with(|model| change(model.secret_mut(NAME).unwrap()))
    }

    fn arn(&self) -> String {
        self.aws.secrets().with(|model| model.secret(NAME).unwrap().arn.clone())
    }

    /// The event of a step, as Secrets Manager sends it.
    fn event(&self, step: Step) -> Value {
        json!({
            "Step": step.name(),
            "SecretId": self.arn(),
            "ClientRequestToken": PENDING,
            "RotationToken": ROTATION_TOKEN,
        })
    }

    /// The labels, and the ids of the versions with a value, of every secret.
    fn state(&self) -> Vec<(String, Vec<String>, bool, Option<SystemTime>)> {
        self.aws.secrets().with(|model| {
            let versions = |secret: &Secret| {
                let deleted = secret.deleted;
                let of = |version: &fourstep::memory::SecretVersion| {
                    (version.id.clone(), version.labels.clone(), version.value.is_some(), deleted)
                };
                secret.versions.iter().map(of).collect::<Vec<_>>()
            };
            model.secrets().flat_map(versions).collect()
        })
    }

    /// Invokes with an event that is to fail, and checks what each failure has to keep: the kind is `errorType`, the
    /// message has all `parts`, there is no secret in it nor in the logs, a line and a metric tell of it, and neither
    /// labels nor values changed.
    async fn fails(&self, event: impl ToString, kind: &str, parts: &[&str]) -> Invocation {
        let before = self.state();
        let told = self.sandbox.output_objects().unwrap().len();
        let invocation = self.sandbox.invoke(event).await;
        let error = invocation.result.clone().expect_err("it fails");
        assert_eq!(error.error_type, kind, "{error}");
        for part in parts {
            assert!(error.message.contains(part), "no `{part}` in: {error}");
        }
        assert!(error.message.ends_with('.') && !error.message.contains(char::is_control), "{error}");
        no_secret_in(&error.message);
        self.tells_no_secret();
        assert_eq!(self.state(), before, "nothing was changed");
        let lines = self.sandbox.output_objects().unwrap().split_off(told);
        assert!(lines.iter().any(|line| line["level"] == "ERROR" && line["kind"] == kind), "{lines:?}");
        assert!(lines.iter().any(|line| line["_aws"].is_object() && line["Kind"] == kind), "{lines:?}");
        invocation
    }

    fn tells_no_secret(&self) {
        no_secret_in(&self.sandbox.output().unwrap());
    }
}

/// A secret that is in order, at a server that nobody may ask.
fn account() -> Value {
    json!({
        "engine": "postgres", "host": "127.0.0.1", "port": 1, "username": "app", "password": PASSWORD, "dbname": "app",
    })
}

/// Checks a text for the secrets of these tests: raw, in base64, URL-encoded, JSON-escaped, in hex.
fn no_secret_in(text: &str) {
    let filter = Filter::new();
    for secret in [PASSWORD, ROTATION_TOKEN] {
        filter.learn(&Sensitive::new(secret));
    }
    assert_eq!(filter.apply(text), text, "a secret is in it");
}
