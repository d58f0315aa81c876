//! reconcile: the target is made to hold what the labels name.

use super::{finish, set};
use crate::context::Context;
use crate::engine::{Done, Outcome};
use crate::error::{Error, Result};
use crate::rotator::{Rotator, Slots};

/// Does what the last step that changed the target would do again: each derives all of it from the labels.
pub(super) async fn reconcile<R: Rotator>(rotator: &R, cx: &Context<'_>) -> Result<Done> {
    if !cx.is_promoted() {
        if R::SLOTS != Slots::List {
            return Err(Error::conflict(format!(
                "a rotation to version {} is under way, or was given up without removing AWSPENDING",
                cx.token()
            ))
            .next("Let Secrets Manager finish it: its last step does the same. If it never ends, remove AWSPENDING from that version"));
        }
        // Read by its id: AWSPENDING has a value once createSecret is done.
        if cx.version::<R::Secret>(cx.token()).await?.is_some() {
            return set(rotator, cx).await;
        }
    }
    finish::tidy(rotator, cx).await?;
    Ok(Outcome::Done.into())
}
