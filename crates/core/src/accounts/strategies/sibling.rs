//! The other account of a pair which no version names any more: what the server says of it.

use std::future::Future;
use std::pin::Pin;

use crate::accounts::administrator::{self, Administrator};
use crate::accounts::clones::base_by_name;
use crate::accounts::probe::opens;
use crate::accounts::strategies::pair::is_adopted;
use crate::accounts::target::Target;
use crate::accounts::{AccountSecret, Clones, Mark, clone_of};
use crate::context::Context;
use crate::error::{ErrorKind, Result};

/// What the server says of an account that could be the other one of a pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sibling {
    /// It is there, and our mark or the function's owner says whose clone is whose.
    Marked,
    /// It is there, and its mark does not say that.
    There(Mark),
    /// It is not there.
    None,
    /// The administrator could not be asked.
    Unknown,
}

/// [`look_up`], as a choice: only a server with clones has it.
pub(super) type LookUp<A> = for<'a, 'c> fn(
    &'a Target<A>,
    &'a AccountSecret,
    Option<&'a AccountSecret>,
    &'a Context<'c>,
) -> Pin<Box<dyn Future<Output = Result<Sibling>> + Send + 'a>>;

/// Asks the administrator for the other account of AWSCURRENT's pair, where AWSCURRENT opens the server, or the version before it
/// does as the same account: who cannot log in as an account learns nothing of one that is named like it.
///
/// # Errors
///
/// `Unavailable` where there is no answer.
pub(super) async fn look_up<A: Clones>(
    target: &Target<A>,
    current: &AccountSecret,
    older: Option<&AccountSecret>,
    cx: &Context<'_>,
) -> Result<Sibling> {
    let same = older.filter(|older| older.username == current.username && older.password != current.password);
    let proved = opens(&target.accounts, current, cx).await?
        || match same {
            Some(older) => opens(&target.accounts, &older.at(current), cx).await?,
            None => false,
        };
    if !proved {
        return Ok(Sibling::Unknown);
    }
    match ask(target, current, cx).await {
        Err(error) if error.kind() == ErrorKind::Unavailable => {
            let error = error.about("whether the secret has a second account could not be asked");
            Err(error.next("Secrets Manager tries again by itself. The tag fourstep:strategy with alternating-users or single-user leaves nothing to ask"))
        }
        Err(error) => {
            tracing::info!(reason = %error, "the administrator could not be asked whether the secret has a second account");
            Ok(Sibling::Unknown)
        }
        sibling => sibling,
    }
}

async fn ask<A: Clones>(target: &Target<A>, current: &AccountSecret, cx: &Context<'_>) -> Result<Sibling> {
    let (accounts, name) = (&target.accounts, current.username.as_str());
    let its_clone = clone_of(name);
    // As a base, and as a clone.
    let pairs =
        [Some((its_clone.as_str(), name, its_clone.as_str())), base_by_name(name).map(|base| (name, base, base))];
    let Administrator { mut session, .. } = administrator::open(target, current, &[name], cx).await?;
    let mut said = Sibling::None;
    for (clone, base, other) in pairs.into_iter().flatten() {
        let mark = accounts.mark(&mut session, clone).await?;
        let is_marked = mark == Mark::Of(base.to_owned());
        if said == Sibling::Marked || (!is_marked && !accounts.exists(&mut session, other).await?) {
            continue;
        }
        said = match is_marked || is_adopted(clone, current, A::DEFAULT_PORT, cx)? {
            true => Sibling::Marked,
            false => Sibling::There(mark),
        };
    }
    accounts.close(session).await;
    Ok(said)
}
