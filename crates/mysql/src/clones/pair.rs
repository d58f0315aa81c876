use fourstep::{Error, Result};

use crate::account::Entry;
use crate::rights::grants::Grants;
use crate::rights::read;
use crate::session::Session;

/// All entries of a base and its clone, with their rights.
pub(super) struct Pair {
    pub(super) of_base: Vec<(Entry, Grants)>,
    pub(super) of_clone: Vec<(Entry, Grants)>,
}

impl Pair {
    /// Reads all of it with two messages.
    ///
    /// # Errors
    ///
    /// `Invalid` if there is no base.
    pub(super) async fn read(session: &mut Session, base: &str, clone: &str) -> Result<Self> {
        let entries = Entry::read(session, &[base, clone]).await?;
        if !entries.iter().any(|entry| entry.account.name == base) {
            return Err(Error::invalid(format!(
                "{} has no account `{base}`, the base account; a role of that name is none",
                session.destination()
            ))
            .next("Create it, with the rights that the consumers need"));
        }
        let grants = read::of_entries(session, &entries).await?;
        let (of_base, of_clone) = entries.into_iter().zip(grants).partition(|(entry, _)| entry.account.name == base);
        Ok(Self { of_base, of_clone })
    }
}
