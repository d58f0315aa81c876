use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use crate::tools::tool;

/// A `moto` server of one's own: an emulation of AWS that others wrote. It ends when it is dropped.
pub struct Moto {
    url: String,
    /// Kills the server when dropped.
    _server: Child,
}

/// Python and moto's modules load slowly on a busy machine.
const START: Duration = Duration::from_secs(120);

impl Moto {
    /// Starts a server on a free port. `None`: moto is not installed, which fails where `CI` is set.
    ///
    /// # Errors
    ///
    /// If the server does not come up.
    pub async fn start() -> io::Result<Option<Self>> {
        let Some(program) = tool("moto", "bin/moto_server") else { return Ok(None) };
        let deadline = Instant::now() + START;
        loop {
            // Between here and the server's own bind somebody else may take the port: then it ends, and we try again.
            let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?.local_addr()?.port();
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            let mut server = Command::new(&program)
                .args(["-H", "127.0.0.1", "-p", &port.to_string()])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .kill_on_drop(true)
                .spawn()?;
            loop {
                if TcpStream::connect(address).await.is_ok() {
                    return Ok(Some(Self { url: format!("http://{address}"), _server: server }));
                }
                if Instant::now() > deadline {
                    return Err(io::Error::new(io::ErrorKind::TimedOut, "moto_server does not listen on its port"));
                }
                if server.try_wait()?.is_some() {
                    break;
                }
                sleep(Duration::from_millis(20)).await;
            }
        }
    }

    /// Gives the end point.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}
