//! User names and passwords: what a plugin implements for its kind of server, and the strategies that rotate them.
//!
//! A strategy is a way in which the old and the new credential live together while clients change over: one account whose
//! password is replaced (single-user), two accounts that take turns (alternating-users), or one account with two passwords
//! (dual-password).
//!
//! A plugin implements [`Accounts`]; and [`Clones`] where two accounts can take turns, [`TwoPasswords`] where the server
//! keeps two passwords for an account. Each gives it a strategy:
//!
//! | trait | strategy |
//! | --- | --- |
//! | [`Accounts`] | [`SingleUser`] |
//! | [`Clones`] | [`AlternatingUsers`] |
//! | [`TwoPasswords`] | [`DualPassword`] |
//!
//! [`Strategies`] chooses among those that a server has, by the setting [`strategy`](StrategyChoice): dual-password where
//! the server and the account's rights allow it, else single-user; alternating-users where it is asked for, or where the
//! secret's versions already alternate. Single-user is for clients that bear a short refusal: from setSecret until they
//! read the new value. The others have no such gap; alternating-users needs an administrator's secret.

mod administrator;
mod clones;
mod held;
mod lock;
mod lookup;
mod probe;
mod secret;
mod settings;
mod strategies;
mod target;
mod two_passwords;

use crate::context::Context;
use crate::error::Result;
use crate::sensitive::Sensitive;
use crate::settings::Groups;

pub use clones::{Claim, Clones, Mark, Mirrored, Other, base_by_name, clone_of};
pub use held::Held;
pub use lock::Lock;
pub use lookup::{FoundServer, ServerLookup};
pub use secret::{AccountSecret, same_host};
pub use settings::{AccountSettings, AdminAccounts, Grants, StrategyChoice};
pub use strategies::Strategies;
pub use strategies::alternating_users::AlternatingUsers;
pub use strategies::dual_password::DualPassword;
pub(crate) use strategies::reset::RESET;
pub use strategies::single_user::SingleUser;
pub use two_passwords::{Old, Passwords, Swapped, TwoPasswords};

/// The accounts of one kind of server: log in, lock, set a password. No implementation looks at a label.
///
/// The strategies own the order of things: open the session, take the lock in it, fence, observe, write. A server may
/// commit each statement at once, as MySQL does: no order of these calls relies on more.
pub trait Accounts: Clone + Send + Sync + 'static {
    /// A session at the server, as one account. Dropping it undoes what was not committed.
    type Session: Send;

    /// The values of the secret's `engine` that this kind of server answers to.
    const ENGINES: &'static [&'static str];

    /// The port of a server whose secret names none.
    const DEFAULT_PORT: u16;

    /// The characters that a password leaves out, unless the settings say otherwise.
    const EXCLUDE_CHARACTERS: &'static str;

    /// Returns the groups of settings that the plugin reads, beside those of every account.
    fn settings() -> Groups {
        Groups::none()
    }

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

    /// Takes the server's lock of this secret, bound to the session: see [`Lock`]. Held by another: `Unavailable`.
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

    /// Refuses a session at a server that as a whole writes nothing: a replica, or one that is being moved. An account that
    /// its owner made read-only does not count. A kind of server that has no such state leaves it out.
    ///
    /// # Errors
    ///
    /// `Unavailable`: after a failover it passes.
    fn check_writable(&self, session: &Self::Session) -> Result<()> {
        let _ = session;
        Ok(())
    }

    /// Commits what was written, or leaves it undone; releases the lock and ends the session.
    fn commit(&self, session: Self::Session) -> impl Future<Output = Result<()>> + Send;

    /// Ends a session that wrote nothing, or whose writes are to be undone.
    fn close(&self, session: Self::Session) -> impl Future<Output = ()> + Send;
}
