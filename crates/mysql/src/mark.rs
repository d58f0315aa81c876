//! Our mark on a clone: an attribute of its account in MySQL. MariaDB has no place for one: there, its password tells.

use fourstep::accounts::{Claim, Mark};
use fourstep::{Result, Sensitive};
use fourstep_server::Operation;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::account::Entry;
use crate::identifier::hex;
use crate::session::{Product, Session, optional};
use crate::verifier::native;

/// Reads our mark on an account: on the entry that the server matched in a session of its own, and on all of its entries in
/// an administrator's.
pub(crate) async fn read(session: &mut Session, account: &str) -> Result<Mark> {
    if session.product() == Product::MariaDb {
        return Ok(Mark::NoPlace);
    }
    let marked = if session.account().name == account { own(session).await? } else { of_all(session, account).await? };
    Ok(marked.map_or(Mark::None, Mark::Of))
}

async fn own(session: &mut Session) -> Result<Option<String>> {
    let query =
        "SELECT ATTRIBUTE FROM information_schema.USER_ATTRIBUTES WHERE CONCAT(USER, '@', HOST) = CURRENT_USER()";
    let rows = session.run(query, &Operation::new("read the attributes of the account")).await?;
    let attributes = rows.last().and_then(|row| optional(row, 0));
    Ok(attributes.and_then(|text| base_in(&serde_json::from_str(&text).ok()?)))
}

/// Returns the base that each entry of an account bears as its mark. One that another entry contradicts is none.
async fn of_all(session: &mut Session, account: &str) -> Result<Option<String>> {
    let entries = Entry::read(session, &[account]).await?;
    let Some(base) = entries.first().and_then(|entry| base_in(&entry.attributes)) else { return Ok(None) };
    Ok(entries.iter().all(|entry| has_mark(&entry.attributes, &base)).then_some(base))
}

/// Returns whether each entry of an account has one of these passwords, by the hash that MariaDB shows. MySQL shows none.
pub(crate) async fn was_given(session: &mut Session, account: &str, passwords: &[Sensitive]) -> Result<bool> {
    if session.product() == Product::MySql {
        return Ok(false);
    }
    let known: Vec<_> = passwords.iter().flat_map(stored).collect();
    let entries = Entry::read(session, &[account]).await?;
    Ok(!entries.is_empty() && entries.iter().all(|entry| known.contains(&entry.stored)))
}

/// Returns whether the attributes have the mark of this base's clone.
pub(crate) fn has_mark(attributes: &Map<String, Value>, base: &str) -> bool {
    base_in(attributes).as_deref() == Some(base)
}

/// Returns the attributes of a clone: the base's, and our mark.
pub(crate) fn with_mark(attributes: &Map<String, Value>, base: &str) -> Map<String, Value> {
    let mut attributes = attributes.clone();
    attributes.insert(MARK.to_owned(), json!({ CLONE_OF: base }));
    attributes
}

/// Returns the base whose clone is marked by the attributes.
fn base_in(attributes: &Map<String, Value>) -> Option<String> {
    Some(attributes.get(MARK)?.get(CLONE_OF)?.as_str()?.to_owned())
}

const MARK: &str = "fourstep";
const CLONE_OF: &str = "clone_of";

/// Returns what MariaDB stores for an account that an attempt of this secret made or completed.
pub(crate) fn hashes(claim: &Claim) -> impl Iterator<Item = Sensitive> + '_ {
    claim.passwords.iter().flat_map(stored)
}

/// Returns what MariaDB stores for an account with this password, or with that of a clone that is not complete.
fn stored(password: &Sensitive) -> [Sensitive; 2] {
    [password.clone(), half_made(password)].map(|password| native(password.expose().as_bytes()))
}

/// Returns a password that nobody has, which yet tells whose account it is: that of a clone that is not complete.
pub(crate) fn half_made(password: &Sensitive) -> Sensitive {
    let hash = Sha256::new().chain_update("fourstep half-made\0").chain_update(password.expose()).finalize();
    Sensitive::new(hex(&hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_back_and_the_owners_attributes_stay() {
        for base in ["app", "it's `app`; \\", "größe"] {
            let owners: Map<String, Value> = serde_json::from_str(r#"{"comment": "of team one"}"#).unwrap();
            let marked = with_mark(&owners, base);
            assert_eq!(base_in(&marked).as_deref(), Some(base));
            assert_eq!(marked["comment"], "of team one");
            assert_eq!(base_in(&owners), None);
        }
    }

    #[test]
    fn a_clone_that_is_not_complete_has_a_password_of_its_own_for_each_attempt() {
        let claim = |password: &str| Claim { adopted: false, known: false, passwords: vec![Sensitive::new(password)] };
        let hashes = |claim: &Claim| super::hashes(claim).collect::<Vec<_>>();
        let one = hashes(&claim("one"));
        assert_eq!((one.len(), &one), (2, &hashes(&claim("one"))));
        assert!(hashes(&claim("two")).iter().all(|hash| !one.contains(hash)));
    }
}
