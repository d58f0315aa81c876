//! A program of another project that listens on a port of ours.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

/// Python and its modules load slowly on a busy machine.
const START: Duration = Duration::from_secs(120);

/// Starts a program on a free port of 127.0.0.1 and waits until it listens there. It is killed when it is dropped.
///
/// # Errors
///
/// If it does not come up.
pub(crate) async fn listening(program: &Path, prepare: impl Fn(&mut Command, u16)) -> io::Result<(SocketAddr, Child)> {
    let deadline = Instant::now() + START;
    loop {
        // Between here and the server's own bind somebody else may take the port: then it ends, and we try again.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?.local_addr()?.port();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut command = Command::new(program);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        prepare(&mut command, port);
        let mut server = command.spawn()?;
        loop {
            if TcpStream::connect(address).await.is_ok() {
                return Ok((address, server));
            }
            if Instant::now() > deadline {
                let what = format!("{} does not listen on its port", program.display());
                return Err(io::Error::new(io::ErrorKind::TimedOut, what));
            }
            if server.try_wait()?.is_some() {
                break;
            }
            sleep(Duration::from_millis(20)).await;
        }
    }
}
