//! One secret, one service, and the engine between them, all in this process.

use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use fourstep::memory::Secret;
use fourstep::settings::Environment;
use fourstep::{AWSCURRENT, AWSPENDING, AWSPREVIOUS, Clock, Error, Filter, Result, Sensitive, Step};
use fourstep_api_key::ApiKeys;
use fourstep_test_servers::key_service::{FIRST_KEY, FIRST_VALUE, KeyService};
use fourstep_testkit::secret::RotatedSecret;
use fourstep_testkit::world;
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

/// Lets an administrator make the requests, if the secret names one.
pub(crate) const ADMIN: &str = "\n[admin]\nsecrets = [\"token\"]\nauth = { bearer = \"{{ admin.token }}\" }\n";

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

    /// Nothing that these tests ask for hangs.
    async fn until(&self, _moment: SystemTime) {
        std::future::pending::<()>().await;
    }
}

pub(crate) struct World {
    pub(crate) service: KeyService,
    pub(crate) clock: Arc<Quick>,
    /// The secret, and the engine.
    pub(crate) inner: world::World<ApiKeys>,
    _file: NamedTempFile,
}

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
        let fixed = [("KEYS_URL", url.as_str()), ("API_LOOPBACK", "on"), ("ADMIN_SECRETS", "admin")];
        let variables = fixed.iter().chain(variables).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let variables: Vec<(String, String)> = variables.collect();
        let mut file = NamedTempFile::with_suffix(".toml").unwrap();
        file.write_all(provider.as_bytes()).unwrap();
        let keys = ApiKeys::new(variables.iter().cloned().collect::<Environment>()).only(file.path(), None);
        let secret = RotatedSecret::create(&Arc::default(), "app/key", secret);
        RotatedSecret::create(&secret.store, "admin", &json!({"token": "administrators-key-1"}));
        let clock = Arc::new(Quick::default());
        let mut inner = world::World::of(keys, secret).with_clock(Arc::clone(&clock) as _);
        for (name, value) in variables {
            inner.variable(&name, value);
        }
        Self { service, clock, inner, _file: file }
    }

    /// Begins a rotation, as RotateSecret does.
    pub(crate) fn begin(&mut self) {
        self.inner.start();
    }

    pub(crate) async fn step(&self, step: Step) -> Result<()> {
        self.inner.step(step, self.token()).await.map(drop)
    }

    /// Returns the version that the rotation makes.
    pub(crate) fn token(&self) -> &str {
        &self.inner.secret.token
    }

    /// Runs the steps, as Secrets Manager does, up to the first that fails.
    pub(crate) async fn attempt(&self) -> Result<()> {
        self.inner.run(self.token()).await
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
        self.inner.secret.look(look)
    }

    pub(crate) fn labelled(&self, label: &str) -> Option<Value> {
        self.inner.labelled(label)
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
        self.inner.put(value);
    }

    pub(crate) fn is_promoted(&self) -> bool {
        self.secret(|secret| secret.labelled(AWSCURRENT).is_some_and(|version| version.id == self.token()))
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
