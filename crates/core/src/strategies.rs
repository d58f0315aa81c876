use crate::alternating_users::base_of_pair;
use crate::engine::Done;
use crate::{
    AWSCURRENT, AWSPREVIOUS, AccountSecret, Accounts, AlternatingUsers, Context, Error, Result, Rotation, SingleUser,
    Step, StrategyChoice, protocol,
};

/// Rotates accounts by the strategy that the secret asks for: its tag `fourstep:strategy`, or the variable `STRATEGY`.
///
/// `auto` goes on with alternating-users where the secret's versions already alternate, and is single-user otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Strategies<A>(pub A);

impl<A: Accounts> Rotation for Strategies<A> {
    async fn step(&self, cx: &Context<'_>) -> Result<Done> {
        let alternate = match cx.settings().strategy {
            StrategyChoice::AlternatingUsers => true,
            StrategyChoice::SingleUser => false,
            StrategyChoice::Auto => alternates(cx).await?,
            StrategyChoice::DualPassword => {
                return Err(Error::invalid("the setting strategy is `dual-password`, and this kind of server keeps one password for an account")
                    .next("Set the tag fourstep:strategy to single-user or alternating-users"));
            }
        };
        if alternate {
            protocol::run(&AlternatingUsers(self.0.clone()), cx).await
        } else {
            protocol::run(&SingleUser(self.0.clone()), cx).await
        }
    }
}

/// Tells whether the versions of the secret already take turns between an account and its clone.
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
            "the secret names an administrator by masterarn, and is rotated as single-user; the tag fourstep:strategy=alternating-users chooses two accounts"
        );
    }
    Ok(alternates)
}
