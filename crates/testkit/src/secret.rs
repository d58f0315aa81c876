//! A secret in a store, and what Secrets Manager and the secret's owner do to it.
#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "what tests call is a test too, and panics where the test is to fail"
)]

use std::sync::Arc;

use fourstep::memory::{
    CreateSecret, MemoryStore, PutSecretValue, RotateSecret, Secret, SecretValue, UpdateSecretVersionStage,
};
use fourstep::{AWSCURRENT, AWSPENDING, AWSPREVIOUS};
use serde_json::Value;

use crate::runtime_api::FUNCTION_ARN;

/// A secret, and its latest rotation. A copy is the same secret.
#[derive(Clone, Debug)]
pub struct RotatedSecret {
    /// Where the secret is.
    pub store: Arc<MemoryStore>,
    name: String,
    /// The version that the latest rotation makes. Before the first one: the version that there is.
    pub token: String,
    /// The version that was current when that rotation began.
    pub before: String,
    rotations: usize,
}

impl RotatedSecret {
    /// Creates a secret with a first value.
    pub fn create(store: &Arc<MemoryStore>, name: &str, value: &Value) -> Self {
        let first = version_id(0);
        store.with(|model| {
            let value = Some(SecretValue::text(value.to_string()));
            model.create_secret(CreateSecret { name, token: Some(&first), value, ..CreateSecret::default() }).unwrap();
        });
        Self { store: Arc::clone(store), name: name.to_owned(), token: first.clone(), before: first, rotations: 0 }
    }

    /// Returns the same secret in a copy of the store, in which nothing that happens here happens.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self { store: Arc::new(MemoryStore::from(self.store.snapshot())), ..self.clone() }
    }

    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the ARN.
    #[must_use]
    pub fn arn(&self) -> String {
        self.look(|secret| secret.arn.clone())
    }

    /// Looks at the secret as the store has it, or changes it behind the back of Secrets Manager.
    pub fn look<T>(&self, look: impl FnOnce(&mut Secret) -> T) -> T {
        self.store.with(|model| look(model.secret_mut(&self.name).unwrap()))
    }

    /// Begins a rotation as RotateSecret does, and returns its token. It is refused while another one is not complete.
    pub fn begin(&mut self) -> String {
        let token = version_id(self.rotations + 1);
        let request =
            RotateSecret { token: Some(&token), lambda_arn: Some(FUNCTION_ARN), ..RotateSecret::now(&self.name) };
        self.store.with(|model| model.rotate_secret(request)).answer.unwrap();
        self.rotations += 1;
        self.before = std::mem::replace(&mut self.token, token.clone());
        token
    }

    /// Abandons a rotation as an operator does: removes AWSPENDING.
    pub fn abandon(&self, token: &str) {
        let (secret_id, stage) = (self.name.as_str(), AWSPENDING);
        let request = UpdateSecretVersionStage { secret_id, stage, move_to: None, remove_from: Some(token) };
        self.store.with(|model| model.update_secret_version_stage(request)).unwrap();
    }

    /// Stores a value as AWSCURRENT, as a human does.
    pub fn put(&self, value: &Value) {
        let put = PutSecretValue::current(&self.name, value.to_string());
        self.store.with(|model| model.put_secret_value(put)).unwrap();
    }

    /// Sets a tag.
    pub fn tag(&self, key: &str, value: &str) {
        self.store.with(|model| model.tag_resource(&self.name, [(key.to_owned(), value.to_owned())])).unwrap();
    }

    /// Returns the id of the version with a label, which need not have a value.
    #[must_use]
    pub fn id(&self, label: &str) -> Option<String> {
        self.look(|secret| Some(secret.labelled(label)?.id.clone()))
    }

    /// Returns the value of the version with a label. `None`: there is none, or it has no value yet.
    #[must_use]
    pub fn labelled(&self, label: &str) -> Option<Value> {
        self.look(|secret| Some(serde_json::from_str(secret.labelled(label)?.text()?.expose()).unwrap()))
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

    /// Checks that the rotation is over: its version is current, and nothing is pending beside it.
    pub fn check_promoted(&self) {
        assert_eq!(self.id(AWSCURRENT).as_ref(), Some(&self.token), "the rotation's version is current");
        let pending = self.id(AWSPENDING);
        assert!(pending.is_none_or(|pending| pending == self.token), "a next rotation can begin");
    }
}

fn version_id(number: usize) -> String {
    // The store itself makes ids with an 8 here.
    format!("00000000-0000-4000-9000-{number:012}")
}
