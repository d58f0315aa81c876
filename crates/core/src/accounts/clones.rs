use std::future::Future;

use crate::accounts::{AccountSecret, Accounts};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::sensitive::Sensitive;

/// A server on which two accounts can take turns: a base, which its owner made, and its clone.
pub trait Clones: Accounts {
    /// Makes the clone exist and able to do what its base may, no more and no less, and marks it as the base's clone.
    ///
    /// A clone that bears no mark of ours, and is not this secret's by the claim, is another's: then nothing is written. A clone that it makes cannot log in before
    /// [`set_password`](Accounts::set_password).
    fn mirror(
        &self,
        session: &mut Self::Session,
        base: &str,
        clone: &str,
        claim: &Claim,
        cx: &Context<'_>,
    ) -> impl Future<Output = Result<Mirrored>> + Send;

    /// Reads our mark on an account, in its own session or an administrator's.
    fn mark(&self, session: &mut Self::Session, account: &str) -> impl Future<Output = Result<Mark>> + Send;

    /// Returns whether the server has the account, in an administrator's session.
    fn exists(&self, session: &mut Self::Session, account: &str) -> impl Future<Output = Result<bool>> + Send;

    /// Returns whether the account has one of these passwords, by what the server stores for it: where it has no place for a
    /// mark and shows that. A server that does not show it leaves this out.
    ///
    /// It tells also of an account that may not log in now.
    fn was_given(
        &self,
        session: &mut Self::Session,
        account: &str,
        passwords: &[Sensitive],
    ) -> impl Future<Output = Result<bool>> + Send {
        let _ = (session, account, passwords);
        async { Ok(false) }
    }

    /// Marks an account as the clone of a base, in place of another mark. Only where [`mark`](Self::mark) finds a place.
    fn adopt(
        &self,
        session: &mut Self::Session,
        base: &str,
        clone: &str,
        cx: &Context<'_>,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Proves that the session's account may do what the other one of its pair may, which is current.
    ///
    /// Where an account sees its own rights only, [`Other::open`] opens a session of the other one.
    ///
    /// Errors: `Forbidden`, naming what is missing and both ways out.
    fn check_rights(
        &self,
        session: &mut Self::Session,
        account: &str,
        other: &Other<'_, Self>,
        cx: &Context<'_>,
    ) -> impl Future<Output = Result<()>> + Send;
}

/// What an account's mark says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It is the clone of this base.
    Of(String),
    /// It bears no mark.
    None,
    /// A server of this kind has no place for a mark.
    NoPlace,
}

/// What became of a clone.
#[derive(Debug)]
pub enum Mirrored {
    /// It may do what its base may, no more and no less.
    Equal,
    /// By the claim it belongs to someone else, and nothing was written: the refusal, a `Conflict`.
    OfAnother(Error),
}

/// What tells that a clone is this secret's own, beside a mark in the server.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The function's owner says so.
    pub adopted: bool,
    /// The server accepts a version of this secret as the clone.
    pub known: bool,
    /// The passwords that this secret gave the clone, or was about to: the pending version's first. A server that shows
    /// what it stores for an account tells by them; whoever writes the secret cannot guess one that matches.
    pub passwords: Vec<Sensitive>,
}

/// The other account of the pair of one that is tested: the current one.
#[derive(Debug)]
pub struct Other<'a, A> {
    accounts: &'a A,
    account: &'a str,
    cx: &'a Context<'a>,
}

impl<'a, A: Accounts> Other<'a, A> {
    pub(crate) fn new(accounts: &'a A, account: &'a str, cx: &'a Context<'a>) -> Self {
        Self { accounts, account, cx }
    }

    /// Opens its session by AWSCURRENT. `None`: AWSCURRENT is not of the other account of a pair, or the server refuses its
    /// password, which was changed by hand; setSecret compared the two.
    ///
    /// # Errors
    ///
    /// Those of a login, but `Rejected`.
    pub async fn open(&self) -> Result<Option<A::Session>> {
        let current = self.cx.current::<AccountSecret>().await?;
        let current = current.secret();
        if base_of_pair(&current.username, self.account).is_none() {
            return Ok(None);
        }
        match self.accounts.log_in(current, self.cx).await {
            Ok(session) => Ok(Some(session)),
            Err(error) if error.is_rejected() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// What the name of a clone has beyond its base's.
const SUFFIX: &str = "_clone";

/// Returns the name that a base account's clone has.
#[must_use]
pub fn clone_of(base: &str) -> String {
    format!("{base}{SUFFIX}")
}

/// Returns the base of an account that is a clone by its name alone.
#[must_use]
pub fn base_by_name(account: &str) -> Option<&str> {
    account.strip_suffix(SUFFIX).filter(|base| !base.is_empty())
}

/// Returns the base of two accounts of which one is the other's clone by name.
pub(crate) fn base_of_pair<'a>(one: &'a str, other: &'a str) -> Option<&'a str> {
    let base_of = |clone: &'a str, base: &'a str| clone.strip_suffix(SUFFIX).filter(|name| *name == base);
    base_of(one, other).or_else(|| base_of(other, one))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_a_name_and_the_same_with_the_suffix() {
        for (one, other, base) in [
            ("app", "app_clone", Some("app")),
            ("app_clone", "app", Some("app")),
            ("svc_clone", "svc_clone_clone", Some("svc_clone")),
            ("app", "app", None),
            ("app_clone", "app_clone", None),
            ("app", "other_clone", None),
            ("", "_clone", Some("")),
        ] {
            assert_eq!(base_of_pair(one, other), base, "{one} {other}");
        }
    }
}
