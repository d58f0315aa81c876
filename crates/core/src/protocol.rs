//! The four steps, as the engine runs them with a rotator. No rotator and no strategy repeats any of this.

mod create;
mod finish;
mod operator;
mod reconcile;

use crate::backoff::retry;
use crate::context::Context;
use crate::engine::{Done, Outcome};
use crate::error::{Error, Result};
use crate::login::Login;
use crate::rotator::Rotator;
use crate::step::Step;
use crate::store::AWSCURRENT;

/// Runs the context's step, or an operator's action, with `rotator`.
pub(crate) async fn run<R: Rotator>(rotator: &R, cx: &Context<'_>) -> Result<Done> {
    cx.set_strategy::<R>();
    if let Some(action) = cx.action() {
        return operator::act(rotator, action, cx).await;
    }
    let promoted = cx.is_promoted();
    match cx.step() {
        // Secrets Manager repeats a rotation from its first step, also when it was finished already.
        Step::Create | Step::Set | Step::Test if promoted => Ok(Outcome::AlreadyDone.into()),
        Step::Create => create::create(rotator, cx).await,
        Step::Set => set(rotator, cx).await,
        Step::Test => test(rotator, cx).await,
        Step::Finish if promoted => finish::tidy(rotator, cx).await.map(|()| Outcome::AlreadyDone.into()),
        Step::Finish => finish::finish(rotator, cx).await,
    }
}

async fn set<R: Rotator>(rotator: &R, cx: &Context<'_>) -> Result<Done> {
    let Some(pending) = cx.pending::<R::Secret>().await? else {
        return Err(Error::unavailable(format!("the pending version {} has no value that is visible yet", cx.token()))
            .next("Secrets Manager tries again by itself. If this goes on, createSecret never stored a value: remove AWSPENDING from that version and start the rotation again"));
    };
    retry(cx, async || {
        // An attempt whose answer was lost may have changed what the target accepts, so each looks anew.
        let login = Login::new(rotator, cx);
        rotator.set(pending.secret(), &login, cx).await
    })
    .await?;
    Ok(Outcome::Done.into())
}

async fn test<R: Rotator>(rotator: &R, cx: &Context<'_>) -> Result<Done> {
    if let Some(pending) = cx.pending::<R::Secret>().await? {
        let proof = retry(cx, async || {
            let login = Login::new(rotator, cx);
            rotator.test(pending.secret(), &login, cx).await
        });
        return match cx.noted(pending.id(), proof.await) {
            Err(error) if error.is_rejected() => {
                Err(error.next("setSecret had installed it: since then it was changed at the target, or the target's name leads to another one. Secrets Manager starts again from createSecret, which installs it anew"))
            }
            proven => proven.map(|()| Outcome::Done.into()),
        };
    }
    // RotateSecret with RotateImmediately=false runs this step alone, to check the configuration.
    // https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html
    let current = current::<R>(cx).await?;
    cx.noted(current.id(), retry(cx, || rotator.probe(current.secret(), cx)).await)?;
    Ok(Outcome::CurrentTested.into())
}

async fn current<R: Rotator>(cx: &Context<'_>) -> Result<std::sync::Arc<crate::document::Version<R::Secret>>> {
    cx.labelled(AWSCURRENT).await?.ok_or_else(|| {
        Error::invalid("the secret has no AWSCURRENT version with a value")
            .next("Store a first value in the secret, then start the rotation")
    })
}
