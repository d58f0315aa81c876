use std::time::Duration;

use crate::context::Context;
use crate::error::{Error, Result};
use crate::keep::Keep;
use crate::keys::going::{going, lost};
use crate::keys::{Key, KeyName, Keys, Mint};
use crate::login::Login;
use crate::rotator::Rotator;
use crate::settings::Groups;
use crate::slots::Slots;
use crate::store::{AWSCURRENT, AWSPREVIOUS};

/// Rotates keys that the service makes: mint, store, and refuse the old one later.
///
/// Each key is named after the version that it is made for, so that a key whose value was never stored is found and
/// deleted. HTTP services offer no lock: an invocation that sleeps through a whole later rotation may leave a key
/// behind, or end in a `Conflict`, but never takes AWSCURRENT's key away.
///
/// Where the service does not list its keys, or its list does not show one that an older version names, that key is deleted by its
/// id: only where a list that shows AWSCURRENT's key lacks it, and the service refuses the version, it is gone. A key whose value
/// was lost on the way stays where there is no list, and nobody knows of it. Where the list shows no names but when each key was
/// made, each rotation's log names those that may have been lost: they are younger than the secret's oldest version, and no
/// version names them. It also names what only a person can set right: a key that works and whose id no version says, and one
/// beside the id of another. It does so while it reads the version that holds that key: as AWSCURRENT, as AWSPREVIOUS, and as one
/// of the three youngest without a label. After that nobody knows of it.
#[derive(Clone, Copy, Debug)]
pub struct Minted<K>(pub K);

impl<K: Keys> Rotator for Minted<K> {
    type Secret = K::Secret;
    const NAME: &'static str = "minted-key";
    const SLOTS: Slots = Slots::Many;

    fn settings() -> Groups {
        K::settings()
    }

    async fn create(
        &self,
        current: &K::Secret,
        login: &Login<'_, Self::Secret>,
        cx: &Context<'_>,
    ) -> Result<K::Secret> {
        let with = self.0.acting(current, login, cx).await?;
        let mut young = None;
        let mut next = KeyName::new(cx);
        let listed = self.listed(with, cx).await?;
        for (key, name) in listed.iter().filter_map(|key| Some((key, KeyName::parse(&key.name, cx)?))) {
            if name.token() != cx.token() {
                continue;
            }
            // Its maker may be about to store it: only after the maker's deadline is it certain that nobody will.
            if name.deadline() >= cx.now() {
                // Two names that are the same would make the service refuse one, or nobody tell whose key it is.
                next = next.unlike(&name);
                young = Some(name);
                continue;
            }
            cx.fence().await?;
            if cx.pending_is_stored().await? {
                return Err(Error::unavailable("another invocation stored the pending version meanwhile"));
            }
            self.0.delete(&key.id, with, cx).await?;
        }
        match self.0.mint(&next, with, cx).await? {
            Mint::Made(secret) => Ok(secret),
            Mint::LimitReached => Err(match young {
                Some(name) => Error::unavailable(format!(
                    "the service allows no more keys, and one of them, `{name}`, may still be stored by another invocation"
                ))
                .next("Secrets Manager tries again by itself; the key is deleted when its time is over"),
                // What makes room needs AWSCURRENT's word for what may go.
                None if cx.id_of(AWSCURRENT).is_some_and(|current| cx.has_refused(&current)) => {
                    let secret = cx.secret_argument();
                    Error::conflict("the service allows no more keys, and refuses AWSCURRENT, so that none of the others may be deleted")
                        .next(format!("Let the version that works be AWSCURRENT first: fourstep cancel {secret}, then fourstep recover {secret}, then fourstep start {secret}"))
                }
                None => {
                    let unnamed = self.unnamed(current, &listed, cx).await?;
                    Error::conflict("the service allows no more keys, and none that is left is known to be unused")
                        .next(format!("Look at the service's list of keys and delete one that nobody uses{unnamed}, then start the rotation again"))
                }
            }),
        }
    }

    async fn set(&self, _pending: &K::Secret, _login: &Login<'_, Self::Secret>, _cx: &Context<'_>) -> Result<()> {
        // The service accepts the key since it made it.
        Ok(())
    }

    async fn probe(&self, secret: &K::Secret, cx: &Context<'_>) -> Result<()> {
        self.0.probe(secret, cx).await
    }

    fn activation(&self) -> Duration {
        self.0.activation()
    }

    async fn test(&self, pending: &K::Secret, _login: &Login<'_, Self::Secret>, cx: &Context<'_>) -> Result<()> {
        cx.until_active(self.activation(), || self.0.probe(pending, cx)).await.map_err(|error| {
            if error.is_rejected() {
                // Nothing can make a dead key live again, and the version keeps its value for ever.
                return Error::conflict("the service refuses the key of the pending version")
                    .next("Remove AWSPENDING from that version, then start the rotation again: it mints a new key");
            }
            error
        })
    }

    async fn retire(
        &self,
        keep: &Keep<'_, K::Secret>,
        login: &Login<'_, Self::Secret>,
        cx: &Context<'_>,
    ) -> Result<()> {
        let current = cx.current::<K::Secret>().await?;
        let with = self.0.acting(current.secret(), login, cx).await?;
        let going = going(&self.0, keep, with, cx).await?;
        if going.is_empty() {
            return Ok(());
        }
        cx.fence().await?;
        // A service that gives no answer for one is not waited for once more for each of the others.
        let mut repeats = true;
        for key in going {
            repeats &= key.delete(&self.0, with, keep.pass, repeats, cx).await?;
        }
        Ok(())
    }
}

impl<K: Keys> Minted<K> {
    /// Lists the keys of the account.
    async fn listed(&self, with: &K::Secret, cx: &Context<'_>) -> Result<Vec<Key>> {
        let listed = self.0.list(with, cx).await?;
        if listed.is_none() {
            tracing::warn!(
                "the service cannot list its keys: one whose value was lost on the way stays there unnoticed"
            );
        }
        Ok(listed.unwrap_or_default())
    }

    /// Names, for an error, the keys that a lost answer may have left where a list shows no names.
    async fn unnamed(&self, current: &K::Secret, listed: &[Key], cx: &Context<'_>) -> Result<String> {
        if listed.iter().all(|key| key.created.is_none()) {
            return Ok(String::new());
        }
        let previous = cx.older::<K::Secret>(AWSPREVIOUS).await?;
        let (abandoned, since) = cx.left_behind::<K::Secret>().await?;
        let older = previous.iter().chain(&abandoned).map(|version| version.secret());
        let lost = lost(&self.0, std::iter::once(current).chain(older), since, Some(listed), cx).await?;
        Ok(lost.map_or_else(String::new, |lost| {
            format!(", such as {lost}, which no version of this secret names (look at the last use of each before)")
        }))
    }
}
