//! A modelled fleet: two hosts, each with a file of keys that is edited out of band and by generation.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use fourstep::{AWSPENDING, Context, Error, Keep, Lives, Login, Result, Rotator, Sensitive};
use serde::{Deserialize, Serialize};

use crate::world::{Call, State, Target, World};

#[derive(Clone)]
pub struct Fleet {
    pub hosts: [Host; 2],
}

#[derive(Clone)]
pub struct Host {
    /// Public keys, each with the token that it is marked with.
    pub keys: Vec<(String, String)>,
    generation: SystemTime,
}

impl Fleet {
    pub fn new() -> Self {
        let host = Host { keys: vec![("key-first".into(), String::new())], generation: UNIX_EPOCH };
        Self { hosts: [host.clone(), host] }
    }

    fn admits(&self, host: usize, secret: &KeyPair) -> bool {
        let private = secret.private.expose();
        !private.is_empty() && self.hosts[host].keys.iter().any(|(key, _)| key == private)
    }
}

impl Target for Fleet {
    fn opens(&self, json: &str) -> bool {
        let secret = serde_json::from_str(json).expect("every version has the kind's shape");
        (0..self.hosts.len()).all(|host| self.admits(host, &secret))
    }

    fn live(&self) -> usize {
        self.hosts.iter().map(|host| host.keys.len()).max().unwrap_or_default()
    }
}

#[derive(Serialize, Deserialize)]
pub struct KeyPair {
    pub public: String,
    pub private: Sensitive,
}

pub struct ModelFleet(pub Arc<World<Fleet>>);

impl ModelFleet {
    /// Edits one host's file, as the script does that is sent to it: all at once, and never with an old order.
    async fn edit(
        &self,
        host: usize,
        generation: SystemTime,
        edit: impl FnOnce(&mut Vec<(String, String)>),
    ) -> Result<()> {
        let apply = |state: &mut State<Fleet>| {
            let host = &mut state.target.hosts[host];
            if generation < host.generation {
                return Err(Error::conflict("the host has a newer edit"));
            }
            host.generation = generation;
            edit(&mut host.keys);
            Ok(())
        };
        self.0.call(Call::TargetWrite, "edit file", apply).await
    }
}

impl Rotator for ModelFleet {
    type Secret = KeyPair;
    const NAME: &'static str = "fleet";
    const LIVES: Lives = Lives::Additive;

    async fn create(&self, _current: &KeyPair, _login: &Login<'_, Self>, cx: &Context<'_>) -> Result<KeyPair> {
        // In the model a public key is its private key.
        let private = cx.password("\"\\")?;
        Ok(KeyPair { public: private.expose().to_owned(), private })
    }

    async fn set(&self, pending: &KeyPair, _login: &Login<'_, Self>, cx: &Context<'_>) -> Result<()> {
        let version = cx.labelled::<KeyPair>(AWSPENDING).await?;
        let generation = version.ok_or_else(|| Error::unavailable("AWSPENDING is not visible yet"))?.created();
        for host in 0..2 {
            cx.fence().await?;
            let token = cx.token().to_owned();
            self.edit(host, generation, |keys| {
                if keys.iter().all(|(key, _)| *key != pending.public) {
                    keys.push((pending.public.clone(), token));
                }
            })
            .await?;
        }
        Ok(())
    }

    async fn test(&self, secret: &KeyPair, _cx: &Context<'_>) -> Result<()> {
        for host in 0..2 {
            let log_in = |state: &mut State<Fleet>| match state.target.admits(host, secret) {
                true => Ok(()),
                false => Err(Error::rejected(format!("host {host} refused the key"))),
            };
            self.0.call(Call::TargetRead, "log in", log_in).await?;
        }
        Ok(())
    }

    async fn retire(&self, keep: &Keep<'_, KeyPair>, _login: &Login<'_, Self>, cx: &Context<'_>) -> Result<()> {
        let kept: Vec<_> = keep.kept().map(|secret| secret.public.clone()).collect();
        let gone: Vec<_> = keep.gone(|secret| secret.public.clone()).map(|secret| secret.public.clone()).collect();
        let doomed = |key: &str, token: &str| {
            let stray = !token.is_empty() && keep.is_stray(token);
            !kept.iter().any(|kept| kept == key) && (gone.iter().any(|gone| gone == key) || stray)
        };
        for host in 0..2 {
            let list = |state: &mut State<Fleet>| {
                let host = &state.target.hosts[host];
                Ok((host.generation, host.keys.iter().any(|(key, token)| doomed(key, token))))
            };
            let (generation, work) = self.0.call(Call::TargetRead, "read file", list).await?;
            if work {
                cx.fence().await?;
                self.edit(host, generation, |keys| keys.retain(|(key, token)| !doomed(key, token))).await?;
            }
        }
        Ok(())
    }
}
