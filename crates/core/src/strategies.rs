mod dual_or_single;

use dual_or_single::DualOrSingle;

use crate::account::AccountSecret;
use crate::accounts::{Accounts, Passwords};
use crate::alternating_users::AlternatingUsers;
use crate::alternating_users::base_of_pair;
use crate::context::Context;
use crate::dual_password::DualPassword;
use crate::engine::Done;
use crate::error::Result;
use crate::protocol;
use crate::rotation::Rotation;
use crate::settings::StrategyChoice;
use crate::single_user::SingleUser;
use crate::step::Step;
use crate::store::{AWSCURRENT, AWSPREVIOUS};

/// Rotates accounts by the strategy that the secret asks for: its tag `fourstep:strategy`, or the variable `STRATEGY`.
///
/// `auto` goes on with alternating-users where the secret's versions already alternate. Otherwise it is dual-password
/// where the server keeps two passwords for the account and the account may use them, and single-user where not: then
/// setSecret logs why, and which right would change it. A `dual-password` that is asked for and not possible is
/// `Invalid` (the server keeps one) or `Forbidden` (the account lacks the right).
///
/// The right for two passwords may come and go, also in the middle of a rotation. While it is there AWSCURRENT opens the
/// server at every moment. Whoever takes it away, or chooses another strategy, should discard the secondary password too:
/// that one goes on working until the next rotation by dual-password.
#[derive(Clone, Copy, Debug)]
pub struct Strategies<A>(pub A);

impl<A: Accounts> Rotation for Strategies<A> {
    async fn step(&self, cx: &Context<'_>) -> Result<Done> {
        let accounts = self.0.clone();
        match cx.settings().strategy {
            StrategyChoice::AlternatingUsers => protocol::run(&AlternatingUsers(accounts), cx).await,
            StrategyChoice::SingleUser => protocol::run(&SingleUser(accounts), cx).await,
            StrategyChoice::DualPassword if A::TWO_PASSWORDS => protocol::run(&DualPassword(accounts), cx).await,
            StrategyChoice::DualPassword => Err(Passwords::none_of_this_kind().refusal()),
            StrategyChoice::Auto if alternates(cx).await? => protocol::run(&AlternatingUsers(accounts), cx).await,
            StrategyChoice::Auto if A::TWO_PASSWORDS => protocol::run(&DualOrSingle(accounts), cx).await,
            StrategyChoice::Auto => protocol::run(&SingleUser(accounts), cx).await,
        }
    }
}

/// Returns whether the versions of the secret already take turns between an account and its clone.
async fn alternates(cx: &Context<'_>) -> Result<bool> {
    let (newer, older) = match cx.step() {
        Step::Create => (cx.labelled::<AccountSecret>(AWSCURRENT).await?, AWSPREVIOUS),
        Step::Set | Step::Test | Step::Finish => {
            (cx.pending().await?, if cx.is_promoted() { AWSPREVIOUS } else { AWSCURRENT })
        }
    };
    // The administrator's secret is what sets a secret of two accounts apart, and spares others the older version.
    let Some(newer) = newer.filter(|version| version.secret().masterarn.is_some()) else { return Ok(false) };
    let Some(older) = cx.older::<AccountSecret>(older).await? else { return Ok(false) };
    let alternates = base_of_pair(&newer.secret().username, &older.secret().username).is_some();
    if !alternates && cx.step() == Step::Create {
        tracing::info!(
            "the secret names an administrator by masterarn, and one account is rotated; the tag fourstep:strategy=alternating-users chooses two"
        );
    }
    Ok(alternates)
}
