//! A modelled service that makes keys, shows each value once, and may allow no more than a few.

use std::sync::Arc;
use std::time::Duration;

use fourstep::keys::{Key, KeyName, Keys, Mint};
use fourstep::{Context, Error, Result, Sensitive};
use serde::{Deserialize, Serialize};

use crate::world::{Call, Target, World};

#[derive(Clone)]
pub struct KeyService {
    pub keys: Vec<ServiceKey>,
    pub limit: usize,
    made: u32,
    /// How many more uses of a key are refused, since they reach a machine that does not know it yet.
    pub refused: usize,
}

#[derive(Clone)]
pub struct ServiceKey {
    pub key: Key,
    value: String,
}

impl KeyService {
    pub fn new(limit: usize) -> Self {
        let service = Self { keys: Vec::new(), limit, made: 0, refused: 0 };
        service.with_key("k0", "value-0")
    }

    /// Adds a key that was made by hand.
    pub fn with_key(mut self, id: &str, value: &str) -> Self {
        let key = Key { id: id.into(), name: "by hand".into(), created: None };
        self.keys.push(ServiceKey { key, value: value.into() });
        self
    }

    fn knows(&self, secret: &KeySecret) -> Result<()> {
        match self.keys.iter().any(|key| key.value == secret.value.expose()) {
            true => Ok(()),
            false => Err(Error::rejected("the service refused the key")),
        }
    }
}

impl Target for KeyService {
    fn opens(&self, json: &str) -> bool {
        self.knows(&serde_json::from_str(json).expect("every version has the kind's shape")).is_ok()
    }

    fn live(&self) -> usize {
        self.keys.len()
    }
}

#[derive(Serialize, Deserialize)]
pub struct KeySecret {
    pub id: String,
    pub value: Sensitive,
}

pub struct ModelKeys(pub Arc<World<KeyService>>);

impl Keys for ModelKeys {
    type Secret = KeySecret;

    fn id(&self, secret: &KeySecret) -> Option<String> {
        Some(secret.id.clone())
    }

    fn value(&self, secret: &KeySecret) -> Option<Sensitive> {
        Some(secret.value.clone())
    }

    fn activation(&self) -> Duration {
        Duration::from_secs(10)
    }

    async fn list(&self, with: &KeySecret, _cx: &Context<'_>) -> Result<Option<Vec<Key>>> {
        let list = |state: &mut crate::world::State<KeyService>| {
            state.target.knows(with)?;
            Ok(Some(state.target.keys.iter().map(|key| key.key.clone()).collect()))
        };
        self.0.call(Call::TargetRead, "list keys", list).await
    }

    async fn mint(&self, name: &KeyName, with: &KeySecret, _cx: &Context<'_>) -> Result<Mint<KeySecret>> {
        let mint = |state: &mut crate::world::State<KeyService>| {
            let service = &mut state.target;
            service.knows(with)?;
            if service.keys.len() >= service.limit {
                return Ok(Mint::LimitReached);
            }
            service.made += 1;
            let (id, value) = (format!("k{}", service.made), format!("value-{}", service.made));
            service.keys.push(ServiceKey {
                key: Key { id: id.clone(), name: name.to_string(), created: None },
                value: value.clone(),
            });
            Ok(Mint::Made(KeySecret { id, value: Sensitive::new(value) }))
        };
        self.0.call(Call::TargetWrite, "mint key", mint).await
    }

    async fn delete(&self, id: &str, with: &KeySecret, _cx: &Context<'_>) -> Result<()> {
        let delete = |state: &mut crate::world::State<KeyService>| {
            state.target.knows(with)?;
            state.target.keys.retain(|key| key.key.id != id);
            Ok(())
        };
        self.0.call(Call::TargetWrite, "delete key", delete).await
    }

    async fn probe(&self, secret: &KeySecret, _cx: &Context<'_>) -> Result<()> {
        let use_key = |state: &mut crate::world::State<KeyService>| match state.target.refused {
            0 => state.target.knows(secret),
            _ => {
                state.target.refused -= 1;
                Err(Error::rejected("the service refused the key"))
            }
        };
        self.0.call(Call::TargetRead, "use key", use_key).await
    }
}
