//! One secret, one service, and the engine between them, all in this process.

use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use fourstep::memory::{CreateSecret, RotateSecret, Secret, SecretValue};
use fourstep::{
    AWSCURRENT, AWSPENDING, AWSPREVIOUS, Clock, Engine, Environment, Error, Filter, MemoryStore, Result, Sensitive,
    Step, StepEvent,
};
use fourstep_api_key::ApiKeys;
use fourstep_servers::key_service::{FIRST_KEY, FIRST_VALUE, KeyService};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

pub(crate) const MINTED: &str = r#"
service = "Keys"
kind = "minted"
base_url = "{{ env.KEYS_URL }}"
timeout = "2s"
secret = { value = "key", id = "key_id", parameters = ["note"] }
auth = { bearer = "{{ key }}" }

[create]
method = "POST"
path = "/keys"
json = { name = "{{ name }}" }
answers = [{ status = 422, pointer = "/code", equals = "limit", means = "limit-reached" }]
answer = { value = "/key", id = "/id", expires = "/expires_at" }

[list]
method = "GET"
path = "/keys"
answer = { keys = "/keys", id = "/id", name = "/name", where = { "/alive" = true } }
pages = { parameter = "page", size = 100 }

[revoke]
method = "DELETE"
path = "/keys/{{ id }}"

[test]
method = "GET"
path = "/me"
"#;

pub(crate) const PUSHED: &str = r#"
service = "Values"
kind = "pushed"
base_url = "{{ env.KEYS_URL }}"
timeout = "2s"
exclude_characters = "\"\\"
secret = { value = "key" }
auth = { bearer = "{{ key }}" }
set = { method = "PUT", path = "/value", json = { value = "{{ new_key }}" } }
test = { method = "GET", path = "/me" }
"#;

pub(crate) const ROLLED: &str = r#"
service = "Values"
kind = "rolled"
loss_possible = true
base_url = "{{ env.KEYS_URL }}"
timeout = "2s"
secret = { value = "key" }
auth = { bearer = "{{ key }}" }
roll = { method = "POST", path = "/roll", answer = { value = "/value" } }
test = { method = "GET", path = "/me" }
"#;

/// A clock whose waits pass at once, so that only the service takes real time.
#[derive(Default)]
pub(crate) struct Quick(Mutex<Duration>);

#[async_trait]
impl Clock for Quick {
    fn now(&self) -> SystemTime {
        SystemTime::now() + *self.0.lock().unwrap()
    }

    async fn sleep(&self, duration: Duration) {
        *self.0.lock().unwrap() += duration;
        // So that a key that is active after a moment becomes so.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) struct World {
    pub(crate) service: KeyService,
    pub(crate) engine: Engine,
    pub(crate) keys: ApiKeys,
    pub(crate) clock: Arc<Quick>,
    store: Arc<MemoryStore>,
    /// The version that the rotation makes.
    pub(crate) token: String,
    pub(crate) limit: Duration,
    _file: NamedTempFile,
}

pub(crate) const NAME: &str = "app/key";

impl World {
    /// Begins with the provider file of a kind, and the secret that opens the service.
    pub(crate) async fn new(provider: &str) -> Self {
        let secret = if provider.contains("kind = \"minted\"") {
            json!({"key": FIRST_KEY, "key_id": "key-0", "note": "kept"})
        } else {
            json!({"key": FIRST_VALUE, "note": "kept"})
        };
        Self::with(provider, &secret, &[]).await
    }

    pub(crate) async fn with(provider: &str, secret: &Value, variables: &[(&str, &str)]) -> Self {
        let service = KeyService::start().await.unwrap();
        let url = service.url().to_owned();
        let fixed = [("KEYS_URL", url.as_str()), ("API_LOOPBACK", "on")];
        let variables = fixed.iter().chain(variables).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let environment: Environment = variables.collect();
        let mut file = NamedTempFile::with_suffix(".toml").unwrap();
        file.write_all(provider.as_bytes()).unwrap();
        let store = Arc::new(MemoryStore::default());
        store.with(|model| {
            for (name, value) in [(NAME, secret.clone()), ("admin", json!({"token": "administrators-key-1"}))] {
                let value = Some(SecretValue::text(value.to_string()));
                model.create_secret(CreateSecret { name, value, ..CreateSecret::default() }).unwrap();
            }
        });
        let clock = Arc::new(Quick::default());
        let engine = Engine::new(Arc::clone(&store) as _, environment.clone()).with_clock(Arc::clone(&clock) as _);
        let keys = ApiKeys::new(environment).only(file.path(), None);
        let limit = Duration::from_secs(30);
        Self { service, engine, keys, clock, store, token: String::new(), limit, _file: file }
    }

