//! Two accounts of one secret: how each knows the other for its own, and how people say so.

use sha2::{Digest, Sha256};

use crate::accounts::clones::{base_by_name, base_of_pair};
use crate::accounts::{AccountSecret, AccountSettings, Accounts, Mark, clone_of};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::sensitive::Sensitive;

/// Refuses a version of another account than the two, or of another server than AWSCURRENT's, as the server would.
pub(super) fn check_of_pair(candidate: &AccountSecret, current: &AccountSecret, default_port: u16) -> Result<()> {
    let of_pair =
        candidate.username == current.username || base_of_pair(&candidate.username, &current.username).is_some();
    match of_pair && candidate.same_server(current, default_port) {
        true => Ok(()),
        false => Err(Error::rejected("the version is of another account, or of another server")),
    }
}

/// Returns the other account of AWSCURRENT's pair, as a version without a label names it. It is a choice, and proves nothing.
pub(super) async fn other_in_abandoned(
    current: &AccountSecret,
    default_port: u16,
    cx: &Context<'_>,
) -> Result<Option<String>> {
    let mut versions = cx.abandoned::<AccountSecret>().await?;
    versions.extend(cx.marked_as_leaked().await?);
    let others = versions.iter().map(|version| version.secret());
    let mut others = others.filter(|other| base_of_pair(&other.username, &current.username).is_some());
    Ok(others.find(|other| other.same_server(current, default_port)).map(|other| other.username.clone()))
}

/// Returns the secret of an account that was retired: nobody has its password, and whoever holds AWSCURRENT could compute it.
/// So the next rotation knows the account for its own, where the server has no place for a mark.
pub(crate) fn retired(account: &str, current: &AccountSecret, cx: &Context<'_>) -> AccountSecret {
    let hash = Sha256::new().chain_update("fourstep retired\0").chain_update(account).chain_update("\0");
    let hash = hash.chain_update(current.password.expose()).finalize();
    let password = Sensitive::new(hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    cx.learn(&password);
    AccountSecret { username: account.to_owned(), password, ..current.clone() }
}

/// Refuses to adopt where the server has no place for a mark.
pub(super) fn no_place<A: Accounts>(base: &str, current: &AccountSecret, cx: &Context<'_>) -> Error {
    let clone = clone_of(base);
    Error::invalid(format!("a server of this kind has no place for a mark that `{clone}` is the clone of `{base}`"))
        .still_works("Nothing was changed")
        .next(format!("If both are accounts of this secret, {}", way_out::<A>(&Mark::NoPlace, base, current, cx)))
}

/// Refuses to choose between one account and two, where an edit left one in the secret. `mark` is that of the second account,
/// if it is there.
pub(super) fn cannot_tell<A: Accounts>(mark: Option<&Mark>, current: &AccountSecret, cx: &Context<'_>) -> Error {
    let name = &current.username;
    let base = base_by_name(name).unwrap_or(name);
    let clone = clone_of(base);
    let and = mark.map(|mark| format!(", and {}", way_out::<A>(mark, base, current, cx))).unwrap_or_default();
    Error::conflict(format!(
        "AWSCURRENT was edited, or brought back by an operator, and nothing tells whether `{clone}` is the clone of `{base}`"
    ))
    .still_works("Nothing was changed")
    .next(format!(
        "If both are this secret's accounts, set the tag fourstep:strategy to alternating-users{and}; if `{name}` is its only one, set it to single-user"
    ))
}

/// Refuses to choose between an account's base and its own clone, where no mark at the server tells.
pub(super) fn of_either<A: Accounts>(
    mark: &Mark,
    name: &str,
    base: &str,
    current: &AccountSecret,
    cx: &Context<'_>,
) -> Error {
    let own = entry::<A>(&clone_of(name), current, cx);
    Error::conflict(format!(
        "nothing tells whether `{name}` is the clone of `{base}`, or an account of which a clone is to be made"
    ))
    .still_works("Nothing was changed")
    .next(format!(
        "In the first case, {}; in the second, let the function's owner add {own} to ADOPTED_CLONES; or set the tag fourstep:strategy=single-user",
        way_out::<A>(mark, base, current, cx)
    ))
}

/// Returns whether the function's owner says that a clone and its base are one secret's.
///
/// What counts is the server that is connected to, which the setting `endpoint` may name.
pub(crate) fn is_adopted(clone: &str, current: &AccountSecret, default_port: u16, cx: &Context<'_>) -> Result<bool> {
    let settings = cx.settings::<AccountSettings>();
    if settings.adopted_clones.is_empty() {
        return Ok(false);
    }
    let (host, port) = current.endpoint(settings, default_port)?;
    let entry = format!("{clone}@{host}");
    Ok(settings.adopted_clones.list(&entry) || settings.adopted_clones.list(&format!("{entry}:{port}")))
}

fn entry<A: Accounts>(clone: &str, current: &AccountSecret, cx: &Context<'_>) -> String {
    match current.endpoint(cx.settings(), A::DEFAULT_PORT) {
        Ok((host, port)) => format!("{clone}@{host}:{port}"),
        Err(_) => format!("{clone}@HOST"),
    }
}

/// Returns how two accounts are said to be one secret's.
pub(super) fn way_out<A: Accounts>(mark: &Mark, base: &str, current: &AccountSecret, cx: &Context<'_>) -> String {
    match mark {
        Mark::NoPlace => {
            let entry = entry::<A>(&clone_of(base), current, cx);
            format!(
                "let the function's owner add {entry} to the variable ADOPTED_CLONES (of the template, the parameter AdoptedClones)"
            )
        }
        Mark::Of(_) | Mark::None => format!("let an operator say so: {}", cx.command("adopt", base)),
    }
}
