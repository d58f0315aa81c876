pub(super) mod alternating_users;
mod dual_or_single;
pub(super) mod dual_password;
mod own_account;
pub(super) mod pair;
pub(crate) mod reset;
mod sibling;
pub(super) mod single_user;

use std::fmt;
use std::sync::Arc;

use crate::accounts::clones::{base_by_name, base_of_pair};
use crate::accounts::strategies::alternating_users::AlternatingUsers;
use crate::accounts::strategies::dual_or_single::DualOrSingle;
use crate::accounts::strategies::dual_password::DualPassword;
use crate::accounts::strategies::reset::Reset;
use crate::accounts::strategies::sibling::{LookUp, Sibling};
use crate::accounts::strategies::single_user::SingleUser;
use crate::accounts::target::Target;
use crate::accounts::{
    AccountSecret, AccountSettings, Accounts, Clones, Passwords, ServerLookup, StrategyChoice, TwoPasswords,
};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::rotation::{Chosen, Rotation};
use crate::settings::Groups;
use crate::step::Step;
use crate::store::{AWSCURRENT, AWSPREVIOUS};
use crate::version::{Version, is_of_operator};

/// Rotates accounts by the strategy that the secret asks for: its tag `fourstep:strategy`, or the variable `STRATEGY`.
///
/// Every kind of server has single-user; the others are added where it can do them. A plugin's own `From` adds all that
/// its server has.
///
/// `auto` goes on with alternating-users where the secret's versions already alternate. Otherwise it is dual-password
/// where the server keeps two passwords for the account and the account may use them, and single-user where not: then
/// setSecret logs why, and which right would change it. A `dual-password` that is asked for and not possible is
/// `Invalid` (the server keeps one) or `Forbidden` (the account lacks the right).
///
/// Which accounts alternate, `auto` tells by the secret's versions. Where an edit by hand, a rollback or a reset left both labels on
/// one account, it asks the administrator: by our mark at the server both alternate; a second account that is there without a
/// mark is a `Conflict`. Where the administrator cannot be asked, it rotates the one account. The tag with `alternating-users` or
/// `single-user` leaves it no choice, and asks nobody.
///
/// The right for two passwords may come and go, also in the middle of a rotation. While it is there AWSCURRENT opens the
/// server at every moment. Whoever takes it away, or chooses another strategy, should discard the secondary password too:
/// that one goes on working until the next rotation by dual-password.
pub struct Strategies<A> {
    target: Target<A>,
    alternating_users: Option<Pairs<A>>,
    dual_password: Option<Choice<A>>,
    /// What `auto` does where no two accounts take turns.
    one_account: Choice<A>,
}

/// What a server has on which two accounts take turns.
struct Pairs<A> {
    chosen: Choice<A>,
    look_up: LookUp<A>,
}

/// Chooses one strategy. As a function, so that only a server that has the strategy needs its trait.
type Choice<A> = fn(Target<A>) -> Chosen<'static>;

impl<A: Accounts> Strategies<A> {
    /// Creates the choice of a kind of server, with single-user alone.
    #[must_use]
    pub fn new(accounts: A) -> Self {
        let target = Target::new(accounts);
        Self {
            target,
            alternating_users: None,
            dual_password: None,
            one_account: |target| Chosen::new(SingleUser(target)),
        }
    }

    /// Sets how database servers are looked up. Without it, an administrator's secret has to name its host, and the same
    /// one as the secret that is rotated.
    #[must_use]
    pub fn with_servers(self, servers: Arc<dyn ServerLookup>) -> Self {
        Self { target: self.target.with_servers(servers), ..self }
    }

    /// Adds alternating-users.
    #[must_use]
    pub fn with_alternating_users(self) -> Self
    where
        A: Clones,
    {
        let pairs = Pairs {
            chosen: |target| Chosen::new(AlternatingUsers(target)),
            look_up: |target, current, older, cx| Box::pin(sibling::look_up(target, current, older, cx)),
        };
        Self { alternating_users: Some(pairs), ..self }
    }

    /// Adds dual-password.
    #[must_use]
    pub fn with_dual_password(self) -> Self
    where
        A: TwoPasswords,
    {
        let dual_password: Option<Choice<A>> = Some(|target| Chosen::new(DualPassword(target)));
        Self { dual_password, one_account: |target| Chosen::new(DualOrSingle(target)), ..self }
    }
}

impl<A: Accounts> Rotation for Strategies<A> {
    fn settings(&self) -> Groups {
        Target::<A>::settings()
    }

