//! Rotators with one rule left out: the schedules have to find each of them, or they prove nothing.

use std::sync::Arc;

use fourstep::{
    AccountSecret, AlternatingUsers, Context, Keep, Keys as _, Lives, Login, Minted, Result, Rotator, SingleUser,
};

use crate::accounts::{Database, ModelAccounts, Writes};
use crate::interleavings::late_duplicates;
use crate::keys::{KeySecret, KeyService, ModelKeys};
use crate::kinds::{Alternating, Kind, Limited, Single};
use crate::people::{Act, interrupt};
use crate::schedules::explore;
use crate::world::{State, World};

/// Finding F3: a fence that is not under a lock is no fence.
struct NoLock;

impl Kind for NoLock {
    type Target = Database;
    type Rotator = SingleUser<ModelAccounts>;
    const PREVIOUS_WORKS: bool = false;
    const MOST: usize = 1;

    fn start() -> State<Database> {
        Single::start()
    }
    fn rotator(world: &Arc<World<Database>>) -> Self::Rotator {
        SingleUser(ModelAccounts { world: Arc::clone(world), writes: Writes::AtOnce, locks: false })
    }
}

#[test]
fn a_lock_that_is_none_is_found() {
    assert_ne!(late_duplicates::<NoLock>(false).len(), 0);
}

/// Finding F6: a set that is skipped because the pending credential opens promotes a half-made clone.
struct SkipsSet;

struct SkippingRotator(AlternatingUsers<ModelAccounts>);

impl Kind for SkipsSet {
    type Target = Database;
    type Rotator = SkippingRotator;
    const PREVIOUS_WORKS: bool = true;

    fn start() -> State<Database> {
        Alternating::start()
    }
    fn rotator(world: &Arc<World<Database>>) -> Self::Rotator {
        let accounts = ModelAccounts { world: Arc::clone(world), writes: Writes::PasswordFirst, locks: true };
        SkippingRotator(AlternatingUsers(accounts))
    }
}

impl Rotator for SkippingRotator {
    type Secret = AccountSecret;
    const NAME: &'static str = "skipping";
    const LIVES: Lives = Lives::Displacing;

    async fn create(&self, current: &AccountSecret, _: &Login<'_, Self>, cx: &Context<'_>) -> Result<AccountSecret> {
        let username = match current.username.as_str() {
            "app" => "app_clone".to_owned(),
            _ => "app".to_owned(),
        };
        Ok(AccountSecret { username, password: cx.password("")?, ..current.clone() })
    }

    async fn set(&self, pending: &AccountSecret, _: &Login<'_, Self>, cx: &Context<'_>) -> Result<()> {
        match self.test(pending, cx).await {
            Err(error) if error.is_rejected() => self.0.0.install(pending, cx).await,
            opens => opens,
        }
    }

    async fn test(&self, secret: &AccountSecret, cx: &Context<'_>) -> Result<()> {
        self.0.test(secret, cx).await
    }
}

#[test]
fn a_set_that_is_skipped_is_found() {
    assert_ne!(explore::<SkipsSet>(false, false).len(), 0);
}

/// Finding F1: retiring AWSPREVIOUS by its label destroys AWSCURRENT where both hold one credential.
struct RetiresByLabel;

struct LabelRotator(Minted<ModelKeys>);

impl Kind for RetiresByLabel {
    type Target = KeyService;
    type Rotator = LabelRotator;
    const PREVIOUS_WORKS: bool = true;

    fn start() -> State<KeyService> {
        Limited::start()
    }
    fn rotator(world: &Arc<World<KeyService>>) -> Self::Rotator {
        LabelRotator(Minted(ModelKeys(Arc::clone(world))))
    }
}

impl Rotator for LabelRotator {
    type Secret = KeySecret;
    const NAME: &'static str = "by label";
    const LIVES: Lives = Lives::Additive;

    async fn create(&self, _: &KeySecret, login: &Login<'_, Self>, cx: &Context<'_>) -> Result<KeySecret> {
        let with = login.working().await?;
        match self.0.0.mint(&fourstep::KeyName::new(cx), with.secret(), cx).await? {
            fourstep::Mint::Made(secret) => Ok(secret),
            fourstep::Mint::LimitReached => Err(fourstep::Error::unavailable("no more keys")),
        }
    }

    async fn set(&self, _: &KeySecret, _: &Login<'_, Self>, _: &Context<'_>) -> Result<()> {
        Ok(())
    }

    async fn test(&self, secret: &KeySecret, cx: &Context<'_>) -> Result<()> {
        self.0.test(secret, cx).await
    }

    async fn retire(&self, _: &Keep<'_, KeySecret>, login: &Login<'_, Self>, cx: &Context<'_>) -> Result<()> {
        if cx.step() != fourstep::Step::Create {
            return Ok(());
        }
        let with = login.working().await?;
        let Some(previous) = cx.labelled::<KeySecret>(fourstep::AWSPREVIOUS).await? else { return Ok(()) };
        self.0.0.delete(&previous.secret().id, with.secret(), cx).await
    }
}

#[test]
fn retiring_by_label_is_found() {
    assert_ne!(interrupt::<RetiresByLabel>(Act::Edit, false).len(), 0);
}
