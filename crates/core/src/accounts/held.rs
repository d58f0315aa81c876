use crate::accounts::strategies::pair::{is_adopted, retired};
use crate::accounts::{AccountSecret, clone_of};
use crate::context::Context;
use crate::error::Result;
use crate::sensitive::Sensitive;
use crate::store::{AWSCURRENT, AWSPENDING, AWSPREVIOUS, LIVE};

/// The passwords that a secret holds, in whichever version: for a server that shows what it stores for an account.
///
/// A name proves nothing, since whoever may write the secret chooses it. A password that opens the account does: whoever
/// wrote it could log in by it.
#[derive(Debug)]
pub struct Held<'a> {
    cx: &'a Context<'a>,
}

impl<'a> Held<'a> {
    /// Returns those of the secret that is rotated.
    #[must_use]
    pub fn by(cx: &'a Context<'a>) -> Self {
        Self { cx }
    }

    /// Reads the passwords of the versions with a label, and the one that `account` got if it was retired.
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub async fn labelled(&self, account: &str) -> Result<Vec<Sensitive>> {
        let mut passwords = Vec::new();
        let mut if_retired = None;
        for label in [AWSCURRENT, AWSPENDING, AWSPREVIOUS, LIVE] {
            let Some(version) = self.cx.older::<AccountSecret>(label).await? else { continue };
            if label == AWSCURRENT {
                if_retired = Some(retired(account, version.secret(), self.cx).password);
            }
            passwords.push(version.secret().password.clone());
        }
        passwords.extend(if_retired);
        Ok(passwords)
    }

    /// Reads the passwords of the youngest versions without a label: what rotations left that were given up.
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub async fn abandoned(&self) -> Result<Vec<Sensitive>> {
        let versions = self.cx.abandoned::<AccountSecret>().await?;
        Ok(versions.iter().map(|version| version.secret().password.clone()).collect())
    }

    /// Returns whether the function's owner says that a base and its clone are one secret's.
    ///
    /// # Errors
    ///
    /// Those of the store, and `Invalid` if AWSCURRENT names no host.
    pub async fn adopted(&self, base: &str, default_port: u16) -> Result<bool> {
        match self.cx.older::<AccountSecret>(AWSCURRENT).await? {
            Some(current) => is_adopted(&clone_of(base), current.secret(), default_port, self.cx),
            None => Ok(false),
        }
    }
}
