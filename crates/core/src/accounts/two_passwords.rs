use std::borrow::Cow;
use std::future::Future;

use crate::accounts::Accounts;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::sensitive::Sensitive;

/// A server that keeps two passwords for an account: the primary one, which was set last, and a secondary one.
#[diagnostic::on_unimplemented(message = "`{Self}` keeps one password for an account")]
pub trait TwoPasswords: Accounts {
    /// Returns how many passwords the server keeps for the session's account, and what stands in the way of two.
    fn passwords(
        &self,
        session: &mut Self::Session,
        cx: &Context<'_>,
    ) -> impl Future<Output = Result<Passwords>> + Send;

    /// Changes the primary password of the session's own account from `from` to `to`, in one statement that compares
    /// and sets.
    ///
    /// Errors: `Forbidden`, naming the right that is missing; never `Rejected`.
    fn swap_password(
        &self,
        session: &mut Self::Session,
        from: &Sensitive,
        to: &Sensitive,
        old: Old,
        cx: &Context<'_>,
    ) -> impl Future<Output = Result<Swapped>> + Send;

    /// Makes the server refuse the secondary password of the session's own account. Succeeds where there is none.
    ///
    /// Errors: `Forbidden`, naming the right that is missing.
    fn discard_password(
        &self,
        session: &mut Self::Session,
        cx: &Context<'_>,
    ) -> impl Future<Output = Result<()>> + Send;
}

/// What becomes of the password that was the primary one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Old {
    /// It becomes the secondary password, and the one that was dies.
    Retained,
    /// It dies, and the secondary password goes on working.
    Refused,
}

/// What became of a change of the primary password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Swapped {
    /// It was changed.
    Done,
    /// `from` is not the primary password, as MySQL's error 3891 says: nothing changed.
    NotPrimary,
}

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

    /// Explains why there is one password, and what would change that.
    pub(crate) fn why(&self) -> String {
        match self {
            Self::Two => "the server keeps two passwords for the account".to_owned(),
            Self::OneUntil { grant } => format!("the account may not keep two passwords, which {grant} would change"),
            Self::One { server } => format!("{server} keeps one password for an account"),
        }
    }

    /// Returns why a rotation that was asked to use two passwords cannot.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_why_there_is_one_password_and_what_would_change_that() {
        let without = Passwords::OneUntil { grant: "GRANT x TO y".into() };
        assert_eq!(without.why(), "the account may not keep two passwords, which GRANT x TO y would change");
        assert_eq!(
            without.refusal().to_string(),
            "the account may not keep two passwords. Let an administrator run GRANT x TO y; or set the tag fourstep:strategy=single-user."
        );
        let server = Passwords::One { server: "MariaDB 10.11".into() };
        assert_eq!(server.why(), "MariaDB 10.11 keeps one password for an account");
        assert_eq!(
            server.refusal().to_string(),
            "the setting strategy is `dual-password`, and MariaDB 10.11 keeps one password for an account. Set the tag fourstep:strategy to single-user or alternating-users."
        );
    }
}
