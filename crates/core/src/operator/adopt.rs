//! adopt: an account and its clone are marked as one secret's, on the operator's word.

use crate::context::Context;
use crate::error::{Error, Result};
use crate::operator::Reply;
use crate::protocol::Protocol;

pub(super) async fn adopt(rotator: &dyn Protocol, account: Option<&str>, cx: &Context<'_>) -> Result<Reply> {
    let changed = rotator.adopt(account, cx).await?;
    let account = account.ok_or_else(|| Error::other("a pair was adopted that nobody named"))?;
    let message = match changed {
        true => format!("The account `{account}` and its clone are marked as this secret's."),
        false => format!("The account `{account}` and its clone were marked as this secret's already."),
    };
    let next = if cx.under_way().is_some() { "Let the rotation go on" } else { "Rotate" };
    Ok(Reply::new(cx, changed, message, Some(format!("{next}: fourstep start {}.", cx.secret_argument())), vec![]))
}
