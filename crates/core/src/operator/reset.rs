//! reset: an administrator sets a new credential, on the operator's word, where the target refuses every version.

use crate::accounts::RESET;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::invocation::{Invocation, noted};
use crate::operator::rollback::event;
use crate::operator::{Answer, Reply, Tried};
use crate::rotation::Rotation;
use crate::step::Step;
use crate::store::AWSCURRENT;
use crate::version;

/// Makes a new value, lets the administrator set it, tests it and promotes it: the four steps, by the rotator that the
/// rotation chooses for a reset. Called again after it was killed, it ends by the steps of a rotation what opens the target.
pub(super) async fn reset(
    invocation: &Invocation<'_>,
    rotation: &impl Rotation,
    account: Option<&str>,
    cx: &Context<'_>,
) -> Result<Answer> {
    let chosen = noted(rotation.choose_reset(account, cx).await?, cx);
    // With one account, or a key, nothing is left to do.
    let two_accounts = chosen.protocol().strategy().0 == RESET;
    let (token, lost) = match chosen.protocol().working(cx).await? {
        None => (version::new_id("reset"), true),
        Some(working) if cx.under_way().as_ref() == Some(&working) => (working, false),
        Some(working) => return Err(nothing_is_lost(&working, cx)),
    };
    let secret = cx.secret_id();
    let mut done = None;
    for step in Step::ALL {
        let event = event(step, secret, &token);
        // Nobody staged the version that createSecret is to store.
        let cx = match step {
            Step::Create if lost => invocation.context(rotation, &event, cx.description())?,
            Step::Create => continue,
            Step::Set | Step::Test | Step::Finish => invocation.prepare(rotation, &event).await?,
        };
        let result = async {
            let chosen = if lost { rotation.choose_reset(account, &cx).await? } else { rotation.choose(&cx).await? };
            noted(chosen, &cx).protocol().run(step, &cx).await
        };
        done = Some(result.await.map_err(|error| error.at(step))?);
    }
    let reply = Reply {
        changed: true,
        message: match lost {
            true => format!(
                "The administrator set a new credential: AWSCURRENT is version {token} now, and the target accepts it."
            ),
            false => format!(
                "The target accepted the pending version already, so the rotation was ended: AWSCURRENT is version {token} now."
            ),
        },
        next: (lost && two_accounts).then(|| {
            "If two accounts took turns, see that the secret has the tag fourstep:strategy=alternating-users, and on MariaDB that ADOPTED_CLONES lists the clone: both versions with a label name one account now.".to_owned()
        }),
        versions: vec![Tried::promoted(&token)],
    };
    let done = done.ok_or_else(|| Error::other("no step ran"))?;
    Ok(Answer { done, reply: Some(reply), places: cx.take_places() })
}

fn nothing_is_lost(working: &str, cx: &Context<'_>) -> Error {
    let error = Error::conflict(format!("the target accepts version {working}, so no credential is lost"));
    let error = error.still_works("Nothing was changed");
    match cx.labels_of(working).iter().any(|label| label == AWSCURRENT) {
        true => error.next(format!("Rotate without the administrator's help: fourstep start {}", cx.secret_argument())),
        false => error.next(format!("Make that version AWSCURRENT: fourstep recover {}", cx.secret_argument())),
    }
}
