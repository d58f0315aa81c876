use std::time::Duration;

use crate::context::Context;
use crate::error::{Error, Result};
use crate::keep::{Keep, Strays};
use crate::keys::{Key, KeyName, Keys, Mint};
use crate::login::Login;
use crate::rotator::Rotator;
use crate::settings::Groups;
use crate::slots::Slots;
use crate::store::AWSCURRENT;

/// Rotates keys that the service makes: mint, store, and refuse the old one later.
///
/// Each key is named after the version that it is made for, so that a key whose value was never stored is found and
/// deleted. HTTP services offer no lock: an invocation that sleeps through a whole later rotation may leave a key
/// behind, or end in a `Conflict`, but never takes AWSCURRENT's key away.
///
/// Where the service does not list its keys, those that a version names are deleted all the same, by their ids; a key
/// whose value was lost on the way stays, and nobody knows of it. Where its list shows no names but when each key was
/// made, the log names those that may have been lost: they are younger than AWSCURRENT's, and no version names them.
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
        let unnamed = self.unnamed(current, &listed);
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
                None => Error::conflict("the service allows no more keys, and none that is left is known to be unused")
                    .next(format!("Look at the service's list of keys and delete one that nobody uses{unnamed}, then start the rotation again")),
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
        let doomed = self.doomed(keep, with, cx).await?;
        if doomed.is_empty() {
            return Ok(());
        }
        cx.fence().await?;
        for id in doomed {
            self.0.delete(&id, with, cx).await?;
        }
        Ok(())
    }
}

impl<K: Keys> Minted<K> {
    /// Returns the ids of the keys that may go: from a positive list, never "all but these".
    async fn doomed(&self, keep: &Keep<'_, K::Secret>, with: &K::Secret, cx: &Context<'_>) -> Result<Vec<String>> {
        let mut kept: Vec<_> = keep.kept().filter_map(|secret| self.0.id(secret)).collect();
        let listed = self.0.list(with, cx).await?;
        let is_ours = |key: &Key| KeyName::parse(&key.name, cx).is_some();
        let is_kept = |secret: &K::Secret| {
            let value = self.0.value(secret);
            value.is_some() && keep.kept().any(|kept| self.0.value(kept) == value)
        };
        kept.extend(keep.gone.iter().filter(|gone| is_kept(gone)).filter_map(|gone| self.0.id(gone)));
        // A key that is kept and that the list does not know by its version's id is one of the others there.
        let unknown = keep.kept().any(|kept| {
            let id = self.0.id(kept);
            !listed.iter().flatten().any(|key| Some(&key.id) == id.as_ref())
        });
        let sweeps = !(unknown && matches!(keep.strays, Strays::Unlabelled { .. }));
        let mut gone = Vec::new();
        for secret in keep.gone(|secret| self.0.id(secret)) {
            let Some(id) = self.0.id(secret) else { continue };
            // The version that is kept may hold the same key without its id, by a person's hand.
            if is_kept(secret) {
                continue;
            }
            let found = listed.as_ref().map(|listed| listed.iter().find(|key| key.id == id));
            let may_go = match found {
                Some(None) => continue,
                Some(Some(key)) if is_ours(key) => true,
                Some(Some(_)) | None => self.0.owns(secret, cx).await?,
            };
            if may_go {
                gone.push(id);
            } else {
                tracing::warn!(
                    id,
                    "the key that an earlier version names was not made by this secret's rotations, and nothing shows that it is that version's; if it is, delete it at the service"
                );
            }
        }
        let is_stray = |key: &Key| {
            let stray = || KeyName::parse(&key.name, cx).is_some_and(|name| keep.is_stray(name.token()));
            !kept.contains(&key.id) && !gone.contains(&key.id) && stray()
        };
        let strays: Vec<_> =
            listed.into_iter().flatten().filter(|_| sweeps).filter(is_stray).map(|key| key.id).collect();
        Ok(gone.into_iter().chain(strays).collect())
    }

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

    /// Names, in the log and for an error, the keys that a lost answer may have left where a list shows no names.
    fn unnamed(&self, current: &K::Secret, listed: &[Key]) -> String {
        let current = self.0.id(current);
        let since = listed.iter().find(|key| Some(&key.id) == current.as_ref()).and_then(|key| key.created);
        let Some(since) = since else { return String::new() };
        let younger = listed.iter().filter_map(|key| Some((key, key.created.filter(|created| *created > since)?)));
        let shown = younger.map(|(key, made)| format!("`{}` of {}", key.id, humantime::format_rfc3339_seconds(made)));
        let shown = Vec::from_iter(shown).join(", ");
        if shown.is_empty() {
            return shown;
        }
        tracing::warn!(
            keys = shown,
            "the service's list shows no names, and these keys are younger than AWSCURRENT's and in no version: a rotation whose answer was lost may have left them. Delete those that nobody else made"
        );
        format!(", such as {shown}, which no version names")
    }
}
