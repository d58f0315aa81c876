//! What the engine is given of a world: its Secrets Manager and its time.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use fourstep::memory::MemoryStore;
use fourstep::store::{Description, Put, SecretStore, StoredValue, UnlabelledVersion};
use fourstep::{Clock, Error, Result, Sensitive};

use super::{Call, Target, World};

/// The world's Secrets Manager, as the engine sees it.
pub struct WorldStore<T>(pub Arc<World<T>>);

impl<T: Target> WorldStore<T> {
    /// Lets the in-memory store answer, on the world's model.
    async fn ask<X: Send>(
        &self,
        call: Call,
        name: &'static str,
        ask: impl AsyncFnOnce(&MemoryStore) -> Result<X>,
    ) -> Result<X> {
        self.0
            .call(call, name, |state| {
                state.date();
                let store = MemoryStore::from(std::mem::take(&mut state.model));
                let answer = at_once(ask(&store));
                state.model = store.with(std::mem::take);
                state.date();
                answer
            })
            .await
            .map_err(Error::retried)
    }
}

#[async_trait]
impl<T: Target> SecretStore for WorldStore<T> {
    async fn describe(&self, secret_id: &str) -> Result<Description> {
        self.ask(Call::StoreRead, "DescribeSecret", async |store| store.describe(secret_id).await).await
    }

    async fn read(&self, secret_id: &str, version_id: &str) -> Result<Option<StoredValue>> {
        self.ask(Call::StoreRead, "GetSecretValue", async |store| store.read(secret_id, version_id).await).await
    }

    async fn put_pending(
        &self,
        secret_id: &str,
        token: &str,
        value: &Sensitive,
        rotation_token: Option<&Sensitive>,
    ) -> Result<Put> {
        let put = async |store: &MemoryStore| store.put_pending(secret_id, token, value, rotation_token).await;
        self.ask(Call::StoreWrite, "PutSecretValue", put).await
    }

    async fn promote(&self, secret_id: &str, to: &str, from: &str) -> Result<()> {
        let promote = async |store: &MemoryStore| store.promote(secret_id, to, from).await;
        self.ask(Call::StoreWrite, "UpdateSecretVersionStage", promote).await
    }

    async fn unstage(&self, secret_id: &str, version_id: &str) -> Result<()> {
        let unstage = async |store: &MemoryStore| store.unstage(secret_id, version_id).await;
        self.ask(Call::StoreWrite, "UpdateSecretVersionStage", unstage).await
    }

    async fn mark(&self, secret_id: &str, label: &str, to: Option<&str>, from: Option<&str>) -> Result<()> {
        let mark = async |store: &MemoryStore| store.mark(secret_id, label, to, from).await;
        self.ask(Call::StoreWrite, "UpdateSecretVersionStage", mark).await
    }

    async fn unlabelled(&self, secret_id: &str) -> Result<Vec<UnlabelledVersion>> {
        self.ask(Call::StoreRead, "ListSecretVersionIds", async |store| store.unlabelled(secret_id).await).await
    }
}

/// A future that only asks the in-memory store never waits.
pub fn at_once<X>(future: impl Future<Output = X>) -> X {
    match std::pin::pin!(future).poll(&mut Context::from_waker(std::task::Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("the in-memory store never waits"),
    }
}

/// The world's time: waiting passes it at once.
pub struct WorldClock<T>(pub Arc<World<T>>);

#[async_trait]
impl<T: Target> Clock for WorldClock<T> {
    fn now(&self) -> SystemTime {
        self.0.state().now
    }

    async fn sleep(&self, duration: Duration) {
        self.0.state().now += duration;
    }

    /// Nothing in this world hangs: an invocation that does not go on crashed.
    async fn until(&self, _moment: SystemTime) {
        std::future::pending::<()>().await;
    }
}
