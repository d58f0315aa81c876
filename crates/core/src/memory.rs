//! Secrets Manager in memory, with its rules about versions and labels.
//!
//! [`Model`] is the service: plain, synchronous, cheap to copy. [`MemoryStore`] is a [`SecretStore`] on it, and the
//! testkit's HTTP emulation wraps the same model. What is here follows the API reference of Secrets Manager, and where
//! that is silent, it does what is harder on a caller and says so.

mod exception;
#[cfg(test)]
mod fixture;
mod lifecycle;
mod model;
mod put;
mod rotation;
mod secret;
mod servers;
mod stage;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::sensitive::Sensitive;
use crate::store::{AWSPENDING, Description, Put, SecretStore, StoredContent, StoredValue, UnlabelledVersion};

pub use exception::{Exception, ExceptionName};
pub use lifecycle::CreateSecret;
pub use model::Model;
pub use put::PutSecretValue;
pub use rotation::{RotateSecret, Rotated, Run};
pub use secret::{RotationConfiguration, Secret, SecretValue, SecretVersion};
pub use servers::MemoryServers;
pub use stage::UpdateSecretVersionStage;

/// A [`SecretStore`] in memory that keeps Secrets Manager's rules about labels.
///
/// It is for tests: of rotators, of the engine, and of all possible schedules of faults. What a human or Secrets
/// Manager itself does to a secret is done through [`with`](Self::with):
///
/// ```
/// use fourstep::memory::{MemoryStore, PutSecretValue, RotateSecret};
///
/// let store = MemoryStore::with_secret("app", r#"{"password":"old"}"#);
/// store.with(|model| {
///     let token = model.rotate_secret(RotateSecret { lambda_arn: Some("arn:…"), ..RotateSecret::now("app") }).answer?;
///     model.put_secret_value(PutSecretValue::pending("app", &token, r#"{"password":"new"}"#))
/// })?;
/// # Ok::<(), fourstep::memory::Exception>(())
/// ```
#[derive(Default)]
pub struct MemoryStore {
    model: Mutex<Model>,
}

