//! retire: the target is made to refuse what AWSPREVIOUS opened.

use crate::context::Context;
use crate::error::{Error, Result};
use crate::operator::{Reply, current, has_value, leaked};
use crate::protocol::Protocol;
use crate::slots::Slots;
use crate::store::AWSPREVIOUS;

pub(super) async fn retire(rotator: &dyn Protocol, cx: &Context<'_>) -> Result<Reply> {
    if cx.under_way().is_some() {
        return Err(Error::conflict("a rotation is under way, and may need AWSPREVIOUS")
            .next("Let it end, or cancel it, before retiring AWSPREVIOUS"));
    }
    let current = current(rotator, cx).await?;
    if !rotator.opens(&current, cx).await? {
        return Err(Error::conflict("the target refuses AWSCURRENT, so AWSPREVIOUS may be the only one that works")
            .next("Find the version that works first: fourstep recover"));
    }
    let Some(previous) = cx.id_of(AWSPREVIOUS) else {
        let message = "The secret has no AWSPREVIOUS: there is nothing to retire.".to_owned();
        return Ok(Reply::new(cx, false, message, None, vec![(current, Some(true))]));
    };
    // First: a credential that is refused and not marked would come back by the next rollback.
    leaked::mark(&previous, cx).await?;
    let (changed, message) = match rotator.strategy().1 {
        Slots::One | Slots::InPlace => {
            (false, "The target keeps one credential: AWSCURRENT opens it, and what AWSPREVIOUS opened is refused.")
        }
        Slots::Two | Slots::Many | Slots::List => {
            rotator.refuse_previous(cx).await?;
            (true, "AWSCURRENT opens the target, and what AWSPREVIOUS opened is refused.")
        }
    };
    // Also where the strategy knows of one: MySQL may keep a second from a time of another strategy.
    let can_be_tried = has_value(rotator, &previous, cx).await? == Some(true);
    let still = can_be_tried && rotator.opens(&previous, cx).await?;
    // After a refusal one that works logs in again, so that refusals do not add up.
    if !rotator.opens(&current, cx).await? {
        return Err(Error::conflict("the target refuses AWSCURRENT, which it accepted a moment ago")
            .next(format!("Find the version that works: fourstep recover {}", cx.secret_argument())));
    }
    if still {
        return Err(Error::conflict("the target still accepts what AWSPREVIOUS holds").next(format!(
            "If AWSCURRENT holds the same credential, rotate first: fourstep start {0}, then fourstep retire {0}. If not, end it at the target by hand",
            cx.secret_argument()
        )));
    }
    Ok(Reply::new(cx, changed, message.to_owned(), None, vec![(current, Some(true))]))
}
