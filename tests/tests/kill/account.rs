use fourstep::memory::{CreateSecret, MemoryStore, RotateSecret, Secret, SecretValue, SecretVersion};
use fourstep::{AWSCURRENT, AWSPENDING};
use fourstep_testkit::runtime_api::FUNCTION_ARN;
use serde_json::Value;

/// A secret of an account, and its latest rotation.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    /// The name of the secret, and of the account with which it begins.
    pub(crate) name: String,
    /// The version that the rotation makes. Before the first one: the version that there is.
    pub(crate) token: String,
    /// The version that is current when the rotation begins.
    pub(crate) before: String,
}

impl Account {
    /// Creates a secret with a first value, and the tag that names a strategy, if it is to have one.
    pub(crate) fn make(name: &str, value: &Value, strategy: Option<&str>, store: &MemoryStore) -> Self {
        let first = version_id(0);
        store.with(|model| {
            let value = Some(SecretValue::text(value.to_string()));
            model.create_secret(CreateSecret { name, token: Some(&first), value, ..CreateSecret::default() }).unwrap();
            if let Some(strategy) = strategy {
                let tag = ("fourstep:strategy".to_owned(), strategy.to_owned());
                model.tag_resource(name, [tag]).unwrap();
            }
        });
        Self { name: name.to_owned(), token: first.clone(), before: first }
    }

    /// Begins a rotation, as RotateSecret does.
    pub(crate) fn begin_rotation(&mut self, store: &MemoryStore) {
        self.before = self.token.clone();
        store.with(|model| {
            let token = version_id(model.secret(&self.name).unwrap().versions.len());
            let request =
                RotateSecret { token: Some(&token), lambda_arn: Some(FUNCTION_ARN), ..RotateSecret::now(&self.name) };
            // It is refused while a rotation is not complete.
            model.rotate_secret(request).answer.unwrap();
            self.token = token;
        });
    }

    pub(crate) fn arn(&self, store: &MemoryStore) -> String {
        self.look(store, |secret| secret.arn.clone())
    }

    /// Returns the version with a label, if there is one and it has a value.
    pub(crate) fn labelled(&self, label: &str, store: &MemoryStore) -> Option<(String, Value)> {
        self.look(store, |secret| {
            secret.labelled(label).and_then(|version| Some((version.id.clone(), value(version)?)))
        })
    }

    /// Checks that the rotation is over: its version is current, and nothing is pending beside it.
    pub(crate) fn check_promoted(&self, store: &MemoryStore) {
        self.look(store, |secret| {
            assert_eq!(secret.labelled(AWSCURRENT).unwrap().id, self.token);
            let pending = secret.labelled(AWSPENDING).map_or(&self.token, |version| &version.id);
            assert_eq!(*pending, self.token, "a next rotation can begin");
        });
    }

    fn look<T>(&self, store: &MemoryStore, at: impl FnOnce(&Secret) -> T) -> T {
        store.with(|model| at(model.secret(&self.name).unwrap()))
    }
}

fn value(version: &SecretVersion) -> Option<Value> {
    Some(serde_json::from_str(version.text()?.expose()).unwrap())
}

fn version_id(number: usize) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}
