use async_trait::async_trait;

use crate::error::{Error, Result};

/// Looks up database servers where the secrets alone do not tell enough: at Amazon RDS, or in
/// [`MemoryServers`](crate::memory::MemoryServers) for tests.
///
/// It is asked in two cases only: an administrator's secret names no host, since Amazon RDS manages it; or the
/// administrator's secret and the one that is rotated name different hosts. Errors: `Unavailable` for no answer and for
/// throttling, `Forbidden` for a missing right. What retried by itself marks the error with
/// [`Error::retried`](crate::Error::retried).
#[async_trait]
pub trait ServerLookup: Send + Sync {
    /// Returns the server that an ARN names: of a database instance, or of a cluster, whose writer it then is.
    ///
    /// `Invalid` if there is none, `Unavailable` if it has no address yet.
    async fn server(&self, arn: &str) -> Result<FoundServer>;

    /// Returns whether the host `follower` has what is written at the host `primary`: as a read replica of it, or as
    /// another end point or another instance of its cluster.
    ///
    /// True only if both names are, as a whole, addresses of such servers. A name that merely resembles one proves
    /// nothing: whoever may write the secret chooses `follower`.
    async fn follows(&self, follower: &str, primary: &str) -> Result<bool>;
}

/// A database server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundServer {
    /// The kind of server, in the words of [`AccountSecret::engine`](crate::accounts::AccountSecret::engine).
    pub engine: String,
    /// The name that clients connect to.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// Knows no server.
pub(crate) struct NoLookup;

#[async_trait]
impl ServerLookup for NoLookup {
    async fn server(&self, arn: &str) -> Result<FoundServer> {
        Err(Error::invalid(format!("this function cannot look up the server {arn}"))
            .next("Give the strategy a way to look servers up, by `with_servers`"))
    }

    async fn follows(&self, _follower: &str, _primary: &str) -> Result<bool> {
        Ok(false)
    }
}