    /// Begins a rotation, as RotateSecret does.
    pub(crate) fn begin(&mut self) {
        let token = format!("11111111-1111-4111-8111-{:012}", self.secret(|secret| secret.versions.len()));
        self.store.with(|model| {
            let request =
                RotateSecret { token: Some(&token), lambda_arn: Some("arn:lambda"), ..RotateSecret::now(NAME) };
            model.rotate_secret(request).answer.unwrap();
        });
        self.token = token;
    }

    pub(crate) async fn step(&self, step: Step) -> Result<()> {
        let arn = self.secret(|secret| secret.arn.clone());
        let event = StepEvent { step, secret_id: arn, token: self.token.clone(), rotation_token: None };
        let report = self.engine.run(&self.keys, &event, self.clock.now() + self.limit).await;
        report.result.map(drop)
    }

    /// Runs the steps, as Secrets Manager does, up to the first that fails.
    pub(crate) async fn attempt(&self) -> Result<()> {
        for step in Step::ALL {
            self.step(step).await?;
        }
        Ok(())
    }

    pub(crate) async fn rotate(&mut self) {
        self.begin();
        self.attempt().await.unwrap();
    }

    /// Lets the time pass after which nobody stores a key any more.
    pub(crate) async fn pass(&self, time: Duration) {
        self.clock.sleep(time).await;
    }

    pub(crate) fn secret<T>(&self, look: impl FnOnce(&mut Secret) -> T) -> T {
        self.store.with(|model| look(model.secret_mut(NAME).unwrap()))
    }

    pub(crate) fn labelled(&self, label: &str) -> Option<Value> {
        self.secret(|secret| {
            let text = secret.labelled(label)?.text()?.expose().to_owned();
            Some(serde_json::from_str(&text).unwrap())
        })
    }

    pub(crate) fn field(&self, label: &str, field: &str) -> Option<String> {
        Some(self.labelled(label)?[field].as_str()?.to_owned())
    }

    /// Returns whether the service accepts what the version with a label holds. Asks nobody.
    pub(crate) fn opens(&self, label: &str) -> bool {
        let state = self.service.state();
        self.field(label, "key").is_some_and(|key| state.value == key || state.accepts(&key))
    }

    pub(crate) fn put_by_hand(&self, value: &Value) {
        self.store.with(|model| {
            let put = fourstep::memory::PutSecretValue::current(NAME, value.to_string());
            model.put_secret_value(put).unwrap();
        });
    }

    pub(crate) fn is_promoted(&self) -> bool {
        self.secret(|secret| secret.labelled(AWSCURRENT).is_some_and(|version| version.id == self.token))
    }

    /// Checks the end of a rotation of minted keys: the service holds the keys of AWSCURRENT and AWSPREVIOUS, and no
    /// other.
    pub(crate) fn holds_two_keys(&self, what: &str) {
        let mut expected: Vec<_> = [AWSCURRENT, AWSPREVIOUS].map(|label| self.field(label, "key").unwrap()).to_vec();
        let mut found: Vec<_> = self.service.state().keys.iter().map(|key| key.value.clone()).collect();
        expected.sort();
        found.sort();
        assert_eq!(found, expected, "{what}");
    }

    /// Checks that a text holds no key that ever was.
    pub(crate) fn assert_clean(&self, text: &str) {
        let filter = Filter::new();
        let texts = self.secret(|secret| {
            let texts = secret.versions.iter().filter_map(|version| version.text());
            texts.map(|text| text.expose().to_owned()).collect::<Vec<_>>()
        });
        for text in texts {
            let value: Value = serde_json::from_str(&text).unwrap();
            filter.learn(&Sensitive::new(value["key"].as_str().unwrap_or_default()));
        }
        assert_eq!(filter.apply(text), text);
    }

    pub(crate) async fn fails(&self, step: Step) -> Error {
        let error = self.step(step).await.unwrap_err();
        self.assert_clean(&format!("{error} {error:?}"));
        error
    }

    /// Describes what is pending, for messages of failed checks.
    pub(crate) fn has_pending_value(&self) -> bool {
        self.labelled(AWSPENDING).is_some()
    }
}
