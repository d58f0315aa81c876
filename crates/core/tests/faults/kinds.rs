//! The modelled targets, one or more of each way in which credentials live together.

mod auto;
mod with;

use std::sync::Arc;

use fourstep::accounts::{AlternatingUsers, DualPassword, ServerLookup, SingleUser};
use fourstep::keys::Minted;
use fourstep::memory::{CreateSecret, Model, RotateSecret, SecretValue};
use fourstep::{AWSCURRENT, AWSPENDING, Rotation};

use crate::accounts::{ModelAccounts, Writes};
use crate::database::Database;
use crate::fleet::{Fleet, ModelFleet};
use crate::keys::{KeyService, ModelKeys};
use crate::slot::{Pushed, Rolled, Slot};
use crate::world::{Fault, State, Target, World};

pub use auto::{Auto, AutoOfTwo, AutoWithoutRight, RightThatComesAndGoes};
pub use with::{Blind, MinAge};

/// The function that rotates the secret.
pub const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:f";

/// A target, the rotator for it, and what the invariants promise of it.
pub trait Kind: 'static {
    type Target: Target;
    type Rotator: Rotation;

    fn start() -> State<Self::Target>;
    fn rotator(world: &Arc<World<Self::Target>>) -> Self::Rotator;

    /// The secrets on the target, which are rotated in turns.
    const SECRETS: &'static [&'static str] = &["app"];
    /// How many credentials of each may be alive at a time.
    const MOST: usize = 2;
    /// How many more may be, for each invocation beyond two at the same time: where nothing but a limit of the service stops it.
    const MORE_AT_ONCE: usize = 0;
    /// How many credentials may be alive after a rotation, where AWSPREVIOUS is promised nothing.
    const AT_REST: usize = 1;
    /// Whether old and new overlap: AWSCURRENT works at every moment, and AWSPREVIOUS after a rotation with
    /// `RETIRE=at-next-rotation`.
    const OVERLAPS: bool;
    /// How many rotations the schedules of faults go over.
    const ROTATIONS: usize = 3;
    /// What may happen before a call, beside its faults.
    const CHANGES: &'static [Fault] = &[];
    /// What a person does when the rotation ends in a stable error, for the kinds in which it may.
    const REMEDY: Remedy = Remedy::None;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// It has to converge by itself.
    None,
    /// The error says to remove AWSPENDING and start again.
    RemovePending,
    /// The error says to issue a credential by hand.
    IssueByHand,
    /// The error names the right to grant.
    Grant,
}

pub struct Single;
pub struct SingleAtOnce;
pub struct Alternating;
pub struct AlternatingAtOnce;
pub struct Dual;
pub struct Limited;
pub struct Unlimited;
pub struct Ssh;
pub struct Push;
pub struct Roll;

/// What a rollback puts on the version that may be the live one.
const LIVE: &str = "fourstep:live";

const ADMIN: &str = r#"{"engine":"model","host":"h","username":"admin","password":"admin-password"}"#;
const KEY: &str = r#"{"id":"k0","value":"value-0"}"#;
const ACCOUNT: &str = r#"{"engine":"model","host":"h","username":"app","password":"first","masterarn":"admin"}"#;

impl Kind for Single {
    type Target = Database;
    type Rotator = SingleUser<ModelAccounts>;
    const OVERLAPS: bool = false;
    const MOST: usize = 1;

    fn start() -> State<Database> {
        State::new(model(ACCOUNT), Database::new(), Self::MOST, one_slot)
    }
    fn rotator(world: &Arc<World<Database>>) -> Self::Rotator {
        SingleUser::new(ModelAccounts { world: Arc::clone(world), writes: Writes::AtCommit, locks: true })
            .with_servers(servers(world))
    }
}

impl Kind for SingleAtOnce {
    type Target = Database;
    type Rotator = SingleUser<ModelAccounts>;
    const OVERLAPS: bool = false;
    const MOST: usize = 1;

    fn start() -> State<Database> {
        Single::start()
    }
    fn rotator(world: &Arc<World<Database>>) -> Self::Rotator {
        SingleUser::new(ModelAccounts { world: Arc::clone(world), writes: Writes::AtOnce, locks: true })
            .with_servers(servers(world))
    }
}

impl Kind for Alternating {
    type Target = Database;
    type Rotator = AlternatingUsers<ModelAccounts>;
    const OVERLAPS: bool = true;
    // An account that is retired at finish keeps a password, which nobody knows.
    const AT_REST: usize = 2;

    fn start() -> State<Database> {
        State::new(model(ACCOUNT), Database::new(), Self::MOST, whole_rights)
    }
    fn rotator(world: &Arc<World<Database>>) -> Self::Rotator {
        AlternatingUsers::new(ModelAccounts { world: Arc::clone(world), writes: Writes::AtCommit, locks: true })
            .with_servers(servers(world))
    }
}

impl Kind for AlternatingAtOnce {
    type Target = Database;
    type Rotator = AlternatingUsers<ModelAccounts>;
    const OVERLAPS: bool = true;
    // An account that is retired at finish keeps a password, which nobody knows.
    const AT_REST: usize = 2;

    fn start() -> State<Database> {
        Alternating::start()
    }
    fn rotator(world: &Arc<World<Database>>) -> Self::Rotator {
        AlternatingUsers::new(ModelAccounts { world: Arc::clone(world), writes: Writes::AtOnce, locks: true })
            .with_servers(servers(world))
    }
}