    async fn choose(&self, cx: &Context<'_>) -> Result<Chosen<'_>> {
        let target = self.target.clone();
        match (cx.settings::<AccountSettings>().strategy, &self.alternating_users) {
            (StrategyChoice::SingleUser, _) => Ok(Chosen::new(SingleUser(target))),
            (StrategyChoice::AlternatingUsers, Some(pairs)) => Ok((pairs.chosen)(target)),
            (StrategyChoice::AlternatingUsers, None) => Err(no_alternating_users()),
            (StrategyChoice::DualPassword, _) => match self.dual_password {
                Some(chosen) => Ok(chosen(target)),
                None => Err(Passwords::none_of_this_kind().refusal()),
            },
            (StrategyChoice::Auto, Some(pairs)) if alternates(&target, pairs.look_up, cx).await? => {
                Ok((pairs.chosen)(target))
            }
            (StrategyChoice::Auto, _) => Ok((self.one_account)(target)),
        }
    }

    async fn choose_reset(&self, account: Option<&str>, cx: &Context<'_>) -> Result<Chosen<'_>> {
        let current = cx.first_value::<AccountSecret>().await?;
        let current = current.secret();
        current.check(A::ENGINES)?;
        let Some(administrator) = &current.masterarn else {
            return Err(Error::invalid(
                "the secret has no field `masterarn`, so no administrator can reset its password",
            )
            .next("Set a password at the server, and store it in the secret as AWSCURRENT"));
        };
        if account == Some(&current.username) {
            return Ok(Chosen::new(Reset(self.target.clone())));
        }
        let (host, port) = current.endpoint(cx.settings::<AccountSettings>(), A::DEFAULT_PORT)?;
        let of = format!(
            "the account `{}` at {host}:{port}, by the administrator of secret {administrator}",
            current.username
        );
        let what = match account {
            Some(_) => format!("the secret is not of the account that was named, but of {of}"),
            None => format!("nobody named the account whose password is to be reset. It would be that of {of}"),
        };
        let command = cx.command("reset", &current.username);
        Err(Error::invalid(what)
            .still_works("Nothing was changed")
            .next(format!("If that account is this secret's, say so: {command}")))
    }
}

impl<A> fmt::Debug for Strategies<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Strategies").finish_non_exhaustive()
    }
}

fn no_alternating_users() -> Error {
    Error::invalid("the setting strategy is `alternating-users`, and on this kind of server no two accounts take turns")
        .next("Set the tag fourstep:strategy to single-user")
}

/// Returns whether the versions of the secret already take turns between an account and its clone.
async fn alternates<A: Accounts>(target: &Target<A>, look_up: LookUp<A>, cx: &Context<'_>) -> Result<bool> {
    let (newer, older) = match cx.step() {
        Step::Create => (cx.labelled::<AccountSecret>(AWSCURRENT).await?, AWSPREVIOUS),
        Step::Set | Step::Test | Step::Finish => {
            (cx.pending().await?, if cx.is_promoted() { AWSPREVIOUS } else { AWSCURRENT })
        }
    };
    // The administrator's secret is what sets a secret of two accounts apart, and spares others the older version.
    let Some(newer) = newer.filter(|version| version.secret().masterarn.is_some()) else { return Ok(false) };
    let older = cx.older::<AccountSecret>(older).await?;
    let (name, of_older) = (&newer.secret().username, older.as_deref().map(Version::secret));
    if of_older.is_some_and(|older| base_of_pair(name, &older.username).is_some()) {
        return Ok(true);
    }
    if may_have_lost_the_other(&newer, older.as_deref(), cx) {
        // What an attempt before this one decided, stays.
        if cx.step() == Step::Create
            && let Some(pending) = cx.version::<AccountSecret>(cx.token()).await?
        {
            return Ok(base_of_pair(name, &pending.secret().username).is_some());
        }
        if pair::other_in_abandoned(newer.secret(), A::DEFAULT_PORT, cx).await?.is_some() {
            return Ok(true);
        }
        match look_up(target, newer.secret(), of_older, cx).await? {
            Sibling::Marked => return Ok(true),
            Sibling::There(mark) => return Err(pair::cannot_tell::<A>(Some(&mark), newer.secret(), cx)),
            Sibling::Unknown if base_by_name(name).is_some() => {
                return Err(pair::cannot_tell::<A>(None, newer.secret(), cx));
            }
            Sibling::None | Sibling::Unknown => {}
        }
    }
    if cx.step() == Step::Create {
        tracing::info!(
            "the secret names an administrator by masterarn, and one account is rotated; the tag fourstep:strategy=alternating-users chooses two"
        );
    }
    Ok(false)
}

/// Returns whether a person edited the value, or an operator brought one back: then both labels may be on one account, and the
/// other one's on neither.
fn may_have_lost_the_other(
    newer: &Version<AccountSecret>,
    older: Option<&Version<AccountSecret>>,
    cx: &Context<'_>,
) -> bool {
    let creates = cx.step() == Step::Create;
    let last_rotated = cx.description().last_rotated;
    // What a rotation makes, it makes before it ends; whose turn it is, createSecret decides.
    let by_hand = creates && last_rotated.is_none_or(|last| newer.created() > last);
    // Rollback and reset make a version, and recover puts an older one back.
    let put_back = older.is_some_and(|older| newer.created() < older.created());
    let by_operator = creates && (is_of_operator(newer.id()) || put_back);
    let edited = by_hand || by_operator;
    match older.map(Version::secret) {
        Some(older) if older.username == newer.secret().username => older.password == newer.secret().password || edited,
        // What is there does not fit. Before a first rotation, no two accounts took turns.
        _ => edited && last_rotated.is_some(),
    }
}
