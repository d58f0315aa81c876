use std::fmt;
use std::time::Duration;

/// Whether something happens before or after a message is handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The server has not seen the message.
    Before,
    /// The server has it, or is about to read it.
    After,
}

/// What happens at a message.
pub enum Fault {
    /// This is called; then all goes on. A test kills the client here.
    Call(Box<dyn FnOnce() + Send>),
    /// Both connections are closed.
    Drop,
    /// The server acts on the message, but no reply to it reaches the client: once the server is done, both
    /// connections are closed.
    SwallowReplies,
    /// The message waits this long.
    Delay(Duration),
    /// Nothing passes from here on, in either direction.
    Hang,
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Call(_) => "Call",
            Self::Drop => "Drop",
            Self::SwallowReplies => "SwallowReplies",
            Self::Delay(_) => "Delay",
            Self::Hang => "Hang",
        })
    }
}
