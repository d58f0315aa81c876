use std::time::Duration;

use fourstep::{Context, Error, Login, Result, Rotator, Slots};
use minijinja::value::Serde;

use crate::secret::{Field, Secret};
use crate::service::Caller;

/// Rotates a value that is ours, and that the service stores: it replaces the old one at once.
///
/// Between setSecret and finishSecret the service refuses AWSCURRENT. HTTP offers no lock: an invocation that sleeps
/// between its last look at the labels and its request, through a whole later rotation, pushes its old value over the
/// newer one, which the next rotation mends only if a version still holds what the service accepts.
pub(super) struct Pushed(pub(super) Caller);

impl Rotator for Pushed {
    type Secret = Secret;
    const NAME: &'static str = "pushed-key";
    const SLOTS: Slots = Slots::One;

    async fn create(&self, current: &Secret, _login: &Login<'_, Secret>, cx: &Context<'_>) -> Result<Secret> {
        let provider = self.0.provider();
        current.admit(&provider.secret, cx)?;
        // What setSecret asks for is asked for too late: the value is stored by then.
        self.0.outlives_schedule(cx)?;
        self.0.lifetime_to_ask_for(cx)?;
        let value = cx.password(&provider.exclude_characters)?;
        Ok(Secret::default().with([(provider.secret.value.as_str(), value)]))
    }

    async fn set(&self, pending: &Secret, login: &Login<'_, Secret>, cx: &Context<'_>) -> Result<()> {
        let provider = self.0.provider();
        let with = self.0.acting(pending, login, cx).await?;
        self.same_place(pending, with)?;
        let mut scope = self.0.scope(pending).with("new_key", pending.key(&provider.secret)?.expose());
        if let Some(read) = &provider.read {
            let (answer, _) = self.0.perform("read", read, with, &self.0.scope(pending), cx).await?;
            scope = scope.with("found", Serde(answer.json.unwrap_or_default()));
        }
        cx.fence().await?;
        let set = provider.set.as_ref().expect("the file was checked");
        self.0.perform("set", set, with, &scope, cx).await.map(drop)
    }

    async fn probe(&self, secret: &Secret, cx: &Context<'_>) -> Result<()> {
        self.0.probe(secret, cx).await
    }

    fn activation(&self) -> Duration {
        self.0.provider().activation
    }
}

impl Pushed {
    /// Refuses to store a value elsewhere than the secret that works says.
    fn same_place(&self, pending: &Secret, working: &Secret) -> Result<()> {
        let parameters = &self.0.provider().secret.parameters;
        match parameters
            .iter()
            .find(|name| pending.field(name).map(Field::shown) != working.field(name).map(Field::shown))
        {
            None => Ok(()),
            Some(name) => Err(Error::conflict(format!(
                "field `{name}` of the pending version differs from that of the version that the service accepts"
            ))
            .next("Nothing was changed. Remove AWSPENDING from the pending version, then start the rotation again")),
        }
    }
}
