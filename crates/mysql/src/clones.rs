//! The clone of an account: made, marked, and given what its base may, no more and no less.

mod statement;

use fourstep::{Claim, Context, Error, ErrorKind, Mirrored, Result, Sensitive};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::account::Entry;
use crate::identifier::{Account, hex, quote};
use crate::password::Variables;
use crate::rights::{self, Grants, Object, Rights};
use crate::session::{Product, Session, optional};
use crate::verifier::native;
use statement::{Statement, Writer};

/// How often somebody else may change the base while the clone is made equal to it.
const ROUNDS: usize = 3;

/// Makes the clone exist for each host of its base, marked, with the base's rights, roles, requirements and limits.
///
/// - What is right already is left alone, so that a rotation needs no more rights than it uses.
/// - What the base lost, the clone loses, and what the clone has beyond it as well, each named in the log.
/// - An entry whose host the base has no more is dropped: it would stand in the way of one for more hosts.
/// - In the end the server is asked again whether the two are equal.
///
/// # Errors
///
/// `Invalid` if there is no base, or its plugin takes no verifier of ours;
/// `Forbidden` if the base is locked, and with the statement that gives a missing right.
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
            match pair.check(session, claim, cx.settings().adopt) {
                Err(refusal) if refusal.kind() == ErrorKind::Conflict => return Ok(Mirrored::OfAnother(refusal)),
                checked => checked?,
            }
        }
        let statements = pair.missing(session, claim, cx).await?;
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

/// All entries of a base and its clone, with their rights.
struct Pair<'a> {
    base: &'a str,
    clone: &'a str,
    of_base: Vec<(Entry, Grants)>,
    of_clone: Vec<(Entry, Grants)>,
}

impl<'a> Pair<'a> {
    async fn read(session: &mut Session, base: &'a str, clone: &'a str) -> Result<Self> {
        let entries = Entry::read(session, &[base, clone]).await?;
        if !entries.iter().any(|entry| entry.account.name == base) {
            return Err(Error::invalid(format!(
                "{} has no account `{base}`, the base account; a role of that name is none",
                session.destination()
            ))
            .next("Create it, with the rights that the consumers need"));
        }
        let grants = rights::read(session, &entries).await?;
        let (of_base, of_clone) = entries.into_iter().zip(grants).partition(|(entry, _)| entry.account.name == base);
        Ok(Self { base, clone, of_base, of_clone })
    }

    /// Refuses what must not be copied or taken over.
    fn check(&self, session: &Session, claim: &Claim, adopt: bool) -> Result<()> {
        let Self { base, clone, .. } = self;
        let destination = session.destination();
        if let Some((entry, _)) = self.of_base.iter().find(|(entry, _)| entry.takes().is_none()) {
            return Err(entry.no_verifier(session));
        }
        if self.of_base.iter().all(|(entry, _)| entry.locked) {
            return Err(Error::forbidden(format!("the account `{base}` of {destination} is locked, or is a role"))
                .next(format!("Nothing was changed. Run: ALTER USER {} ACCOUNT UNLOCK", self.of_base[0].0.account)));
        }
        let marked = |entry: &Entry| match session.product() {
            Product::MySql => base_in(&entry.attributes).as_deref() == Some(base),
            Product::MariaDb => hashes(claim).any(|hash| hash == entry.stored),
        };
        let theirs = |host: &str| !self.of_base.iter().any(|(entry, _)| entry.account.host == host);
        for (entry, _) in &self.of_clone {
            // One that the base has no host for is a clone's only by its mark, or where it has another one's password.
            let same = || self.of_clone.iter().filter(|(other, _)| other.stored == entry.stored).count() > 1;
            let by_history =
                claim.known && (!theirs(&entry.account.host) || (session.product() == Product::MariaDb && same()));
            if !(adopt || by_history || marked(entry)) {
                return Err(Error::conflict(format!(
                    "the account {} of {destination} exists, and this secret never used it",
                    entry.account
                ))
                .next(format!(
                    "Nothing was changed. Rename that account; or, if `{clone}` is the second account of this secret, set the tag fourstep:adopt=true"
                )));
            }
        }
        Ok(())
    }

