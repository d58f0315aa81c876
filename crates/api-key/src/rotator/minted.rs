use std::time::Duration;

use fourstep::keys::{Key, KeyName, Keys, Mint};
use fourstep::{Context, ErrorKind, Login, Result, Sensitive};

use crate::error::Verdict;
use crate::secret::Secret;
use crate::service::Caller;

/// The keys of a service that makes them itself. When each may go is the business of [`fourstep::keys::Minted`].
pub(super) struct ProviderKeys(pub(super) Caller);

impl Keys for ProviderKeys {
    type Secret = Secret;

    fn id(&self, secret: &Secret) -> Option<String> {
        let field = self.0.provider().secret.id.as_ref()?;
        secret.text(field).map(|id| id.expose().to_owned())
    }

    fn value(&self, secret: &Secret) -> Option<Sensitive> {
        secret.text(&self.0.provider().secret.value)
    }

    async fn acting<'s>(
        &self,
        current: &'s Secret,
        login: &'s Login<'_, Secret>,
        cx: &Context<'_>,
    ) -> Result<&'s Secret> {
        self.0.acting(current, login, cx).await
    }

    async fn owns(&self, _gone: &Secret, cx: &Context<'_>) -> Result<bool> {
        self.0.owns(cx).await
    }

    async fn own_id(&self, gone: &Secret, cx: &Context<'_>) -> Result<Option<String>> {
        self.0.own_id(gone, cx).await
    }

    fn activation(&self) -> Duration {
        self.0.provider().activation
    }

    async fn list(&self, with: &Secret, cx: &Context<'_>) -> Result<Option<Vec<Key>>> {
        self.0.list(with, cx).await
    }

    async fn mint(&self, name: &KeyName, with: &Secret, cx: &Context<'_>) -> Result<Mint<Secret>> {
        let create = self.0.provider().create.as_ref().expect("the file was checked");
        if self.0.provider().list.as_ref().is_some_and(|list| !list.answer.tells_keys_apart()) {
            tracing::warn!(
                "the service's list shows neither names nor times: a key whose value was lost on the way stays there unnoticed"
            );
        }
        let name = name.to_string();
        let scope = self.0.scope_to_make(with, &name, cx)?.with("name", name.as_str());
        let (answer, verdict) = self.0.perform("create", create, with, &scope, cx).await?;
        if verdict == Verdict::LimitReached {
            return Ok(Mint::LimitReached);
        }
        match self.0.made("create", create, &answer, cx) {
            Ok(secret) => Ok(Mint::Made(secret)),
            Err(error) => {
                // Nobody can store it. Where the answer does not tell its id either, its name tells the next rotation.
                let id = create.answer.id.as_deref().and_then(|pointer| answer.json.as_ref()?.pointer(pointer));
                let id = id.and_then(|id| id.as_str().map(str::to_owned).or_else(|| Some(id.as_u64()?.to_string())));
                if let Some(id) = id
                    && let Err(error) = self.delete(&id, with, cx).await
                {
                    tracing::warn!(kind = error.kind().name(), reason = %error, "a key that cannot be stored could not be removed yet");
                }
                Err(error)
            }
        }
    }

    async fn delete(&self, id: &str, with: &Secret, cx: &Context<'_>) -> Result<()> {
        let scope = self.0.scope(with).with("id", id);
        let disabled = match &self.0.provider().disable {
            None => Ok(()),
            Some(disable) => self.0.perform("disable", disable, with, &scope, cx).await.map(drop),
        };
        // A key that an earlier attempt disabled may not be disabled again. Whether it goes all the same is seen by `revoke`.
        let disabled = match disabled {
            Err(error) if error.kind() == ErrorKind::Unavailable => return Err(error),
            disabled => disabled,
        };
        let revoke = self.0.provider().revoke.as_ref().expect("the file was checked");
        let revoked = self.0.perform("revoke", revoke, with, &scope, cx).await.map(drop);
        if let (Err(error), Err(_)) = (&disabled, &revoked) {
            tracing::warn!(id, kind = error.kind().name(), reason = %error, "the key could not be disabled before");
        }
        revoked
    }

    fn can_be_tried(&self, secret: &Secret) -> bool {
        self.0.can_be_tried(secret)
    }

    fn ends_in_stages(&self) -> bool {
        self.0.provider().disable.is_some()
    }

    async fn probe(&self, secret: &Secret, cx: &Context<'_>) -> Result<()> {
        self.0.probe(secret, cx).await
    }
}
