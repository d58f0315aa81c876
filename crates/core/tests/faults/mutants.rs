//! Rotators with one rule left out: the schedules have to find each of them, or they prove nothing.

use std::sync::Arc;

use fourstep::accounts::{
    AccountSecret, Accounts as _, AlternatingUsers, DualPassword, Old, SingleUser, Swapped, TwoPasswords as _,
};
use fourstep::keys::{Keys as _, Minted};
use fourstep::{Context, Keep, Login, Result, Rotator, Slots};

use crate::accounts::{ModelAccounts, Writes};
use crate::database::Database;
use crate::driver::rotate;
use crate::interleavings::late_duplicates;
use crate::keys::{KeySecret, KeyService, ModelKeys};
use crate::kinds::{Alternating, Dual, Kind, Limited, Single, Unlimited};
use crate::people::{Act, interrupt};
use crate::rules::two_passwords::{current_opens_after_a_late_finish, opens_after_labels_were_moved};
use crate::schedules::explore;
use crate::world::{State, World};

/// Finding F3: a fence that is not under a lock is no fence.
struct NoLock;

impl Kind for NoLock {
    type Target = Database;
    type Rotator = SingleUser<ModelAccounts>;
    const OVERLAPS: bool = false;
    const MOST: usize = 1;

    fn start() -> State<Database> {
        Single::start()
    }
    fn rotator(world: &Arc<World<Database>>) -> Self::Rotator {
        SingleUser::new(ModelAccounts { world: Arc::clone(world), writes: Writes::AtOnce, locks: false })
    }
}

#[test]
fn a_lock_that_is_none_is_found() {
    assert_ne!(late_duplicates::<NoLock>(false).len(), 0);
}

/// Finding F6: a set that is skipped because the pending credential opens promotes a half-made clone.
struct SkipsSet;

struct SkippingRotator(ModelAccounts);

impl Kind for SkipsSet {
    type Target = Database;
    type Rotator = SkippingRotator;
    const OVERLAPS: bool = true;

    fn start() -> State<Database> {
        Alternating::start()
    }
    fn rotator(world: &Arc<World<Database>>) -> Self::Rotator {
        let accounts = ModelAccounts { world: Arc::clone(world), writes: Writes::PasswordFirst, locks: true };
        SkippingRotator(accounts)
    }
}

impl Rotator for SkippingRotator {
    type Secret = AccountSecret;
    const NAME: &'static str = "skipping";
    const SLOTS: Slots = Slots::Two;

    async fn create(
        &self,
        current: &AccountSecret,
        _: &Login<'_, AccountSecret>,
        cx: &Context<'_>,
    ) -> Result<AccountSecret> {
        let username = match current.username.as_str() {
            "app" => "app_clone".to_owned(),
            _ => "app".to_owned(),
        };
        Ok(AccountSecret { username, password: cx.password("")?, ..current.clone() })
    }

    async fn set(&self, pending: &AccountSecret, _: &Login<'_, AccountSecret>, cx: &Context<'_>) -> Result<()> {
        match self.probe(pending, cx).await {
            Err(error) if error.is_rejected() => self.0.install(pending, cx).await,
            opens => opens,
        }
    }

    async fn probe(&self, secret: &AccountSecret, cx: &Context<'_>) -> Result<()> {
        AlternatingUsers::new(self.0.clone()).probe(secret, cx).await
    }
}

#[test]
fn a_set_that_is_skipped_is_found() {
    assert_ne!(explore::<SkipsSet>(false, false).len(), 0);
}

/// Finding F1: retiring AWSPREVIOUS by its label destroys AWSCURRENT where both hold one credential.
struct RetiresByLabel;

struct LabelRotator {
    keys: Minted<ModelKeys>,
    retires: bool,
}

impl Kind for RetiresByLabel {
    type Target = KeyService;
    type Rotator = LabelRotator;
    const OVERLAPS: bool = true;

    fn start() -> State<KeyService> {
        Limited::start()
    }
    fn rotator(world: &Arc<World<KeyService>>) -> Self::Rotator {
        LabelRotator { keys: Minted(ModelKeys(Arc::clone(world))), retires: true }
    }
}

impl Rotator for LabelRotator {
    type Secret = KeySecret;
    const NAME: &'static str = "by label";
    const SLOTS: Slots = Slots::Many;