    /// Returns the statements that are missing: none where the clone is equal to its base.
    async fn missing(&self, session: &mut Session, claim: &Claim, cx: &Context<'_>) -> Result<Vec<Statement>> {
        let writer = Writer::new(session.account(), session.product());
        let mut statements = Vec::new();
        for (base, of_base) in &self.of_base {
            let account = Account::new(self.clone, &base.account.host);
            let wanted = match session.product() {
                Product::MySql => marked(&base.attributes, self.base),
                Product::MariaDb => Map::new(),
            };
            let none = Grants::new();
            let of_clone = match self.of_clone.iter().find(|(entry, _)| entry.account == account) {
                Some((clone, of_clone)) => {
                    statements.extend(writer.alter(base, clone));
                    statements.extend(writer.attributes(&account, &wanted, &clone.attributes));
                    of_clone
                }
                None => {
                    let variables = Variables::read(session).await?;
                    let password = half_made(&claim.passwords[0]);
                    let verifier = variables.verifier(session, base, &password, cx)?;
                    statements.push(writer.create(&account, base, &verifier, &wanted));
                    &none
                }
            };
            statements.extend(writer.grants(&account, of_base, of_clone));
            let found = self.of_clone.iter().find(|(entry, _)| entry.account == account);
            let roles = found.map_or(&[][..], |(entry, _)| &entry.default_roles);
            statements.extend(writer.default_roles(&account, &base.default_roles, roles));
        }
        for (entry, _) in &self.of_clone {
            if !self.of_base.iter().any(|(base, _)| base.account.host == entry.account.host) {
                statements.push(writer.drop(&entry.account));
            }
        }
        Ok(statements)
    }
}

impl Entry {
    /// Reports that no verifier can be made for the account.
    pub(crate) fn no_verifier(&self, session: &Session) -> Error {
        Error::invalid(format!(
            "account {} of {} logs in by the authentication plugin `{}`, for which this function makes no verifier",
            self.account,
            session.destination(),
            self.plugin
        ))
        .next("Nothing was changed. Give the account the plugin caching_sha2_password (MySQL) or mysql_native_password (MariaDB)")
    }
}

/// Returns a password that nobody has, which yet tells whose account it is: that of a clone that is not complete.
fn half_made(password: &Sensitive) -> Sensitive {
    let hash = Sha256::new().chain_update("fourstep half-made\0").chain_update(password.expose()).finalize();
    Sensitive::new(hex(&hash))
}

/// Returns what MariaDB stores for an account that an attempt of this secret made or completed.
fn hashes(claim: &Claim) -> impl Iterator<Item = Sensitive> + '_ {
    let passwords = claim.passwords.iter().flat_map(|password| [password.clone(), half_made(password)]);
    passwords.map(|password| native(password.expose().as_bytes()))
}

const MARK: &str = "fourstep";
const CLONE_OF: &str = "clone_of";

/// Returns the attributes of a clone: the base's, and our mark.
fn marked(attributes: &Map<String, Value>, base: &str) -> Map<String, Value> {
    let mut attributes = attributes.clone();
    attributes.insert(MARK.to_owned(), json!({ CLONE_OF: base }));
    attributes
}

fn base_in(attributes: &Map<String, Value>) -> Option<String> {
    Some(attributes.get(MARK)?.get(CLONE_OF)?.as_str()?.to_owned())
}

