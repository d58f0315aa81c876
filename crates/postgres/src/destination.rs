use std::fmt;

use fourstep::Server;

/// Where a session is or was to be, for messages.
#[derive(Debug)]
pub(crate) struct Destination {
    pub(crate) server: Server,
    pub(crate) account: String,
    pub(crate) database: String,
    pub(crate) tls: bool,
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.server.fmt(f)
    }
}
