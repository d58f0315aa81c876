//! A modelled fleet: two hosts, each with a file of keys that is edited out of band and by generation.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use fourstep::{AWSCURRENT, AWSPENDING, AWSPREVIOUS, Context, Error, Keep, Login, Result, Rotator, Sensitive, Slots};
use serde::{Deserialize, Serialize};

use crate::world::{Call, State, Target, World};

#[derive(Clone)]
pub struct Fleet {
    pub hosts: [Host; 2],
}

/// The pending version's age, and the place of the order within its rotation.
type Generation = (SystemTime, u8);

#[derive(Clone)]
pub struct Host {
    /// Public keys, each with whether its line has our mark.
    pub keys: Vec<(String, bool)>,
    generation: Generation,
}

impl Fleet {
    pub fn new() -> Self {
        let host = Host { keys: vec![("key-first".into(), false)], generation: (UNIX_EPOCH, 0) };
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

/// What the public key of a pair begins with that a rotation made: its line has our mark from the first.
const MADE: &str = "made ";

pub struct ModelFleet(pub Arc<World<Fleet>>);

impl ModelFleet {
    /// Sets what our keys in one host's file are, as the script does that is sent to it: all at once, and never by an
    /// order that is older than the last one.
    async fn declare(&self, host: usize, generation: Generation, keys: Vec<String>, gone: Vec<String>) -> Result<()> {
        let followed = |host: &Host| {
            let mut after = host.clone();
            if generation < host.generation {
                return Err(Error::conflict("the host has followed a newer order"));
            }
            after.generation = generation;
            // Lines with our mark are exactly these. The first key has a line without it, which goes when it is named.
            after.keys.retain(|(key, marked)| keys.contains(key) || !(*marked || gone.contains(key)));
            // A line of ours without a mark is given one: later, no version may name its key any more.
            after.keys.iter_mut().filter(|(key, _)| keys.contains(key)).for_each(|(_, marked)| *marked = true);
            for key in &keys {
                if after.keys.iter().all(|(there, _)| there != key) {
                    after.keys.push((key.clone(), true));
                }
            }
            Ok(after)
        };
        // An order that changes nothing is no write.
        let look = |state: &mut State<Fleet>| {
            let host = &state.target.hosts[host];
            followed(host).map(|after| after.keys != host.keys || after.generation != host.generation)
        };
        if !self.0.call(Call::TargetRead, "read file", look).await? {
            return Ok(());
        }
        let edit = |state: &mut State<Fleet>| {
            let host = &mut state.target.hosts[host];
            *host = followed(host)?;
            Ok(())
        };
        self.0.call(Call::TargetWrite, "edit file", edit).await
    }
}

impl Rotator for ModelFleet {
    type Secret = KeyPair;
    const NAME: &'static str = "fleet";
    const SLOTS: Slots = Slots::List;

    async fn create(&self, _current: &KeyPair, _login: &Login<'_, KeyPair>, cx: &Context<'_>) -> Result<KeyPair> {
        // In the model a public key is its private key.
        let private = format!("{MADE}{}", cx.password("\"\\")?.expose());
        Ok(KeyPair { public: private.clone(), private: Sensitive::new(private) })
    }

    async fn set(&self, pending: &KeyPair, _login: &Login<'_, KeyPair>, cx: &Context<'_>) -> Result<()> {
        let version = cx.labelled::<KeyPair>(AWSPENDING).await?;
        let generation = version.ok_or_else(|| Error::unavailable("AWSPENDING is not visible yet"))?.created();
        let mut keys = vec![pending.public.clone()];
        // AWSPREVIOUS may be the only login, until the pending key has been proved.
        let others = [cx.labelled::<KeyPair>(AWSCURRENT).await?, cx.older::<KeyPair>(AWSPREVIOUS).await?];
        keys.extend(others.into_iter().flatten().map(|version| version.secret().public.clone()));
        for host in 0..2 {
            cx.fence().await?;
            self.declare(host, (generation, 1), keys.clone(), vec![]).await?;
        }
        Ok(())
    }

    async fn probe(&self, secret: &KeyPair, _cx: &Context<'_>) -> Result<()> {
        for host in 0..2 {
            let log_in = |state: &mut State<Fleet>| match state.target.admits(host, secret) {
                true => Ok(()),
                false => Err(Error::rejected(format!("host {host} refused the key"))),
            };
            self.0.call(Call::TargetRead, "log in", log_in).await?;
        }
        Ok(())
    }

    async fn retire(&self, keep: &Keep<'_, KeyPair>, _login: &Login<'_, KeyPair>, cx: &Context<'_>) -> Result<()> {
        let generation = cx.current::<KeyPair>().await?.created();
        let kept: Vec<_> = keep.kept().map(|secret| secret.public.clone()).collect();
        let mut gone: Vec<_> = keep.gone(|secret| secret.public.clone()).map(|secret| secret.public.clone()).collect();
        let previous = cx.older::<KeyPair>(AWSPREVIOUS).await?;
        if previous.is_none_or(|previous| !previous.secret().public.starts_with(MADE)) {
            gone.extend(cx.abandoned::<KeyPair>().await?.iter().map(|version| version.secret().public.clone()));
        }
        for host in 0..2 {
            cx.fence().await?;
            self.declare(host, (generation, 2), kept.clone(), gone.clone()).await?;
        }
        Ok(())
    }
}