    async fn create(&self, _: &KeySecret, login: &Login<'_, KeySecret>, cx: &Context<'_>) -> Result<KeySecret> {
        let with = login.working().await?;
        match self.keys.0.mint(&fourstep::keys::KeyName::new(cx), with.secret(), cx).await? {
            fourstep::keys::Mint::Made(secret) => Ok(secret),
            fourstep::keys::Mint::LimitReached => Err(fourstep::Error::unavailable("no more keys")),
        }
    }

    async fn set(&self, _: &KeySecret, _: &Login<'_, KeySecret>, _: &Context<'_>) -> Result<()> {
        Ok(())
    }

    async fn probe(&self, secret: &KeySecret, cx: &Context<'_>) -> Result<()> {
        self.keys.probe(secret, cx).await
    }

    async fn retire(&self, _: &Keep<'_, KeySecret>, login: &Login<'_, KeySecret>, cx: &Context<'_>) -> Result<()> {
        if !self.retires || cx.step() != fourstep::Step::Create {
            return Ok(());
        }
        let with = login.working().await?;
        let Some(previous) = cx.labelled::<KeySecret>(fourstep::AWSPREVIOUS).await? else { return Ok(()) };
        self.keys.0.delete(&previous.secret().id, with.secret(), cx).await
    }
}

#[test]
fn retiring_by_label_is_found() {
    assert_ne!(interrupt::<RetiresByLabel>(Act::Edit, false).len(), 0);
}

/// I4 is looked at after each write, not only after a rotation.
struct RetiresNothing;

impl Kind for RetiresNothing {
    type Target = KeyService;
    type Rotator = LabelRotator;
    const OVERLAPS: bool = true;

    fn start() -> State<KeyService> {
        let mut state = Unlimited::start();
        state.most = Self::MOST;
        state
    }
    fn rotator(world: &Arc<World<KeyService>>) -> Self::Rotator {
        LabelRotator { retires: false, ..RetiresByLabel::rotator(world) }
    }
}

#[test]
fn a_third_credential_is_found_when_it_is_made() {
    let world = World::new(RetiresNothing::start());
    let end = rotate::<RetiresNothing>(&world, 1..=2, false, &mut |_, _, _| {});
    let expected = "I4: 3 credentials live, and at most 2 may, in createSecret of rotation 2, attempt 0";
    assert_eq!(end, Err(expected.to_owned()));
}

fn two_passwords(world: &Arc<World<Database>>) -> ModelAccounts {
    ModelAccounts { world: Arc::clone(world), writes: Writes::AtOnce, locks: true }
}

/// Finding F2: RETAIN keeps the password that is primary, which need not be AWSCURRENT's.
struct Retains<const WHEN: u8>;

struct RetainingRotator<const WHEN: u8>(ModelAccounts);

const ALWAYS: u8 = 0;
const WITHOUT_COMPARING: u8 = 1;
const AFTER_AN_ABANDONED_ATTEMPT: u8 = 2;

impl<const WHEN: u8> Kind for Retains<WHEN> {
    type Target = Database;
    type Rotator = RetainingRotator<WHEN>;
    const OVERLAPS: bool = true;

    fn start() -> State<Database> {
        Dual::start()
    }
    fn rotator(world: &Arc<World<Database>>) -> Self::Rotator {
        RetainingRotator(two_passwords(world))
    }
}

impl<const WHEN: u8> RetainingRotator<WHEN> {
    async fn refuses(&self, secret: &AccountSecret, cx: &Context<'_>) -> Result<bool> {
        match self.probe(secret, cx).await {
            Err(error) if error.is_rejected() => Ok(true),
            opens => opens.map(|()| false),
        }
    }
}

impl<const WHEN: u8> Rotator for RetainingRotator<WHEN> {
    type Secret = AccountSecret;
    const NAME: &'static str = "retaining";
    const SLOTS: Slots = Slots::Two;

    async fn create(
        &self,
        current: &AccountSecret,
        _: &Login<'_, AccountSecret>,
        cx: &Context<'_>,
    ) -> Result<AccountSecret> {
        Ok(AccountSecret { password: cx.password("")?, ..current.clone() })
    }

