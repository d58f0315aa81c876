use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;

use crate::accounts::{FoundServer, ServerLookup, same_host};
use crate::error::{Error, Result};

/// Database servers that a test made up.
#[derive(Debug, Default)]
pub struct MemoryServers {
    by_arn: BTreeMap<String, FoundServer>,
    followers: BTreeSet<(String, String)>,
    asked: AtomicUsize,
}

impl MemoryServers {
    /// Adds a server with its ARN.
    #[must_use]
    pub fn with_server(mut self, arn: &str, server: FoundServer) -> Self {
        self.by_arn.insert(arn.to_owned(), server);
        self
    }

    /// Lets one host follow another.
    #[must_use]
    pub fn with_follower(mut self, follower: &str, primary: &str) -> Self {
        self.followers.insert((follower.to_owned(), primary.to_owned()));
        self
    }

    /// Returns how often somebody asked.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl ServerLookup for MemoryServers {
    async fn server(&self, arn: &str) -> Result<FoundServer> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.by_arn.get(arn).cloned().ok_or_else(|| Error::invalid(format!("there is no server {arn}")))
    }

    async fn follows(&self, follower: &str, primary: &str) -> Result<bool> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Ok(self.followers.iter().any(|(one, other)| same_host(one, follower) && same_host(other, primary)))
    }
}
