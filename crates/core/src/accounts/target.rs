use std::fmt;
use std::sync::Arc;

use crate::accounts::lookup::NoLookup;
use crate::accounts::{AccountSettings, Accounts, ServerLookup};
use crate::settings::{Groups, PasswordPolicy};

/// The accounts of a kind of server, and how its servers are looked up: what every strategy works on.
#[derive(Clone)]
pub(crate) struct Target<A> {
    pub(crate) accounts: A,
    pub(crate) servers: Arc<dyn ServerLookup>,
}

impl<A> Target<A> {
    /// Creates one that looks no server up.
    pub(crate) fn new(accounts: A) -> Self {
        Self { accounts, servers: Arc::new(NoLookup) }
    }

    /// Sets how servers are looked up.
    pub(crate) fn with_servers(self, servers: Arc<dyn ServerLookup>) -> Self {
        Self { servers, ..self }
    }
}

impl<A: Accounts> Target<A> {
    /// Returns the groups of settings that every strategy reads, and those of the plugin.
    pub(crate) fn settings() -> Groups {
        Groups::of::<AccountSettings>().and::<PasswordPolicy>().with(A::settings())
    }
}

impl<A> fmt::Debug for Target<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Target")
    }
}