impl MemoryStore {
    /// Creates a store without secrets.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a store without secrets that takes the time from `clock`.
    #[must_use]
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self::from(Model::new(clock))
    }

    /// Creates a store with one secret, whose current version has `value`.
    ///
    /// # Panics
    ///
    /// If Secrets Manager would refuse the name or the value.
    #[must_use]
    pub fn with_secret(name: &str, value: impl Into<String>) -> Self {
        let mut model = Model::default();
        let request = CreateSecret { name, value: Some(SecretValue::text(value)), ..CreateSecret::default() };
        if let Err(exception) = model.create_secret(request) {
            panic!("the secret {name} cannot be made: {exception}");
        }
        Self::from(model)
    }

    /// Lets `act` see and change the model: to look at labels and values, and to act as a human does.
    pub fn with<T>(&self, act: impl FnOnce(&mut Model) -> T) -> T {
        act(&mut self.model.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Copies the model as it is now.
    #[must_use]
    pub fn snapshot(&self) -> Model {
        self.with(|model| model.clone())
    }
}

impl From<Model> for MemoryStore {
    fn from(model: Model) -> Self {
        Self { model: Mutex::new(model) }
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with(|model| model.fmt(f))
    }
}

#[async_trait]
impl SecretStore for MemoryStore {
    async fn describe(&self, secret_id: &str) -> Result<Description> {
        self.with(|model| model.describe_secret(secret_id).map(Secret::description))
            .map_err(|exception| error(secret_id, exception))
    }

    async fn read(&self, secret_id: &str, version_id: &str) -> Result<Option<StoredValue>> {
        self.with(|model| {
            let secret = model.describe_secret(secret_id)?;
            if secret.version(version_id).is_none_or(|version| version.value.is_none()) && secret.deleted.is_none() {
                return Ok(None);
            }
            let (version, value) = model.get_secret_value(secret_id, Some(version_id), None)?;
            let content = match value {
                SecretValue::Text(text) => StoredContent::Text(text.clone()),
                SecretValue::Binary(_) => StoredContent::Binary,
            };
            Ok(Some(StoredValue { content, created: version.created }))
        })
        .map_err(|exception| error(secret_id, exception))
    }

    async fn put_pending(
        &self,
        secret_id: &str,
        token: &str,
        value: &Sensitive,
        rotation_token: Option<&Sensitive>,
    ) -> Result<Put> {
        let request = PutSecretValue {
            secret_id,
            token: Some(token),
            value: SecretValue::Text(value.clone()),
            stages: &[AWSPENDING],
            rotation_token: rotation_token.is_some(),
        };
        match self.with(|model| model.put_secret_value(request)) {
            Ok(_) => Ok(Put::Stored),
            Err(exception) if exception.name == ExceptionName::ResourceExists => Ok(Put::OtherValueStored),
            Err(exception) => Err(error(secret_id, exception)),
        }
    }

    async fn promote(&self, secret_id: &str, to: &str, from: &str) -> Result<()> {
        let request = UpdateSecretVersionStage::promotion(secret_id, to, from);
        self.with(|model| model.update_secret_version_stage(request)).map_err(|exception| match exception.name {
            // The label was not on `from`: the compare-and-swap was lost.
            ExceptionName::InvalidParameter => {
                Error::conflict(format!("AWSCURRENT of secret `{secret_id}` is not on version {from} any more"))
                    .source(exception)
            }
            _ => error(secret_id, exception),
        })
    }

    async fn unstage(&self, secret_id: &str, version_id: &str) -> Result<()> {
        let request = UpdateSecretVersionStage::removal(secret_id, AWSPENDING, version_id);
        self.with(|model| model.update_secret_version_stage(request)).map_err(|exception| error(secret_id, exception))
    }

    async fn mark(&self, secret_id: &str, label: &str, to: Option<&str>, from: Option<&str>) -> Result<()> {
        let request = UpdateSecretVersionStage { secret_id, stage: label, move_to: to, remove_from: from };
        self.with(|model| model.update_secret_version_stage(request)).map_err(|exception| error(secret_id, exception))
    }

    async fn unlabelled(&self, secret_id: &str) -> Result<Vec<UnlabelledVersion>> {
        self.with(|model| {
            let secret = model.describe_secret(secret_id)?;
            let versions = secret.unlabelled();
            Ok(versions.map(|version| UnlabelledVersion { id: version.id.clone(), created: version.created }).collect())
        })
        .map_err(|exception| error(secret_id, exception))
    }
}

/// Explains what a refusal means. All of them are about the request or the state of the secret: nothing to retry.
fn error(secret_id: &str, exception: Exception) -> Error {
    match exception.name {
        ExceptionName::ResourceNotFound
        | ExceptionName::InvalidParameter
        | ExceptionName::InvalidRequest
        | ExceptionName::LimitExceeded => {
            Error::invalid(format!("Secrets Manager refused the call on secret `{secret_id}`: {exception}"))
        }
        ExceptionName::ResourceExists => {
            Error::conflict(format!("secret `{secret_id}` has this version already: {exception}"))
        }
    }
    .source(exception)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::store::AWSCURRENT;

    const TOKEN: &str = "t2t2t2t2t2t2t2t2t2t2t2t2t2t2t2t2";

    fn rotating() -> (MemoryStore, String) {
        let store = MemoryStore::with_secret("app", "old");
        let current = store.with(|model| {
            let request =
                RotateSecret { token: Some(TOKEN), lambda_arn: Some("arn:lambda"), ..RotateSecret::now("app") };
            model.rotate_secret(request).answer.unwrap();
            model.secret("app").unwrap().labelled(AWSCURRENT).unwrap().id.clone()
        });
        (store, current)
    }

    #[tokio::test]
    async fn carries_a_rotation() {
        let (store, current) = rotating();
        assert!(store.read("app", TOKEN).await.unwrap().is_none(), "an empty pending version");
        let new = Sensitive::new("new");
        assert_eq!(store.put_pending("app", TOKEN, &new, None).await.unwrap(), Put::Stored);
        assert_eq!(store.put_pending("app", TOKEN, &new, None).await.unwrap(), Put::Stored);
        let other = Sensitive::new("other");
        assert_eq!(store.put_pending("app", TOKEN, &other, None).await.unwrap(), Put::OtherValueStored);
        assert_eq!(store.read("app", TOKEN).await.unwrap().unwrap().content, StoredContent::Text(new));
        store.promote("app", TOKEN, &current).await.unwrap();
        let description = store.describe("app").await.unwrap();
        assert_eq!(description.version_with(AWSCURRENT), Some(TOKEN));
        assert_eq!(description.labels_of(&current), [crate::store::AWSPREVIOUS]);
        assert!(store.unlabelled("app").await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_lost_compare_and_swap_is_a_conflict() {
        let (store, current) = rotating();
        store.with(|model| model.put_secret_value(PutSecretValue::current("app", "human"))).unwrap();
        let lost = store.promote("app", TOKEN, &current).await.unwrap_err();
        assert_eq!(lost.kind(), ErrorKind::Conflict);
        assert_eq!(store.unlabelled("app").await.unwrap()[0].id, TOKEN);
    }

    #[tokio::test]
    async fn an_absent_or_deleted_secret_is_invalid() {
        let (store, current) = rotating();
        assert_eq!(store.describe("none").await.unwrap_err().kind(), ErrorKind::Invalid);
        assert_eq!(store.read("none", TOKEN).await.unwrap_err().kind(), ErrorKind::Invalid);
        store.with(|model| model.delete_secret("app", None)).unwrap();
        assert!(store.describe("app").await.unwrap().deleted.is_some());
        for version in [TOKEN, &current] {
            assert_eq!(store.read("app", version).await.unwrap_err().kind(), ErrorKind::Invalid);
        }
        let put = store.put_pending("app", TOKEN, &Sensitive::new("x"), None).await;
        assert_eq!(put.unwrap_err().kind(), ErrorKind::Invalid);
        assert_eq!(store.promote("app", TOKEN, &current).await.unwrap_err().kind(), ErrorKind::Invalid);
    }

    #[tokio::test]
    async fn bytes_are_told_from_text() {
        let store = MemoryStore::new();
        let value = Some(SecretValue::Binary("AAE=".to_owned().into()));
        store
            .with(|model| {
                let request = CreateSecret { name: "app", token: Some(TOKEN), value, ..CreateSecret::default() };
                model.create_secret(request).map(|_| ())
            })
            .unwrap();
        assert_eq!(store.read("app", TOKEN).await.unwrap().unwrap().content, StoredContent::Binary);
    }

    #[test]
    fn a_snapshot_is_a_store_of_its_own() {
        let store = MemoryStore::with_secret("app", "old");
        let copy = MemoryStore::from(store.snapshot());
        copy.with(|model| model.put_secret_value(PutSecretValue::current("app", "new"))).unwrap();
        assert_eq!(store.with(|model| model.secret("app").unwrap().versions.len()), 1);
    }
}
