//! The clone of an account: made, marked, and given what its base may, no more and no less.

mod pair;
mod statement;

use fourstep::accounts::{Claim, Mirrored};
use fourstep::{Context, Error, ErrorKind, Result};
use serde_json::Map;

use crate::account::{Entry, check_usable};
use crate::clones::pair::Pair;
use crate::clones::statement::{Statement, Writer};
use crate::identifier::Account;
use crate::mark::{half_made, has_mark, hashes, with_mark};
use crate::rights::grants::Grants;
use crate::session::{Product, Session};
use crate::variables::Variables;

/// How often somebody else may change the base while the clone is made equal to it.
const ROUNDS: usize = 3;

/// Makes the clone exist for each host of its base, marked, with the base's rights, roles, requirements and limits.
///
/// - What is right already is left alone, so that a rotation needs no more rights than it uses.
/// - What the base lost, the clone loses, and what the clone has beyond it as well, each named in the log.
/// - An entry for a host that the base no longer has is dropped: the server would prefer it to one for more hosts.
/// - In the end the server is asked again whether the two are equal.
///
/// # Errors
///
/// `Invalid` if there is no base, or its plugin takes no verifier of ours; `Forbidden` if the base is locked, and with
/// the statement that gives a missing right.
pub(crate) async fn make_equal(
    session: &mut Session,
    base: &str,
    clone: &str,
    claim: &Claim,
    cx: &Context<'_>,
) -> Result<Mirrored> {
    let mut left = None;
    for round in 0..ROUNDS {
        let pair = Pair::read(session, base, clone).await?;
        // What was made in the round before is ours.
        if round == 0 {
            match check(&pair, session, base, claim) {
                Err(refusal) if refusal.kind() == ErrorKind::Conflict => return Ok(Mirrored::OfAnother(refusal)),
                checked => checked?,
            }
        }
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

/// Refuses what must not be copied or taken over.
fn check(pair: &Pair, session: &Session, base: &str, claim: &Claim) -> Result<()> {
    let destination = session.destination();
    if let Some((entry, _)) = pair.of_base.iter().find(|(entry, _)| entry.takes().is_none()) {
        return Err(entry.no_verifier(session));
    }
    check_usable(session, base, pair.of_base.iter().map(|(entry, _)| entry))?;
    let marked = |entry: &Entry| match session.product() {
        Product::MySql => has_mark(&entry.attributes, base),
        Product::MariaDb => hashes(claim).any(|hash| hash == entry.stored),
    };
    let theirs = |host: &str| !pair.of_base.iter().any(|(entry, _)| entry.account.host == host);
    for (entry, _) in &pair.of_clone {
        // One that the base has no host for is a clone's only by its mark, or where it has another one's password.
        let same = || pair.of_clone.iter().filter(|(other, _)| other.stored == entry.stored).count() > 1;
        let by_credential =
            claim.known && (!theirs(&entry.account.host) || (session.product() == Product::MariaDb && same()));
        if !(claim.adopted || by_credential || marked(entry)) {
            return Err(Error::conflict(format!(
                "the account {} of {destination} exists, and nothing shows that it is this secret's",
                entry.account
            )));
        }
    }
    Ok(())
}

/// Marks each entry of an account as the clone of a base, in place of another mark.
///
/// # Errors
///
/// `Invalid` if there is no such account; `Forbidden` with the statement that gives the right.
pub(crate) async fn adopt(session: &mut Session, base: &str, clone: &str) -> Result<()> {
    let entries = Entry::read(session, &[clone]).await?;
    if entries.is_empty() {
        return Err(Error::invalid(format!("{} has no account `{clone}` to adopt", session.destination()))
            .next("Nothing was changed. The next rotation makes it: fourstep start"));
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
