//! Our mark on a clone: an attribute of its account in MySQL. MariaDB has no place for one: there, its password tells.

use fourstep::accounts::{Mark, base_by_name};
use fourstep::{Result, Sensitive};
use fourstep_server::Operation;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::account::Entry;
use crate::identifier::hex;
use crate::session::{Session, optional};
use crate::version::Product;

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
    session.version().check_attributes(session.destination())?;
    let query =
        "SELECT ATTRIBUTE FROM information_schema.USER_ATTRIBUTES WHERE CONCAT(USER, '@', HOST) = CURRENT_USER()";
    let rows = session.run(query, &Operation::new("read the attributes of the account")).await?;
    let attributes = rows.last().and_then(|row| optional(row, 0));
    Ok(attributes.and_then(|text| base_in(&serde_json::from_str(&text).ok()?)))
}

/// Returns the base of an account, by the marks of its entries that count.
async fn of_all(session: &mut Session, account: &str) -> Result<Option<String>> {
    let Some(base) = base_by_name(account) else { return Ok(None) };
    let entries = Entry::read(session, &[account, base]).await?;
    let (bases, clones): (Vec<_>, Vec<_>) = entries.iter().partition(|entry| entry.account.name == base);
    let counts = bases.iter().any(|base| clones.iter().any(|clone| counts(clone, base)));
    Ok(counts.then(|| base.to_owned()))
}

/// Returns whether an entry of a clone bears a mark that tells whose the base's entry for the same host is.
///
/// Who may create accounts can write the mark, and set any password: but neither of an account that has SYSTEM_USER. So of
/// a base that has it, only the mark of a clone that has it tells anything.
pub(crate) fn counts(clone: &Entry, base: &Entry) -> bool {
    has_mark(&clone.attributes, &base.account.name)
        && clone.account.host == base.account.host
        && (clone.is_system || !base.is_system)
}

/// Returns whether an entry of an account has one of these passwords, on MariaDB, which has no place for a mark.
pub(crate) async fn was_given(session: &mut Session, account: &str, passwords: &[Sensitive]) -> Result<bool> {
    if session.product() == Product::MySql {
        return Ok(false);
    }
    let known = with_half_made(passwords);
    let entries = Entry::read(session, &[account]).await?;
    Ok(entries.iter().any(|entry| entry.opened_by(&known)))
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

/// Returns passwords, and those that clones have which were not completed with them.
pub(crate) fn with_half_made(passwords: &[Sensitive]) -> Vec<Sensitive> {
    passwords.iter().cloned().chain(passwords.iter().map(half_made)).collect()
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
        let of = |password: &str| with_half_made(&[Sensitive::new(password)]);
        assert_eq!((of("one").len(), of("one")), (2, of("one")));
        assert!(of("two").iter().all(|password| !of("one").contains(password)));
    }
}
