//! reconcile: the target is made to hold what the labels name.

use crate::context::Context;
use crate::error::{Error, Result};
use crate::protocol::Protocol;
use crate::report::{Done, Outcome};
use crate::slots::Slots;
use crate::step::Step;

/// Does what the last step that changed the target would do again: each derives all of it from the labels.
pub(super) async fn reconcile(rotator: &dyn Protocol, cx: &Context<'_>) -> Result<Done> {
    if !cx.is_promoted() {
        let (_, slots) = rotator.strategy();
        if slots != Slots::List {
            return Err(Error::conflict(format!(
                "a rotation to version {} is under way, or was given up without removing AWSPENDING",
                cx.token()
            ))
            .next("Let Secrets Manager finish it: its last step does the same. If it never ends, remove AWSPENDING from that version"));
        }
        // Read by its id: AWSPENDING has a value once createSecret is done.
        if rotator.made(cx.token(), cx).await?.is_some() {
            return rotator.run(Step::Set, cx).await;
        }
    }
    rotator.tidy(cx).await?;
    Ok(Outcome::Done.into())
}