/// Returns the base whose clone the session's account is by its mark. MariaDB has no place for one.
pub(crate) async fn marked_base(session: &mut Session) -> Result<Option<String>> {
    if session.product() == Product::MariaDb {
        return Ok(None);
    }
    let query =
        "SELECT ATTRIBUTE FROM information_schema.USER_ATTRIBUTES WHERE CONCAT(USER, '@', HOST) = CURRENT_USER()";
    let rows = session.run(query, &fourstep::Operation::new("read the attributes of the account")).await?;
    let attributes = rows.last().and_then(|row| optional(row, 0));
    Ok(attributes.and_then(|text| base_in(&serde_json::from_str(&text).ok()?)))
}

/// Returns, to an administrator, whether each entry of a clone bears the mark of its base. `None`: MariaDB has no place for one.
pub(crate) async fn is_marked(session: &mut Session, base: &str, clone: &str) -> Result<Option<bool>> {
    if session.product() == Product::MariaDb {
        return Ok(None);
    }
    let entries = Entry::read(session, &[clone]).await?;
    let marked = |entry: &Entry| base_in(&entry.attributes).as_deref() == Some(base);
    Ok(Some(!entries.is_empty() && entries.iter().all(marked)))
}

/// Proves that the session's account, a clone, may do what its base may, whose session is the other one.
///
/// # Errors
///
/// `Forbidden`, with what is missing and both ways out.
pub(crate) async fn check_rights(session: &mut Session, of_base: &mut Session) -> Result<()> {
    let base = rights::read_own(of_base, None).await?;
    let clone = rights::read_own(session, None).await?;
    let missing: Vec<String> =
        base.iter().filter_map(|(object, rights)| lacks(object, rights, clone.get(object))).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::forbidden(format!(
        "the account {} of {} may not do what its base {} may: it lacks {}",
        session.account(),
        session.destination(),
        of_base.account(),
        missing.join("; ")
    ))
    .next(format!(
        "Start setSecret again, which gives it that; or, if you give both accounts their rights yourself, set the tag fourstep:grants=leave. The clone of {} is {}",
        quote(&of_base.account().name),
        quote(&session.account().name)
    )))
}

/// Describes what is missing of rights on an object.
fn lacks(object: &Object, wanted: &Rights, found: Option<&Rights>) -> Option<String> {
    let none = Rights::default();
    let given = found.unwrap_or(&none);
    // The rights on a database that a partial revoke takes away are less, not more.
    if matches!(object, Object::Except(_)) {
        return None;
    }
    let all = given.privileges.contains(&(rights::ALL.to_owned(), None));
    let missing = wanted.privileges.difference(&given.privileges).cloned().collect::<std::collections::BTreeSet<_>>();
    let option = wanted.grantable && !given.grantable;
    if found.is_some() && (missing.is_empty() || all) && !option {
        return None;
    }
    let option = if option { " (with the option to pass it on)" } else { "" };
    Some(match object {
        Object::Role(name) => format!("role {name}{option}"),
        Object::Proxy(account) => format!("PROXY ON {account}{option}"),
        _ => format!(
            "{} ON {}{option}",
            Rights::list(if missing.is_empty() { &wanted.privileges } else { &missing }),
            object.on()
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_back_and_the_owners_attributes_stay() {
        for base in ["app", "it's `app`; \\", "größe"] {
            let owners: Map<String, Value> = serde_json::from_str(r#"{"comment": "of team one"}"#).unwrap();
            let marked = marked(&owners, base);
            assert_eq!(base_in(&marked).as_deref(), Some(base));
            assert_eq!(marked["comment"], "of team one");
            assert_eq!(base_in(&owners), None);
        }
    }

    #[test]
    fn a_clone_that_is_not_complete_has_a_password_of_its_own_for_each_attempt() {
        let claim = |password: &str| Claim { known: false, passwords: vec![Sensitive::new(password)] };
        let hashes = |claim: &Claim| super::hashes(claim).collect::<Vec<_>>();
        let one = hashes(&claim("one"));
        assert_eq!((one.len(), &one), (2, &hashes(&claim("one"))));
        assert!(hashes(&claim("two")).iter().all(|hash| !one.contains(hash)));
    }
}
