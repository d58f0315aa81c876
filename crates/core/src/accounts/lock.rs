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

    /// Reports that another session holds the lock. `server` is what holds it, as `PostgreSQL at db:5432`; `holder` names the
    /// session, as `session 17`, and `end` is the statement that ends it.
    ///
    /// Any account of a server may hold any lock there, so it need not be a rotation's session.
    pub fn held(server: impl fmt::Display, holder: Option<&str>, end: Option<&str>) -> Error {
        let holder = holder.unwrap_or("another session");
        let error = Error::unavailable(format!("{holder} holds the lock of this secret at {server}"));
        let by_itself = "A rotation gives it back when its step ends, and Secrets Manager tries again by itself";
        error.next(match end {
            Some(end) => format!("{by_itself}. If that session is not a rotation's, end it: {end}"),
            None => by_itself.to_owned(),
        })
    }
}
