//! The clone of an account: made, marked, and given what its base may, no more and no less.

mod pair;
mod statement;

use fourstep::accounts::{Claim, Mirrored};
use fourstep::{Context, Error, Result};
use serde_json::Map;

use crate::account::{Entry, check_usable};
use crate::clones::pair::Pair;
use crate::clones::statement::{Statement, Writer};
use crate::identifier::Account;
use crate::mark::{half_made, has_mark, with_half_made, with_mark};
use crate::ownership::{Entries, tell_of_others};
use crate::rights::grants::Grants;
use crate::session::Session;
use crate::variables::Variables;
use crate::version::Product;

/// How often somebody else may change the base while the clone is made equal to it.
const ROUNDS: usize = 3;

/// Makes the clone exist for each host of its base, marked, with the base's rights, roles, requirements and limits. Entries of
/// the base that are others' have no clone of ours.
///
/// - What is right already is left alone, so that a rotation needs no more rights than it uses.
/// - What the base lost, the clone loses, and what the clone has beyond it as well, each named in the log.
/// - An entry for a host that the base does not have as ours is dropped: the server would prefer it to one for more hosts.
/// - In the end the server is asked again whether the two are equal.
///
/// # Errors
///
/// `Invalid` if there is no base, or its plugin takes no verifier of ours; `Forbidden` if the base is locked, and with
/// the statement that gives a missing right; `Conflict` if nothing shows which of its entries are ours.
pub(crate) async fn make_equal(
    session: &mut Session,
    base: &str,
    clone: &str,
    claim: &Claim,
    cx: &Context<'_>,
) -> Result<Mirrored> {
    let (mut left, mut hosts) = (None, None);
    for _ in 0..ROUNDS {
        let first = hosts.is_none();
        let pair = Pair::read(session, (base, clone), hosts, cx).await?;
        // What was made in the round before is ours.
        if first {
            check_usable(session, base, pair.of_base.iter().map(|(entry, _)| entry))?;
            if let Some(entry) = of_another(&pair, base, claim) {
                return Ok(Mirrored::OfAnother(Error::conflict(format!(
                    "the account {} of {} exists, and nothing shows that it is this secret's",
                    entry.account,
                    session.destination()
                ))));
            }
            tell_of_others(&pair.others, session);
        }
        hosts = Some(pair.hosts());
        let statements = missing(&pair, session, base, clone, claim, cx).await?;
        if statements.is_empty() {
            return Ok(Mirrored::Equal);
        }
        for statement in &statements {
            statement.run(session).await?;
        }
        left = statements.into_iter().next();
    }
    let what = left.as_ref().map_or("do nothing", |statement| statement.what());
    Err(Error::other(format!(
        "{} accepted each statement for `{clone}`, which still differs from its base `{base}`: could not {what}",
        session.destination()
    )))
}

/// Returns an entry of the clone that must not be taken over: nothing shows that it is this secret's.
fn of_another<'p>(pair: &'p Pair, base: &str, claim: &Claim) -> Option<&'p Entry> {
    let given = with_half_made(&claim.passwords);
    let ours = |entry: &Entry| claim.adopted || has_mark(&entry.attributes, base) || entry.opened_by(&given);
    pair.of_clone.iter().map(|(entry, _)| entry).find(|entry| !ours(entry))
}

/// Marks each entry of an account as the clone of a base, in place of another mark: but none for a host for which the base
/// is another's.
///
/// # Errors
///
/// `Invalid` if there is no such account; `Forbidden` with the statement that gives the right, also where a mark would tell
/// nothing; those of [`Entries::of`].
pub(crate) async fn adopt(session: &mut Session, base: &str, clone: &str, cx: &Context<'_>) -> Result<()> {
    let entries = Entry::read(session, &[base, clone]).await?;
    let (of_base, mut entries): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| entry.account.name == base);
    let (of_base, others) = Entries::of(session, base, of_base, cx).await?.into_parts();
    entries.retain(|entry| !others.iter().any(|other| other.host == entry.account.host));
    if entries.is_empty() {
        return Err(Error::invalid(format!("{} has no account `{clone}` to adopt", session.destination()))
            .next("Nothing was changed. The next rotation makes it: fourstep start"));
    }
    let system = |account: &Account| of_base.iter().any(|base| base.is_system && base.account.host == account.host);
    if let Some(entry) = entries.iter().find(|entry| system(&entry.account) && !entry.is_system) {
        return Err(Error::forbidden(format!(
            "the base `{base}` of {} has SYSTEM_USER, and {} has not: a mark on it tells nothing, since whoever may create accounts can write it",
            session.destination(),
            entry.account
        ))
        .next(format!("Nothing was changed. Run: GRANT SYSTEM_USER ON *.* TO {}", entry.account)));
    }
    let writer = Writer::new(session.account(), session.product());
    for entry in &entries {
        let wanted = with_mark(&entry.attributes, base);
        if let Some(statement) = writer.attributes(&entry.account, &wanted, &entry.attributes) {
            statement.run(session).await?;
        }
    }
    Ok(())
}

/// Returns the statements that are missing: none where the clone is equal to its base.
async fn missing(
    pair: &Pair,
    session: &mut Session,
    base: &str,
    clone: &str,
    claim: &Claim,
    cx: &Context<'_>,
) -> Result<Vec<Statement>> {
    let writer = Writer::new(session.account(), session.product());
    let mut statements = Vec::new();
    // Read once, and only where an entry is to be made.
    let mut variables = None;
    for (entry, of_base) in &pair.of_base {
        let account = Account::new(clone, &entry.account.host);
        let wanted = match session.product() {
            Product::MySql => with_mark(&entry.attributes, base),
            Product::MariaDb => Map::new(),
        };
        let none = Grants::new();
        let of_clone = match pair.of_clone.iter().find(|(entry, _)| entry.account == account) {
            Some((found, of_clone)) => {
                statements.extend(writer.alter(entry, found));
                statements.extend(writer.attributes(&account, &wanted, &found.attributes));
                of_clone
            }
            None => {
                let variables = match &variables {
                    Some(variables) => variables,
                    None => variables.insert(Variables::read(session).await?),
                };
                let password = half_made(&claim.passwords[0]);
                let verifier = variables.verifier(session, entry, &password, cx)?;
                statements.push(writer.create(&account, entry, &verifier, &wanted));
                &none
            }
        };
        statements.extend(writer.grants(&account, of_base, of_clone));
        let found = pair.of_clone.iter().find(|(entry, _)| entry.account == account);
        let roles = found.map_or(&[][..], |(entry, _)| &entry.default_roles);
        statements.extend(writer.default_roles(&account, &entry.default_roles, roles));
    }
    for (entry, _) in &pair.of_clone {
        if !pair.of_base.iter().any(|(base, _)| base.account.host == entry.account.host) {
            statements.push(writer.drop(&entry.account));
        }
    }
    Ok(statements)
}
