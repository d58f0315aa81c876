use std::fmt;

use sha2::{Digest, Sha256};

use crate::context::Context;
use crate::error::Error;

/// The name of a secret's lock at its server: the same one in every version of Fourstep, so that an old and a new function
/// exclude each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lock([u8; 32]);

impl Lock {
    /// Returns the lock of the secret that is rotated.
    #[must_use]
    pub fn of(cx: &Context<'_>) -> Self {
        Self::of_secret(cx.secret_id())
    }

    /// Returns the lock of a secret by its whole ARN.
    #[must_use]
    pub fn of_secret(arn: &str) -> Self {
        Self(Sha256::new().chain_update("fourstep lock\0").chain_update(arn).finalize().into())
    }

    /// Returns the hash that names the lock, for a server to take as much of it as its locks allow.
    #[must_use]
    pub fn hash(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reports that another session holds the lock. `server` is what holds it, as `PostgreSQL at db:5432`.
    pub fn held(server: impl fmt::Display) -> Error {
        Error::unavailable(format!("another invocation holds the lock of this secret at {server}"))
            .next("It is given back when that invocation ends, and Secrets Manager tries again by itself")
    }
}
