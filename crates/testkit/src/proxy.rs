//! A TCP proxy before a PostgreSQL, MySQL or MariaDB server that counts messages and breaks connections at chosen ones.

mod connection;
mod message;
mod mysql;

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use message::Message;

/// What passed through a proxy so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections that clients opened.
    pub connections: usize,
    /// Logins that the server refused: SQLSTATE 28P01 of PostgreSQL, error 1045 of MySQL and MariaDB.
    pub refused: usize,
    /// Messages of clients, with the request for TLS, the messages of the login and the farewell.
    pub frontend: usize,
    /// Messages of the server, with its one byte about TLS.
    pub backend: usize,
}

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

/// A proxy on a free port of 127.0.0.1 before a server.
///
/// It counts in the order in which messages arrive, over all connections. It reads plaintext: what follows an accepted
/// request for TLS passes uncounted; before MySQL and MariaDB there can be none. It ends when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Starts a proxy before the PostgreSQL server on this port of 127.0.0.1.
    ///
    /// # Panics
    ///
    /// If no port is free.
    pub async fn before(port: u16) -> Self {
        Self::start(port, Protocol::Postgres).await
    }

    /// Starts a proxy before the MySQL or MariaDB server on this port of 127.0.0.1.
    ///
    /// # Panics
    ///
    /// If no port is free.
    pub async fn before_mysql(port: u16) -> Self {
        Self::start(port, Protocol::MySql).await
    }

    async fn start(port: u16, protocol: Protocol) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared { server: port.into(), state: Mutex::default() });
        let accepting = tokio::spawn(connection::accept(listener, protocol, Arc::clone(&shared)));
        Self { address, shared, accepting }
    }

    /// Returns the address that clients connect to.
    #[must_use]
    pub fn host(&self) -> &'static str {
        "127.0.0.1"
    }

    /// Returns the port that clients connect to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Leads connections from now on to the server on another port of 127.0.0.1, as a name does that was pointed elsewhere.
    pub fn lead_to(&self, port: u16) {
        self.shared.server.store(port, Ordering::Relaxed);
    }

    /// Returns what passed since the start, or since [`reset`](Self::reset).
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.shared.lock().counts
    }

    /// Counts from zero again, and forgets the faults that did not happen.
    pub fn reset(&self) {
        *self.shared.lock() = State::default();
    }

    /// Lets a fault happen, once, at the frontend message of this number. The first is number 1.
    ///
    /// Several faults before the same message happen in the order in which they were added.
    pub fn at(&self, number: usize, when: When, fault: Fault) {
        self.on(move |message| message.number == number, when, fault);
    }

    /// Lets a fault happen, once, at the first frontend message that is the wanted one.
    pub fn on(&self, wanted: impl Fn(&Message) -> bool + Send + 'static, when: When, fault: Fault) {
        self.shared.lock().hooks.push(Hook { wanted: Box::new(wanted), when, fault });
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// What client and server speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Postgres,
    MySql,
}

struct Hook {
    wanted: Box<dyn Fn(&Message) -> bool + Send>,
    when: When,
    fault: Fault,
}

#[derive(Default)]
struct State {
    counts: Counts,
    hooks: Vec<Hook>,
}

struct Shared {
    /// The port of the server.
    server: AtomicU16,
    state: Mutex<State>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the fault that is to happen at this message, once.
    fn fault(&self, message: &Message, when: When) -> Option<Fault> {
        let hooks = &mut self.lock().hooks;
        let at = hooks.iter().position(|hook| hook.when == when && (hook.wanted)(message))?;
        Some(hooks.remove(at).fault)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lock().counts.fmt(f)
    }
}

#[cfg(test)]
mod tests;
