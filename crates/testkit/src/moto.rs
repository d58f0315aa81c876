use std::io;

use tokio::process::Child;

use crate::listening::listening;
use crate::tools::tool;

/// A `moto` server of one's own: an emulation of AWS that others wrote. It ends when it is dropped.
pub struct Moto {
    url: String,
    /// Kills the server when dropped.
    _server: Child,
}

impl Moto {
    /// Starts a server on a free port. `None`: moto is not installed, which fails where `CI` is set.
    ///
    /// # Errors
    ///
    /// If the server does not come up.
    pub async fn start() -> io::Result<Option<Self>> {
        let Some(program) = tool("moto", "bin/moto_server") else { return Ok(None) };
        let (address, server) = listening(&program, |command, port| {
            command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        })
        .await?;
        Ok(Some(Self { url: format!("http://{address}"), _server: server }))
    }

    /// Gives the end point.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}
