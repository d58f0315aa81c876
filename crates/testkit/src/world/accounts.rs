use std::sync::Arc;

use fourstep::memory::{Model, PutSecretValue};
use fourstep::{Rotation, Sensitive};
use serde_json::Value;

use super::World;
use crate::secret::RotatedSecret;

/// The name of the administrator's secret.
const ADMIN: &str = "admin";

/// What secrets with a user name and a password have beside.
impl<R: Rotation> World<R> {
    /// Creates a world with a secret that two accounts take turns in, and the administrator's secret, which the function's
    /// owner lists.
    #[must_use]
    pub fn alternating(rotation: R, secret: &Value, admin: &Value) -> Self {
        let store = Arc::default();
        let admin = RotatedSecret::create(&store, ADMIN, admin);
        let mut value = secret.clone();
        value["masterarn"] = admin.arn().into();
        let mut world = Self::of(rotation, RotatedSecret::create(&store, super::SECRET, &value));
        world.variable("ADMIN_SECRETS", admin.arn());
        world.tag("fourstep:strategy", "alternating-users");
        world
    }

    /// Stores a value as AWSCURRENT of the administrator's secret.
    pub fn put_admin(&self, secret: &Value) {
        let put = PutSecretValue::current(ADMIN, secret.to_string());
        self.secret.store.with(|model| model.put_secret_value(put)).unwrap();
    }

    /// Returns all passwords that are secret now: of every version of every secret.
    pub fn passwords(&self) -> Vec<Sensitive> {
        let password = |text: &Sensitive| {
            let value: Value = serde_json::from_str(text.expose()).unwrap();
            value["password"].as_str().map(Sensitive::new)
        };
        self.secret.store.with(|model: &mut Model| {
            let versions = model.secrets().flat_map(|secret| &secret.versions);
            versions.filter_map(|version| password(version.text()?)).collect()
        })
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
}
