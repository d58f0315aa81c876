use std::time::Duration;

use serde_json::Value;

/// What goes wrong with one request.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// The connection is closed before the request has an effect.
    RequestLost,
    /// The request has its effect, and the connection is closed without an answer.
    ReplyLost,
    /// It has no effect, and is never answered.
    Hang,
    /// It waits, then goes on.
    Slow(Duration),
    /// It has no effect, and is refused with this status, and perhaps with this `Retry-After`.
    Refuse(u16, Option<String>),
    /// It has no effect, and is redirected; to itself where the text is empty.
    Redirect(String),
    /// It has no effect, and a page of HTML comes in place of the answer.
    PageInstead,
    /// It has its effect, and a page of HTML comes in place of the answer.
    Page,
    /// It has its effect, and the answer has 10 GB.
    Flood,
    /// It has its effect, and the answer is this.
    Json(Value),
}
