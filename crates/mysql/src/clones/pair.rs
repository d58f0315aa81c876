use std::collections::BTreeSet;

use fourstep::{Context, Error, Result};

use crate::account::Entry;
use crate::identifier::Account;
use crate::ownership::{Entries, held};
use crate::rights::grants::Grants;
use crate::rights::read;
use crate::session::Session;

/// The entries of a base that are the secret's, and those of its clone, with their rights.
pub(super) struct Pair {
    pub(super) of_base: Vec<(Entry, Grants)>,
    pub(super) of_clone: Vec<(Entry, Grants)>,
    /// The entries of the base that are others'.
    pub(super) others: Vec<Account>,
}

impl Pair {
    /// Reads all of it with two messages. `hosts` are those for which the base is the secret's, once that is known.
    ///
    /// Where the base's entry for a host is another's, so is that of the clone, unless it has a password of the secret.
    ///
    /// # Errors
    ///
    /// `Invalid` if there is no base, and those of [`Entries::of`].
    pub(super) async fn read(
        session: &mut Session,
        (base, clone): (&str, &str),
        hosts: Option<BTreeSet<String>>,
        cx: &Context<'_>,
    ) -> Result<Self> {
        let entries = Entry::read(session, &[base, clone]).await?;
        let (of_base, mut of_clone): (Vec<_>, Vec<_>) =
            entries.into_iter().partition(|entry| entry.account.name == base);
        if of_base.is_empty() {
            return Err(Error::invalid(format!(
                "{} has no account `{base}`, the base account; a role of that name is none",
                session.destination()
            ))
            .next("Create it, with the rights that the consumers need"));
        }
        let (ours, others) = match hosts {
            None => Entries::of(session, base, of_base, cx).await?.into_parts(),
            Some(hosts) => {
                let (ours, others): (Vec<_>, Vec<_>) =
                    of_base.into_iter().partition(|entry| hosts.contains(&entry.account.host));
                (ours, others.into_iter().map(|entry| entry.account).collect())
            }
        };
        let of_another = |entry: &Entry| others.iter().any(|other| other.host == entry.account.host);
        if of_clone.iter().any(of_another) {
            let given = held(clone, cx).await?;
            of_clone.retain(|entry| !of_another(entry) || entry.opened_by(&given));
        }
        let count = ours.len();
        let entries: Vec<_> = ours.into_iter().chain(of_clone).collect();
        let grants = read::of_entries(session, &entries).await?;
        let mut of_base: Vec<_> = entries.into_iter().zip(grants).collect();
        let of_clone = of_base.split_off(count);
        Ok(Self { of_base, of_clone, others })
    }

    /// Returns the hosts for which the base is the secret's.
    pub(super) fn hosts(&self) -> BTreeSet<String> {
        self.of_base.iter().map(|(entry, _)| entry.account.host.clone()).collect()
    }
}
