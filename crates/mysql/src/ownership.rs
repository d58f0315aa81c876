//! Whose the entries of a user name are: another team may have entries of the same name, for other hosts.

use std::collections::BTreeSet;

use fourstep::accounts::{Held, base_by_name, clone_of};
use fourstep::{Context, Error, Result, Sensitive};

use crate::account::Entry;
use crate::identifier::Account;
use crate::mark::{counts, with_half_made};
use crate::session::{DEFAULT_PORT, Session};

/// The entries of a user name: this secret's, and those of others.
pub(crate) struct Entries {
    ours: Vec<Entry>,
    others: Vec<Account>,
}

impl Entries {
    /// Finds out which entries of a user name are this secret's, of which the caller has shown that it has one.
    ///
    /// - An entry is, if a password in one of the secret's versions opens it, by what the server stores.
    /// - So is one if the other account of its pair has such an entry for the same host, and our mark or the function's
    ///   owner says that the two are a pair.
    /// - An only entry that takes a password is the one that the caller has shown.
    /// - Entries that are stored alike have one password, and so one owner: MariaDB's, whose hashes have no salt.
    ///
    /// # Errors
    ///
    /// `Invalid` if no entry takes a password of ours; `Conflict` if nothing shows which of several are this secret's.
    pub(crate) async fn of(session: &mut Session, name: &str, entries: Vec<Entry>, cx: &Context<'_>) -> Result<Self> {
        let (mut unknown, closed): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| entry.takes().is_some());
        if let (true, Some(entry)) = (unknown.is_empty(), closed.first()) {
            return Err(entry.no_verifier(session));
        }
        let mut ours = Vec::new();
        if unknown.len() > 1 {
            let held = Held::by(cx);
            ours.extend(opened(&mut unknown, &of_name(name, held.labelled(name).await?)));
            if !unknown.is_empty() {
                ours.extend(opened(&mut unknown, &of_name(name, held.abandoned().await?)));
            }
            if !unknown.is_empty() {
                let hosts = hosts_of_pair(session, name, &unknown, cx).await?;
                ours.extend(unknown.extract_if(.., |entry| hosts.contains(&entry.account.host)));
            }
        }
        if ours.is_empty() {
            let alike = |entry: &Entry| !entry.stored.is_empty() && entry.stored == unknown[0].stored;
            if unknown.len() > 1 && !unknown.iter().all(alike) {
                return Err(none_is_known(session, name, &unknown));
            }
            ours.append(&mut unknown);
        }
        let others = unknown.into_iter().chain(closed).map(|entry| entry.account).collect();
        Ok(Self { ours, others })
    }

    /// Returns the secret's entries, and the accounts that are others'.
    pub(crate) fn into_parts(self) -> (Vec<Entry>, Vec<Account>) {
        (self.ours, self.others)
    }
}

/// Names the entries of others in the log.
pub(crate) fn tell_of_others(others: &[Account], session: &Session) {
    if !others.is_empty() {
        tracing::warn!(
            "no version of the secret opens {} of {}: left alone, as another's",
            list(others),
            session.destination()
        );
    }
}

/// Reads all passwords that the secret holds, and that an account of this name may have.
pub(crate) async fn held(name: &str, cx: &Context<'_>) -> Result<Vec<Sensitive>> {
    let held = Held::by(cx);
    let mut passwords = held.labelled(name).await?;
    passwords.extend(held.abandoned().await?);
    Ok(of_name(name, passwords))
}

/// Adds what only a clone may have, which is made before its password is set.
fn of_name(name: &str, passwords: Vec<Sensitive>) -> Vec<Sensitive> {
    if base_by_name(name).is_some() { with_half_made(&passwords) } else { passwords }
}

/// Takes out the entries that one of these passwords opens.
fn opened(entries: &mut Vec<Entry>, passwords: &[Sensitive]) -> Vec<Entry> {
    entries.extract_if(.., |entry| entry.opened_by(passwords)).collect()
}

/// Returns the hosts for which the other account of the pair of these entries is this secret's.
async fn hosts_of_pair(
    session: &mut Session,
    name: &str,
    entries: &[Entry],
    cx: &Context<'_>,
) -> Result<BTreeSet<String>> {
    let mut hosts = BTreeSet::new();
    for base in [Some(name), base_by_name(name)].into_iter().flatten() {
        let other = if base == name { clone_of(base) } else { base.to_owned() };
        let adopted = Held::by(cx).adopted(base, DEFAULT_PORT).await?;
        let mut others = Entry::read(session, &[&other]).await?;
        others.retain(|other| {
            entries.iter().any(|entry| {
                let (clone, base) = if base == name { (other, entry) } else { (entry, other) };
                clone.account.host == base.account.host && (adopted || counts(clone, base))
            })
        });
        if !others.is_empty() {
            let passwords = held(&other, cx).await?;
            hosts.extend(opened(&mut others, &passwords).into_iter().map(|entry| entry.account.host));
        }
    }
    Ok(hosts)
}

fn none_is_known(session: &Session, name: &str, entries: &[Entry]) -> Error {
    let accounts: Vec<_> = entries.iter().map(|entry| entry.account.clone()).collect();
    Error::conflict(format!(
        "the user name `{name}` has several entries at {}: {}. No version of the secret opens one of them, so nothing shows which are this secret's",
        session.destination(),
        list(&accounts)
    ))
    .next(format!(
        "Nothing was changed. Give each that is this secret's the password of AWSCURRENT, then start the rotation: ALTER USER {} IDENTIFIED BY '<password>'",
        accounts[0]
    ))
}

fn list(accounts: &[Account]) -> String {
    accounts.iter().map(Account::to_string).collect::<Vec<_>>().join(", ")
}
