//! A modelled service with one credential: pushed to it by us, or rolled by it.

use std::sync::Arc;

use fourstep::{Context, Error, Login, Result, Rotator, Sensitive, Slots};
use serde::{Deserialize, Serialize};

use crate::world::{Call, State, Target, World};

#[derive(Clone)]
pub struct Slot {
    pub value: String,
    rolled: u32,
}

impl Slot {
    pub fn new() -> Self {
        Self { value: "value-0".into(), rolled: 0 }
    }

    fn knows(&self, secret: &Token) -> Result<()> {
        match self.value == secret.value.expose() {
            true => Ok(()),
            false => Err(Error::rejected("the service refused the token")),
        }
    }
}

impl Target for Slot {
    fn opens(&self, json: &str) -> bool {
        self.knows(&serde_json::from_str(json).expect("every version has the kind's shape")).is_ok()
    }

    fn live(&self) -> usize {
        1
    }
}

#[derive(Serialize, Deserialize)]
pub struct Token {
    pub value: Sensitive,
}

/// The value is ours, and an administrator stores it at the service. There is no lock.
pub struct Pushed(pub Arc<World<Slot>>);

impl Rotator for Pushed {
    type Secret = Token;
    const NAME: &'static str = "pushed";
    const SLOTS: Slots = Slots::One;

    async fn create(&self, _current: &Token, _login: &Login<'_, Token>, cx: &Context<'_>) -> Result<Token> {
        Ok(Token { value: cx.password("\"\\")? })
    }

    async fn set(&self, pending: &Token, _login: &Login<'_, Token>, cx: &Context<'_>) -> Result<()> {
        cx.fence().await?;
        let push = |state: &mut State<Slot>| {
            state.target.value = pending.value.expose().to_owned();
            Ok(())
        };
        self.0.call(Call::TargetWrite, "push", push).await
    }

    async fn probe(&self, secret: &Token, _cx: &Context<'_>) -> Result<()> {
        self.0.call(Call::TargetRead, "use", |state| state.target.knows(secret)).await
    }
}

/// The service makes the value, and the old one dies in the same call.
pub struct Rolled(pub Arc<World<Slot>>);

impl Rotator for Rolled {
    type Secret = Token;
    const NAME: &'static str = "rolled";
    const SLOTS: Slots = Slots::InPlace;

    async fn create(&self, _current: &Token, login: &Login<'_, Token>, cx: &Context<'_>) -> Result<Token> {
        let with = login.working().await?;
        cx.fence().await?;
        let roll = |state: &mut State<Slot>| {
            let slot = &mut state.target;
            slot.knows(with.secret())?;
            slot.rolled += 1;
            slot.value = format!("value-{}", slot.rolled);
            Ok(Token { value: Sensitive::new(slot.value.clone()) })
        };
        self.0.call(Call::TargetWrite, "roll", roll).await
    }

    async fn set(&self, _pending: &Token, _login: &Login<'_, Token>, _cx: &Context<'_>) -> Result<()> {
        Ok(())
    }

    async fn probe(&self, secret: &Token, _cx: &Context<'_>) -> Result<()> {
        self.0.call(Call::TargetRead, "use", |state| state.target.knows(secret)).await
    }
}
