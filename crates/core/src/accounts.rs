pub(crate) mod admin;
pub(crate) mod own;
mod passwords;

use std::future::Future;

use crate::account::AccountSecret;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::sensitive::Sensitive;

pub use passwords::Passwords;

/// The accounts of one kind of server: log in, set a password, make a clone equal to its base.
///
/// The strategies [`SingleUser`](crate::SingleUser), [`AlternatingUsers`](crate::AlternatingUsers) and, for servers that
/// keep two passwords for an account, [`DualPassword`](crate::DualPassword) make a [`Rotator`](crate::Rotator) of it.
/// They own the order of things: open the session, take the lock in it, fence, observe, write. No implementation looks
/// at a label.
///
/// A server may make each statement lasting at once, as MySQL does: no order of these calls relies on more.
pub trait Accounts: Clone + Send + Sync + 'static {
    /// A session at the server, as one account. Dropping it undoes what was not committed.
    type Session: Send;

    /// The values of the secret's `engine` that this kind of server answers to.
    const ENGINES: &'static [&'static str];

    /// The port of a server whose secret names none.
    const DEFAULT_PORT: u16;

    /// The characters that a password leaves out, unless the settings say otherwise.
    const EXCLUDE_CHARACTERS: &'static str;

    /// Whether a server of this kind may keep two passwords for an account. Where it is false, leave out
    /// [`passwords`](Self::passwords), [`swap_password`](Self::swap_password) and
    /// [`discard_password`](Self::discard_password).
    const TWO_PASSWORDS: bool = false;

    /// Whether an account of this kind of server sees its own rights only, so that it takes a session of the base as
    /// well to prove that a clone may do the same.
    const RIGHTS_BY_BOTH: bool = false;

    /// Checks that the server can have an account of the secret's user name.
    ///
    /// # Errors
    ///
    /// `Invalid`, with the limit and the name's length.
    fn check_name(&self, secret: &AccountSecret, cx: &Context<'_>) -> Result<()>;

    /// Opens a session as the secret's account, and makes sure that it is that account's.
    ///
    /// Errors: `Rejected` only if the server refused the credential itself; `Unavailable` where it gave no answer or
    /// has no room; `Forbidden` where the account may not log in; `Invalid` where TLS or the address is wrong.
    fn log_in(&self, secret: &AccountSecret, cx: &Context<'_>) -> impl Future<Output = Result<Self::Session>> + Send;

    /// Takes the server's lock of this secret, bound to the session. Held by another: `Unavailable`.
    fn lock(&self, session: &mut Self::Session, cx: &Context<'_>) -> impl Future<Output = Result<()>> + Send;

    /// Sets the password of an account that exists. Must send the same statement for the same version and password.
    /// Where the account has two passwords, the primary one changes and the secondary one goes on working.
    fn set_password(
        &self,
        session: &mut Self::Session,
        account: &str,
        password: &Sensitive,
        cx: &Context<'_>,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Makes the clone exist and able to do what its base may, no more and no less, and marks it as the base's clone.
    ///
    /// A clone that bears no mark of ours, and is not this secret's by the claim, is another's, unless the setting `adopt`
    /// allows it: then nothing is written. A clone that it makes cannot log in before [`set_password`](Self::set_password).
    fn mirror(
        &self,
        session: &mut Self::Session,
        base: &str,
        clone: &str,
        claim: &Claim,
        cx: &Context<'_>,
    ) -> impl Future<Output = Result<Mirrored>> + Send;

    /// Returns the base whose clone the account is by our mark, if it has one.
    fn marked_base(
        &self,
        session: &mut Self::Session,
        account: &str,
    ) -> impl Future<Output = Result<Option<String>>> + Send;

    /// Returns, in an administrator's session, whether the clone bears our mark as that base's. `None`: a server of this kind
    /// has no place for a mark.
    fn is_marked(
        &self,
        session: &mut Self::Session,
        base: &str,
        clone: &str,
    ) -> impl Future<Output = Result<Option<bool>>> + Send {
        let _ = (session, base, clone);
        async { Ok(None) }
    }

    /// Proves that the session's account may do what its base may, if it is a clone. `Forbidden`, naming what is
    /// missing and both ways out, if not.
    ///
    /// `of_base` is a session of the base where [`RIGHTS_BY_BOTH`](Self::RIGHTS_BY_BOTH) asks for one and the server lets
    /// that account in.
    fn check_rights(
        &self,
        session: &mut Self::Session,
        account: &str,
        of_base: Option<&mut Self::Session>,
        cx: &Context<'_>,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Returns whether the server keeps two passwords for the session's account, and lets that account say so itself.
    fn passwords(
        &self,
        session: &mut Self::Session,
        cx: &Context<'_>,
    ) -> impl Future<Output = Result<Passwords>> + Send {
        let _ = (session, cx);
        async { Ok(Passwords::none_of_this_kind()) }
    }

    /// Changes the primary password of the session's own account from `from` to `to`, in one statement that compares
    /// and sets. With `retain`, `from` becomes the secondary password and the one that was dies; without, the secondary
    /// password goes on working.
    ///
    /// Returns false where `from` is not the primary password, as MySQL's error 3891 says: nothing changed then.
    ///
    /// Errors: `Forbidden`, naming the right that is missing; never `Rejected`.
    fn swap_password(
        &self,
        session: &mut Self::Session,
        from: &Sensitive,
        to: &Sensitive,
        retain: bool,
        cx: &Context<'_>,
    ) -> impl Future<Output = Result<bool>> + Send {
        let _ = (session, from, to, retain, cx);
        async { Err(Passwords::none_of_this_kind().refusal()) }
    }

    /// Makes the server refuse the secondary password of the session's own account. Succeeds where there is none.
    ///
    /// Errors: `Forbidden`, naming the right that is missing.
    fn discard_password(
        &self,
        session: &mut Self::Session,
        cx: &Context<'_>,
    ) -> impl Future<Output = Result<()>> + Send {
        let _ = (session, cx);
        async { Err(Passwords::none_of_this_kind().refusal()) }
    }

    /// Refuses a session at a server that as a whole writes nothing: a replica, or one that is being moved. A session whose
    /// owner set its account so is none. A kind of server that has no such state leaves it out.
    ///
    /// # Errors
    ///
    /// `Unavailable`: after a failover it passes.
    fn check_writable(&self, session: &Self::Session) -> Result<()> {
        let _ = session;
        Ok(())
    }

    /// Makes what was written lasting, gives the lock back and ends the session.
    fn commit(&self, session: Self::Session) -> impl Future<Output = Result<()>> + Send;

    /// Ends a session that wrote nothing, or whose writes are to be undone.
    fn close(&self, session: Self::Session) -> impl Future<Output = ()> + Send;
}

/// What became of a clone.
#[derive(Debug)]
pub enum Mirrored {
    /// It may do what its base may, no more and no less.
    Equal,
    /// It is another's, as far as the claim tells, and nothing was written: the refusal, a `Conflict`.
    OfAnother(Error),
}

/// What tells that a clone is this secret's own, beside a mark in the server.
#[derive(Clone, Debug, Default)]
pub struct Claim {
    /// A version of this secret was current with the clone.
    pub known: bool,
    /// The passwords that this secret gave the clone, or was about to: the pending version's first, then those of
    /// versions that were given up.
    pub passwords: Vec<Sensitive>,
}

/// Tries whether the server accepts the secret's account, as its `test` in every strategy.
pub(crate) async fn try_login<A: Accounts>(accounts: &A, secret: &AccountSecret, cx: &Context<'_>) -> Result<()> {
    secret.check(A::ENGINES)?;
    let session = accounts.log_in(secret, cx).await?;
    accounts.close(session).await;
    Ok(())
}

/// Returns whether the server accepts the secret's account. No answer is an error.
pub(crate) async fn opens<A: Accounts>(accounts: &A, secret: &AccountSecret, cx: &Context<'_>) -> Result<bool> {
    match try_login(accounts, secret, cx).await {
        Ok(()) => Ok(true),
        Err(error) if error.is_rejected() => Ok(false),
        Err(error) => Err(error),
    }
}
