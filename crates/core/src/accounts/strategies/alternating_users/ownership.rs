//! Whose the accounts are: what shows that a clone and its base are this secret's, and not another's by chance or intent.
//!
//! Names prove nothing, and neither do versions: whoever may write the secret chooses both. What proves is a credential that
//! the server accepts, our mark there, which only an administrator sets, or the word of the function's owner.

use crate::accounts::probe::opens;
use crate::accounts::strategies::pair::{is_adopted, retired, way_out};
use crate::accounts::{AccountSecret, AlternatingUsers, Claim, Clones, Mark, Mirrored, clone_of};
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::store::{AWSPENDING, AWSPREVIOUS};

impl<A: Clones> AlternatingUsers<A> {
    /// Makes the clone equal to its base. Older versions are only read where it looks like another's: what they hold may
    /// show that it is this secret's own.
    pub(super) async fn mirror(
        &self,
        session: &mut A::Session,
        base: &str,
        pending: &AccountSecret,
        current: &AccountSecret,
        cx: &Context<'_>,
    ) -> Result<()> {
        let clone = &pending.username;
        let adopted = is_adopted(clone, current, A::DEFAULT_PORT, cx)?;
        let mut claim = Claim { adopted, known: false, passwords: vec![pending.password.clone()] };
        if let Mirrored::Equal = self.0.accounts.mirror(session, base, clone, &claim, cx).await? {
            return Ok(());
        }
        let of_clone =
            |secret: &AccountSecret| secret.username == *clone && secret.same_server(current, A::DEFAULT_PORT);
        let previous = cx.older::<AccountSecret>(AWSPREVIOUS).await?.filter(|previous| of_clone(previous.secret()));
        claim.passwords.extend(previous.iter().map(|previous| previous.secret().password.clone()));
        let retired = retired(clone, current, cx);
        claim.passwords.push(retired.password.clone());
        if let Mirrored::Equal = self.0.accounts.mirror(session, base, clone, &claim, cx).await? {
            return Ok(());
        }
        for version in cx.abandoned::<AccountSecret>().await? {
            if of_clone(version.secret()) {
                claim.passwords.push(version.secret().password.clone());
            }
        }
        let refusal = match self.0.accounts.mirror(session, base, clone, &claim, cx).await? {
            Mirrored::Equal => return Ok(()),
            Mirrored::OfAnother(refusal) => refusal,
        };
        let candidates = previous.iter().map(|previous| previous.secret().at(current));
        for candidate in candidates.chain([retired]) {
            if self.proves(&candidate, cx).await? {
                claim.known = true;
                return match self.0.accounts.mirror(session, base, clone, &claim, cx).await? {
                    Mirrored::Equal => Ok(()),
                    Mirrored::OfAnother(refusal) => Err(refusal),
                };
            }
        }
        let mark = self.0.accounts.mark(session, clone).await?;
        Err(refusal.or_next(format!(
            "Nothing was changed. Rename that account; or, if it is the second account of this secret, {}",
            way_out::<A>(&mark, base, current, cx)
        )))
    }

    /// Returns whether the server lets a credential in. One that it does not let in proves nothing, whatever the reason.
    async fn proves(&self, secret: &AccountSecret, cx: &Context<'_>) -> Result<bool> {
        match opens(&self.0.accounts, secret, cx).await {
            Err(error) if error.kind() == ErrorKind::Forbidden => Ok(false),
            answer => answer,
        }
    }

    /// Returns whether a server that has no place for a mark shows one of these passwords for the account.
    async fn shows_one_of(
        &self,
        session: &mut A::Session,
        account: &str,
        mark: &Mark,
        secrets: &[AccountSecret],
    ) -> Result<bool> {
        if *mark != Mark::NoPlace || secrets.is_empty() {
            return Ok(false);
        }
        let passwords: Vec<_> = secrets.iter().map(|secret| secret.password.clone()).collect();
        self.0.accounts.was_given(session, account, &passwords).await
    }

    /// Makes sure that `account`, of which no credential opened the server yet, is this secret's as the other one of its
    /// pair is: by our mark, by a credential in another version, or by the owner's word.
    pub(super) async fn check_owned(
        &self,
        session: &mut A::Session,
        account: &str,
        base: &str,
        current: &AccountSecret,
        cx: &Context<'_>,
    ) -> Result<()> {
        let clone = clone_of(base);
        if is_adopted(&clone, current, A::DEFAULT_PORT, cx)? {
            return Ok(());
        }
        let mark = self.0.accounts.mark(session, &clone).await?;
        if mark == Mark::Of(base.to_owned()) {
            return Ok(());
        }
        let of_account =
            |secret: &AccountSecret| secret.username == account && secret.same_server(current, A::DEFAULT_PORT);
        let mut held = Vec::new();
        for label in [AWSPREVIOUS, AWSPENDING] {
            let version = cx.older::<AccountSecret>(label).await?;
            held.extend(
                version.filter(|version| of_account(version.secret())).map(|version| version.secret().at(current)),
            );
        }
        held.push(retired(account, current, cx));
        if self.shows_one_of(session, account, &mark, &held).await? {
            return Ok(());
        }
        // Seldom: what rotations left that were given up.
        let mut left = Vec::new();
        for version in cx.abandoned::<AccountSecret>().await? {
            left.extend(of_account(version.secret()).then(|| version.secret().at(current)));
        }
        if self.shows_one_of(session, account, &mark, &left).await? {
            return Ok(());
        }
        for candidate in held.iter().chain(&left) {
            if self.proves(candidate, cx).await? {
                return Ok(());
            }
        }
        let error = Error::conflict(format!(
            "no version of the secret opens the server as `{account}`, and nothing there says that `{clone}` is the clone of `{base}`"
        ));
        let way_out = way_out::<A>(&mark, base, current, cx);
        Err(error.next(format!(
            "Nothing was changed. If both are accounts of this secret, {way_out}; if not, set the tag fourstep:strategy=single-user, remove AWSPENDING from the pending version, then start the rotation again"
        )))
    }
}
