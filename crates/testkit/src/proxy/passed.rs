use std::fmt;
use std::sync::atomic::AtomicU16;
use std::sync::{Mutex, MutexGuard};

use super::fault::{Fault, When};
use super::message::Message;
use crate::lock::lock;

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

/// A fault that is to happen.
pub(super) struct Hook {
    pub(super) wanted: Box<dyn Fn(&Message) -> bool + Send>,
    pub(super) when: When,
    pub(super) fault: Fault,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) counts: Counts,
    hooks: Vec<Hook>,
}

/// What all connections share.
pub(super) struct Shared {
    /// The port of the server.
    pub(super) server: AtomicU16,
    state: Mutex<State>,
}

impl Shared {
    pub(super) fn before(port: u16) -> Self {
        Self { server: port.into(), state: Mutex::default() }
    }

    /// Counts from zero again, and forgets the faults that did not happen.
    pub(super) fn reset(&self) {
        *self.lock() = State::default();
    }

    pub(super) fn add(&self, hook: Hook) {
        self.lock().hooks.push(hook);
    }

    /// Counts a message of a client.
    pub(super) fn number(&self, kind: Option<u8>, bytes: Vec<u8>) -> Message {
        let counts = &mut self.lock().counts;
        counts.frontend += 1;
        Message { number: counts.frontend, kind, bytes }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Returns the fault that is to happen at this message, once.
    pub(super) fn fault(&self, message: &Message, when: When) -> Option<Fault> {
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
