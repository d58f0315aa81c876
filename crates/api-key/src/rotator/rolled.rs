use std::time::Duration;

use fourstep::{Context, Error, Login, Result, Rotator, Slots};

use crate::secret::Secret;
use crate::service::Caller;

/// Rotates a key that the service replaces: the old one dies in the call that makes the new one.
///
/// **It can be lost.** From the call until the new value is stored, only this process has it; until finishSecret,
/// AWSCURRENT is refused. If the answer is lost, every version is refused from then on: each attempt ends in the same
/// `Rejected`, which says to issue a key by hand. Where an administrator rolls, an operator's reset makes
/// it roll once more.
pub(super) struct Rolled(pub(super) Caller);

const ISSUE_BY_HAND: &str = "If the answer to an earlier roll was lost, the key that works was lost with it: issue a new key by hand at the service, store it in the secret as AWSCURRENT, and remove AWSPENDING from the version that has it";

impl Rotator for Rolled {
    type Secret = Secret;
    const NAME: &'static str = "rolled-key";
    const SLOTS: Slots = Slots::InPlace;

    async fn create(&self, current: &Secret, login: &Login<'_, Secret>, cx: &Context<'_>) -> Result<Secret> {
        let with = self.0.acting(current, login, cx).await;
        let administered = self.0.is_administered(current);
        let by_hand =
            |error: Error| if error.is_rejected() && !administered { error.next(ISSUE_BY_HAND) } else { error };
        let with = with.map_err(by_hand)?;
        let roll = self.0.provider().roll.as_ref().expect("the file was checked");
        let scope = self.0.scope_to_make(with, cx.token(), cx)?;
        cx.fence().await?;
        let (answer, _) = self.0.perform("roll", roll, with, &scope, cx).await?;
        self.0.made("roll", roll, &answer, cx).map_err(|error| {
            Error::new(error.kind(), format!("the service replaced the key, and the new one cannot be read: {}", error.message()))
                .still_works("No version of the secret works any more")
                .next("Issue a new key by hand at the service and store it in the secret as AWSCURRENT; correct the provider file before the next rotation")
        })
    }

    async fn set(&self, _pending: &Secret, _login: &Login<'_, Secret>, _cx: &Context<'_>) -> Result<()> {
        // The service accepts it since it made it.
        Ok(())
    }

    async fn probe(&self, secret: &Secret, cx: &Context<'_>) -> Result<()> {
        self.0.probe(secret, cx).await
    }

    fn activation(&self) -> Duration {
        self.0.provider().activation
    }

    async fn test(&self, pending: &Secret, _login: &Login<'_, Secret>, cx: &Context<'_>) -> Result<()> {
        let proof = cx.until_active(self.activation(), || self.probe(pending, cx)).await;
        proof.map_err(|error| if error.is_rejected() { error.next(ISSUE_BY_HAND) } else { error })
    }
}
