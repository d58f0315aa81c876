pub(crate) mod admin;

use std::future::Future;

use crate::{AccountSecret, Context, Result, Sensitive};

/// The accounts of one kind of server: log in, set a password, make a clone equal to its base.
///
/// The strategies [`SingleUser`](crate::SingleUser) and [`AlternatingUsers`](crate::AlternatingUsers) make a
/// [`Rotator`](crate::Rotator) of it. They own the order of things: open the session, take the lock in it, fence,
/// observe, write. No implementation looks at a label.
pub trait Accounts: Clone + Send + Sync + 'static {
    /// A session at the server, as one account. Dropping it undoes what was not committed.
    type Session: Send;

    /// The values of the secret's `engine` that this kind of server answers to.
    const ENGINES: &'static [&'static str];

    /// The characters that a password leaves out, unless the settings say otherwise.
    const EXCLUDE_CHARACTERS: &'static str;

    /// Checks that the server can have an account of this name.
    ///
    /// # Errors
    ///
    /// `Invalid`, with the limit and the name's length.
    fn check_name(&self, account: &str) -> Result<()>;

    /// Opens a session as the secret's account, and makes sure that it is that account's.
    ///
    /// Errors: `Rejected` only if the server refused the credential itself; `Unavailable` where it gave no answer or
    /// has no room; `Forbidden` where the account may not log in; `Invalid` where TLS or the address is wrong.
    fn log_in(&self, secret: &AccountSecret, cx: &Context<'_>) -> impl Future<Output = Result<Self::Session>> + Send;

    /// Takes the server's lock of this secret, bound to the session. Held by another: `Unavailable`.
    fn lock(&self, session: &mut Self::Session, cx: &Context<'_>) -> impl Future<Output = Result<()>> + Send;

    /// Sets the password of an account that exists. Must send the same statement for the same version and password.
    fn set_password(
        &self,
        session: &mut Self::Session,
        account: &str,
        password: &Sensitive,
        cx: &Context<'_>,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Makes the clone exist and able to do what its base may, no more and no less, and marks it as the base's clone.
    ///
    /// `known` tells that this secret used the clone before. A clone that is not known and bears no mark of ours is
    /// another's: `Conflict`, unless the setting `adopt` allows it. A clone that it makes cannot log in before
    /// [`set_password`](Self::set_password).
    fn mirror(
        &self,
        session: &mut Self::Session,
        base: &str,
        clone: &str,
        known: bool,
        cx: &Context<'_>,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Gives the base whose clone the account is by our mark, if it has one.
    fn marked_base(
        &self,
        session: &mut Self::Session,
        account: &str,
    ) -> impl Future<Output = Result<Option<String>>> + Send;

    /// Proves that the session's account may do what its base may, if it is a clone. `Forbidden`, naming what is
    /// missing and both ways out, if not.
    fn check_rights(
        &self,
        session: &mut Self::Session,
        account: &str,
        cx: &Context<'_>,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Makes what was written lasting, gives the lock back and ends the session.
    fn commit(&self, session: Self::Session) -> impl Future<Output = Result<()>> + Send;

    /// Ends a session that wrote nothing, or whose writes are to be undone.
    fn close(&self, session: Self::Session) -> impl Future<Output = ()> + Send;
}

/// Tries whether the server accepts the secret's account, as its `test` in every strategy.
pub(crate) async fn try_login<A: Accounts>(accounts: &A, secret: &AccountSecret, cx: &Context<'_>) -> Result<()> {
    secret.check(A::ENGINES)?;
    let session = accounts.log_in(secret, cx).await?;
    accounts.close(session).await;
    Ok(())
}
