use std::borrow::Cow;

use crate::Error;

/// How many passwords a server keeps for an account, and what stands in the way of two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Passwords {
    /// Two: the primary one, which was set last, and a secondary one, which was retained.
    Two,
    /// One, since the account lacks a right: the statement that grants it.
    OneUntil {
        /// The statement, as an administrator has to send it.
        grant: String,
    },
    /// One, since the server keeps no more.
    One {
        /// What the server is, as a sentence begins: `MariaDB 10.11`, `MySQL 8.0.13`.
        server: Cow<'static, str>,
    },
}

impl Passwords {
    pub(crate) fn none_of_this_kind() -> Self {
        Self::One { server: "this kind of server".into() }
    }

    /// Gives why a rotation that was asked to use two passwords cannot.
    pub(crate) fn refusal(&self) -> Error {
        match self {
            Self::Two => Error::other("an account was refused a second password that it may have"),
            Self::OneUntil { grant } => Error::forbidden("the account may not keep two passwords")
                .next(format!("Let an administrator run {grant}; or set the tag fourstep:strategy=single-user")),
            Self::One { server } => Error::invalid(format!(
                "the setting strategy is `dual-password`, and {server} keeps one password for an account"
            ))
            .next("Set the tag fourstep:strategy to single-user or alternating-users"),
        }
    }
}
