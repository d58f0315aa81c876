//! A TCP proxy before a PostgreSQL, MySQL or MariaDB server that counts messages and breaks connections at chosen ones.

mod connection;
mod fault;
mod message;
mod mysql;
mod passed;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use fault::{Fault, When};
pub use message::Message;
pub use passed::Counts;

use connection::Protocol;
use passed::{Hook, Shared};

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
        let shared = Arc::new(Shared::before(port));
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
        self.shared.reset();
    }

    /// Lets a fault happen, once, at the frontend message of this number. The first is number 1.
    ///
    /// Several faults before the same message happen in the order in which they were added.
    pub fn at(&self, number: usize, when: When, fault: Fault) {
        self.on(move |message| message.number == number, when, fault);
    }

    /// Lets a fault happen, once, at the first frontend message that is the wanted one.
    pub fn on(&self, wanted: impl Fn(&Message) -> bool + Send + 'static, when: When, fault: Fault) {
        self.shared.add(Hook { wanted: Box::new(wanted), when, fault });
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