impl Kind for Dual {
    type Target = Database;
    type Rotator = DualPassword<ModelAccounts>;
    const OVERLAPS: bool = true;

    fn start() -> State<Database> {
        State::new(model(ACCOUNT), Database::new(), Self::MOST, current_opens)
    }
    fn rotator(world: &Arc<World<Database>>) -> Self::Rotator {
        DualPassword::new(ModelAccounts { world: Arc::clone(world), writes: Writes::AtOnce, locks: true })
            .with_servers(servers(world))
    }
}

impl Kind for Limited {
    type Target = KeyService;
    type Rotator = Minted<ModelKeys>;
    const OVERLAPS: bool = true;
    // Stale reads that outlast a maker's deadline can leave a dead key pending, which only a person removes.
    const REMEDY: Remedy = Remedy::RemovePending;

    fn start() -> State<KeyService> {
        State::new(model(KEY), KeyService::new(2), Self::MOST, current_opens)
    }
    fn rotator(world: &Arc<World<KeyService>>) -> Self::Rotator {
        Minted(ModelKeys(Arc::clone(world)))
    }
}

impl Kind for Unlimited {
    type Target = KeyService;
    type Rotator = Minted<ModelKeys>;
    const OVERLAPS: bool = true;
    const MOST: usize = 3;
    const MORE_AT_ONCE: usize = 1;
    const REMEDY: Remedy = Remedy::RemovePending;

    fn start() -> State<KeyService> {
        State::new(model(KEY), KeyService::new(9), Self::MOST, current_opens)
    }
    fn rotator(world: &Arc<World<KeyService>>) -> Self::Rotator {
        Limited::rotator(world)
    }
}

impl Kind for Ssh {
    type Target = Fleet;
    type Rotator = ModelFleet;
    const OVERLAPS: bool = true;
    // Between set and finish: AWSPREVIOUS goes only when the next version has been proved.
    const MOST: usize = 3;

    fn start() -> State<Fleet> {
        State::new(model(r#"{"public":"key-first","private":"key-first"}"#), Fleet::new(), Self::MOST, current_opens)
    }
    fn rotator(world: &Arc<World<Fleet>>) -> Self::Rotator {
        ModelFleet(Arc::clone(world))
    }
}

impl Kind for Push {
    type Target = Slot;
    type Rotator = Pushed;
    const OVERLAPS: bool = false;
    const MOST: usize = 1;

    fn start() -> State<Slot> {
        State::new(model(r#"{"value":"value-0"}"#), Slot::new(), Self::MOST, one_slot)
    }
    fn rotator(world: &Arc<World<Slot>>) -> Self::Rotator {
        Pushed(Arc::clone(world))
    }
}

impl Kind for Roll {
    type Target = Slot;
    type Rotator = Rolled;
    const OVERLAPS: bool = false;
    const MOST: usize = 1;
    const REMEDY: Remedy = Remedy::IssueByHand;

    fn start() -> State<Slot> {
        State::new(model(r#"{"value":"value-0"}"#), Slot::new(), Self::MOST, |_| Ok(()))
    }
    fn rotator(world: &Arc<World<Slot>>) -> Self::Rotator {
        Rolled(Arc::clone(world))
    }
}

/// Returns where the world's servers are looked up.
pub fn servers(world: &Arc<World<Database>>) -> Arc<dyn ServerLookup> {
    Arc::clone(&world.state().servers) as _
}

fn model(value: &str) -> Model {
    let mut model = Model::default();
    create(&mut model, "admin", ADMIN);
    add_rotated(&mut model, "app", value);
    model
}

fn create(model: &mut Model, name: &str, value: &str) {
    let request = CreateSecret { name, value: Some(SecretValue::text(value)), ..CreateSecret::default() };
    model.create_secret(request).expect("the secret can be made");
}

/// Adds a secret whose rotation is turned on, and whose run that only tests is over.
pub fn add_rotated(model: &mut Model, name: &str, value: &str) {
    create(model, name, value);
    let turned_on = model.rotate_secret(RotateSecret {
        lambda_arn: Some(FUNCTION),
        rotate_immediately: false,
        ..RotateSecret::now(name)
    });
    let token = turned_on.answer.expect("rotation can be turned on");
    model.remove_test_version(name, &token);
}

/// I1 for kinds in which old and new overlap.
fn current_opens<T: Target>(state: &State<T>) -> Result<(), String> {
    match state.opens(AWSCURRENT) {
        true => Ok(()),
        false => Err("I1: AWSCURRENT does not open the target".into()),
    }
}

/// I1 and I2 for one slot: between set and finish it is AWSPENDING that opens, or what a rollback marks in its place.
fn one_slot<T: Target>(state: &State<T>) -> Result<(), String> {
    match [AWSCURRENT, AWSPENDING, LIVE].iter().any(|label| state.opens(label)) {
        true => Ok(()),
        false => Err("I2: no labelled version opens the target".into()),
    }
}

/// I1 for two accounts: AWSCURRENT opens, and may do what the base may.
fn whole_rights(state: &State<Database>) -> Result<(), String> {
    current_opens(state)?;
    let current: fourstep::accounts::AccountSecret =
        serde_json::from_str(&state.labelled(AWSCURRENT).unwrap_or_default()).map_err(|error| error.to_string())?;
    let base = state.target.accounts[&current.username].clone_of.as_ref().unwrap_or(&current.username);
    match state.target.accounts[&current.username].rights == state.target.accounts[base].rights {
        true => Ok(()),
        false => Err("I1: AWSCURRENT's account lacks rights".into()),
    }
}