    async fn set(&self, pending: &AccountSecret, login: &Login<'_, AccountSecret>, cx: &Context<'_>) -> Result<()> {
        let (working, mut session) = login.open(async |version| self.0.log_in(version.secret(), cx).await).await?;
        self.0.lock(&mut session, cx).await?;
        cx.fence().await?;
        let (from, to) = (&working.secret().password, &pending.password);
        let retain = match WHEN {
            ALWAYS => true,
            WITHOUT_COMPARING => self.refuses(pending, cx).await?,
            _ => {
                let swapped = self.0.swap_password(&mut session, from, to, Old::Retained, cx).await?;
                swapped == Swapped::NotPrimary && self.refuses(pending, cx).await?
            }
        };
        if retain {
            self.0.retain(&mut session, pending).await?;
        }
        self.0.commit(session).await
    }

    async fn probe(&self, secret: &AccountSecret, cx: &Context<'_>) -> Result<()> {
        let session = self.0.log_in(secret, cx).await?;
        self.0.close(session).await;
        Ok(())
    }
}

#[test]
fn a_password_that_every_attempt_retains_is_found() {
    assert_ne!(explore::<Retains<ALWAYS>>(false, false).len(), 0);
}

#[test]
fn a_password_that_is_retained_without_comparing_is_found() {
    assert_ne!(interrupt::<Retains<WITHOUT_COMPARING>>(Act::DropPending, false).len(), 0);
}

#[test]
fn a_password_that_is_retained_after_an_abandoned_attempt_is_found() {
    assert_ne!(interrupt::<Retains<AFTER_AN_ABANDONED_ATTEMPT>>(Act::DropPending, false).len(), 0);
}

/// Finding F2: the statement that discards names no password.
struct Discards<const LOOKS: bool>;

struct DiscardingRotator<const LOOKS: bool>(ModelAccounts);

impl<const LOOKS: bool> Kind for Discards<LOOKS> {
    type Target = Database;
    type Rotator = DiscardingRotator<LOOKS>;
    const OVERLAPS: bool = true;

    fn start() -> State<Database> {
        Dual::start()
    }
    fn rotator(world: &Arc<World<Database>>) -> Self::Rotator {
        DiscardingRotator(two_passwords(world))
    }
}

impl<const LOOKS: bool> Rotator for DiscardingRotator<LOOKS> {
    type Secret = AccountSecret;
    const NAME: &'static str = "discarding";
    const SLOTS: Slots = Slots::Two;

    async fn create(
        &self,
        current: &AccountSecret,
        _: &Login<'_, AccountSecret>,
        cx: &Context<'_>,
    ) -> Result<AccountSecret> {
        Ok(AccountSecret { password: cx.password("")?, ..current.clone() })
    }

    async fn set(&self, pending: &AccountSecret, login: &Login<'_, AccountSecret>, cx: &Context<'_>) -> Result<()> {
        let (working, mut session) = login.open(async |version| self.0.log_in(version.secret(), cx).await).await?;
        let from = &working.secret().password;
        self.0.swap_password(&mut session, from, &pending.password, Old::Retained, cx).await.map(drop)
    }

    async fn probe(&self, secret: &AccountSecret, cx: &Context<'_>) -> Result<()> {
        DualPassword::new(self.0.clone()).probe(secret, cx).await
    }

    async fn retire(
        &self,
        keep: &Keep<'_, AccountSecret>,
        _: &Login<'_, AccountSecret>,
        cx: &Context<'_>,
    ) -> Result<()> {
        for gone in keep.gone(|secret| secret.password.clone()) {
            if LOOKS && self.probe(gone, cx).await.is_err_and(|error| error.is_rejected()) {
                continue;
            }
            self.0.discard(keep.kept().next().expect("AWSCURRENT is kept"), cx).await?;
        }
        Ok(())
    }
}

#[test]
fn a_password_that_is_discarded_unseen_is_found() {
    assert!(current_opens_after_a_late_finish::<Discards<true>>());
    assert!(!current_opens_after_a_late_finish::<Discards<false>>());
}

#[test]
fn a_password_that_is_discarded_though_it_may_be_the_current_one_is_found() {
    assert_eq!(opens_after_labels_were_moved::<Discards<true>>(), [false, true]);
}
