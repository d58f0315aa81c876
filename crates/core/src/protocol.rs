//! The four steps, as the engine runs them with a rotator. No rotator and no strategy repeats any of this.

mod create;
mod finish;

use std::time::SystemTime;

use async_trait::async_trait;

use crate::context::Context;
use crate::error::{Error, Result};
use crate::keep::Pass;
use crate::login::Login;
use crate::report::{Done, Outcome};
use crate::rotator::Rotator;
use crate::sensitive::Sensitive;
use crate::slots::Slots;
use crate::step::Step;
use crate::version::secrets_in;

/// What the engine can do with a rotator, whatever its secret is: every rotator has it, and nothing else does.
///
/// Its futures are boxed: those of a rotator nest so deep that rustc gives up on the sum of all layers. What is built on
/// it is compiled once, and not for each rotator.
#[async_trait]
pub(crate) trait Protocol: Send + Sync {
    /// Returns the name of the strategy, and how old and new credentials live together.
    fn strategy(&self) -> (&'static str, Slots);

    /// Runs a step.
    async fn run(&self, step: Step, cx: &Context<'_>) -> Result<Done>;

    /// Returns whether a version opens the target. Only the target's own word is a no.
    async fn opens(&self, version: &str, cx: &Context<'_>) -> Result<bool>;

    /// Returns when a version was made. `None`: it has no value. `Invalid`: its value is of another shape.
    async fn made(&self, version: &str, cx: &Context<'_>) -> Result<Option<SystemTime>>;

    /// Returns the secrets in a version: its credential. None where it has no value, or one of another shape.
    async fn secrets(&self, version: &str, cx: &Context<'_>) -> Result<Vec<Sensitive>>;

    /// Refuses what is not needed any more, once AWSCURRENT is this rotation's version.
    async fn tidy(&self, cx: &Context<'_>) -> Result<()>;

    /// Refuses what AWSPREVIOUS opened, whenever the settings would do so.
    async fn refuse_previous(&self, cx: &Context<'_>) -> Result<()>;

    /// Returns the version that opens the target. `None`: the target refuses all of them.
    async fn working(&self, cx: &Context<'_>) -> Result<Option<String>>;

    /// Marks at the target that two accounts are this secret's. Returns whether anything was changed.
    async fn adopt(&self, account: Option<&str>, cx: &Context<'_>) -> Result<bool>;
}

#[async_trait]
impl<R: Rotator> Protocol for R {
    fn strategy(&self) -> (&'static str, Slots) {
        (R::NAME, R::SLOTS)
    }

    async fn run(&self, step: Step, cx: &Context<'_>) -> Result<Done> {
        let promoted = cx.is_promoted();
        match step {
            // Secrets Manager repeats a rotation from its first step, also when it was finished already.
            Step::Create | Step::Set | Step::Test if promoted => Ok(Outcome::AlreadyDone.into()),
            Step::Create => create::create(self, cx).await,
            Step::Set => set(self, cx).await,
            Step::Test => test(self, cx).await,
            Step::Finish if promoted => finish::tidy(self, Pass::Again, cx).await.map(|()| Outcome::AlreadyDone.into()),
            Step::Finish => finish::finish(self, cx).await,
        }
    }

    async fn opens(&self, version: &str, cx: &Context<'_>) -> Result<bool> {
        let found = cx.version::<R::Secret>(version).await?;
        let found = found.ok_or_else(|| Error::conflict(format!("version {version} has no value")))?;
        match cx.tried(version, cx.retry(|| self.probe(found.secret(), cx)).await) {
            Ok(()) => Ok(true),
            Err(error) if error.is_rejected() => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn made(&self, version: &str, cx: &Context<'_>) -> Result<Option<SystemTime>> {
        Ok(cx.version::<R::Secret>(version).await?.map(|version| version.created()))
    }

    async fn secrets(&self, version: &str, cx: &Context<'_>) -> Result<Vec<Sensitive>> {
        match cx.fitting::<R::Secret>(version).await? {
            Some(version) => secrets_in(version.secret()),
            None => Ok(Vec::new()),
        }
    }

    async fn tidy(&self, cx: &Context<'_>) -> Result<()> {
        finish::tidy(self, Pass::Again, cx).await
    }

    async fn refuse_previous(&self, cx: &Context<'_>) -> Result<()> {
        finish::refuse_previous(self, cx).await
    }

    async fn working(&self, cx: &Context<'_>) -> Result<Option<String>> {
        let working = cx.retry(async || Ok(Login::new(self, cx).working().await?.id().to_owned())).await;
        match working {
            Ok(id) => Ok(Some(id)),
            Err(error) if error.is_rejected() => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn adopt(&self, account: Option<&str>, cx: &Context<'_>) -> Result<bool> {
        cx.retry(async || Rotator::adopt(self, account, &Login::new(self, cx), cx).await).await
    }
}

async fn set<R: Rotator>(rotator: &R, cx: &Context<'_>) -> Result<Done> {
    let Some(pending) = cx.pending::<R::Secret>().await? else {
        return Err(Error::unavailable(format!("the pending version {} has no value that is visible yet", cx.token()))
            .next("Secrets Manager tries again by itself. If this goes on, createSecret never stored a value: remove AWSPENDING from that version and start the rotation again"));
    };
    cx.retry(async || {
        // An attempt whose answer was lost may have changed what the target accepts, so each looks anew.
        let login = Login::new(rotator, cx);
        rotator.set(pending.secret(), &login, cx).await
    })
    .await?;
    Ok(Outcome::Done.into())
}

async fn test<R: Rotator>(rotator: &R, cx: &Context<'_>) -> Result<Done> {
    if let Some(pending) = cx.pending::<R::Secret>().await? {
        let proof = cx.retry(async || {
            let login = Login::new(rotator, cx);
            rotator.test(pending.secret(), &login, cx).await
        });
        return match cx.tried(pending.id(), proof.await) {
            Err(error) if error.is_rejected() => {
                Err(error.next("setSecret had installed it: since then it was changed at the target, or the target's name leads to another one. Secrets Manager starts again from createSecret, which installs it anew"))
            }
            proven => proven.map(|()| Outcome::Done.into()),
        };
    }
    // RotateSecret with RotateImmediately=false runs this step alone, to check the configuration.
    // https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html
    let current = cx.first_value::<R::Secret>().await?;
    cx.tried(current.id(), cx.retry(|| rotator.probe(current.secret(), cx)).await)?;
    Ok(Outcome::CurrentTested.into())
}
