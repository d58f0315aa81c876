//! Whose the accounts are: what shows that a clone and its base are this secret's, and not another's by chance or intent.

use crate::accounts::probe::opens;
use crate::accounts::{AccountSecret, AccountSettings, AlternatingUsers, Claim, Clones, Mark, Mirrored, clone_of};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::store::{AWSPENDING, AWSPREVIOUS};

impl<A: Clones> AlternatingUsers<A> {
    /// Makes the clone equal to its base. Older versions are only read where it looks like another's: the previous one,
    /// or one that was given up, may show that it is this secret's own.
    pub(super) async fn mirror(
        &self,
        session: &mut A::Session,
        base: &str,
        pending: &AccountSecret,
        cx: &Context<'_>,
    ) -> Result<()> {
        let clone = &pending.username;
        let mut claim = Claim { known: false, passwords: vec![pending.password.clone()] };
        let refusal = match self.0.accounts.mirror(session, base, clone, &claim, cx).await? {
            Mirrored::Equal => return Ok(()),
            Mirrored::OfAnother(refusal) => refusal,
        };
        let previous = cx.older::<AccountSecret>(AWSPREVIOUS).await?;
        claim.known = previous.is_some_and(|previous| previous.secret().username == *clone);
        if !claim.known {
            for version in cx.abandoned::<AccountSecret>().await? {
                if version.secret().username == *clone {
                    claim.passwords.push(version.secret().password.clone());
                }
            }
            if claim.passwords.len() == 1 {
                return Err(refusal);
            }
        }
        match self.0.accounts.mirror(session, base, clone, &claim, cx).await? {
            Mirrored::Equal => Ok(()),
            Mirrored::OfAnother(refusal) => Err(refusal),
        }
    }

    /// Makes sure that the account which opened the server is the clone of `base`, where no credential of the base did: by
    /// our mark, by the base's own password, or by the owner's word. Versions prove nothing of that, since whoever may
    /// write the secret chooses the names in them: with an account whose name ends in `_clone`, they would get its
    /// namesake's, by the administrator's hand.
    pub(super) async fn check_clone(
        &self,
        session: &mut A::Session,
        base: &str,
        current: &AccountSecret,
        cx: &Context<'_>,
    ) -> Result<()> {
        let clone = clone_of(base);
        if cx.settings::<AccountSettings>().adopt {
            return Ok(());
        }
        match self.0.accounts.mark(session, &clone).await? {
            Mark::NoPlace => return Ok(()),
            Mark::Of(marked) if marked == base => return Ok(()),
            Mark::Of(_) | Mark::None => {}
        }
        for label in [AWSPREVIOUS, AWSPENDING] {
            let version = cx.older::<AccountSecret>(label).await?;
            if let Some(version) = version
                && self.opens_base(version.secret(), base, current, cx).await?
            {
                return Ok(());
            }
        }
        for version in cx.abandoned::<AccountSecret>().await? {
            if self.opens_base(version.secret(), base, current, cx).await? {
                return Ok(());
            }
        }
        Err(Error::conflict(format!(
            "no version of the secret opens the server as `{base}`, and nothing there says that `{clone}` is the clone of it"
        ))
        .next("Nothing was changed. If both are accounts of this secret, set the tag fourstep:adopt=true; if not, set the tag fourstep:strategy=single-user, remove AWSPENDING from the pending version, then start the rotation again"))
    }

    /// Returns whether a version's secret is of the base, and the server accepts it.
    async fn opens_base(
        &self,
        secret: &AccountSecret,
        base: &str,
        current: &AccountSecret,
        cx: &Context<'_>,
    ) -> Result<bool> {
        let of_base = secret.username == base && secret.same_server(current, A::DEFAULT_PORT);
        if of_base { opens(&self.0.accounts, secret, cx).await } else { Ok(false) }
    }
}
