use std::sync::Arc;

use async_trait::async_trait;
use fourstep::memory::MemoryStore;
use fourstep::store::{Description, Put, SecretStore, StoredValue, UnlabelledVersion};
use fourstep::{Error, Result, Sensitive};

/// A store that denies access to one secret.
pub(crate) struct Denying {
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) denied: Option<String>,
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
    async fn mark(&self, secret_id: &str, label: &str, to: Option<&str>, from: Option<&str>) -> Result<()> {
        self.store.mark(secret_id, label, to, from).await
    }
    async fn unlabelled(&self, secret_id: &str) -> Result<Vec<UnlabelledVersion>> {
        self.store.unlabelled(secret_id).await
    }
}
