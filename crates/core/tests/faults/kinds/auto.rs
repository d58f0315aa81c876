//! Accounts whose strategy is chosen by what the secret and the server say.

use std::sync::Arc;

use fourstep::accounts::Strategies;

use super::{ACCOUNT, Alternating, Dual, Kind, Remedy, current_opens, model, one_slot, servers};
use crate::accounts::{ModelAccounts, Writes};
use crate::database::Database;
use crate::driver::rotate;
use crate::world::{Fault, State, Target as _, World};

pub struct Auto;
pub struct AutoOfTwo;
pub struct AutoWithoutRight;
pub struct RightThatComesAndGoes;

impl Kind for Auto {
    type Target = Database;
    type Rotator = Strategies<ModelAccounts>;
    const OVERLAPS: bool = true;

    fn start() -> State<Database> {
        Dual::start()
    }
    fn rotator(world: &Arc<World<Database>>) -> Self::Rotator {
        Strategies::new(ModelAccounts { world: Arc::clone(world), writes: Writes::AtOnce, locks: true })
            .with_alternating_users()
            .with_dual_password()
            .with_servers(servers(world))
    }
}

impl Kind for AutoOfTwo {
    type Target = Database;
    type Rotator = Strategies<ModelAccounts>;
    const OVERLAPS: bool = true;
    // An account that is retired at finish keeps a password, which nobody knows.
    const AT_REST: usize = 2;

    /// A rotation by the strategy that the owner named was done, and the tag that named it was taken away.
    fn start() -> State<Database> {
        let world = World::new(Alternating::start());
        rotate::<Alternating>(&world, 1..=1, false, &mut |_, _, _| {}).expect("the first rotation is calm");
        let mut state = world.state().clone();
        state.begin_again();
        state
    }
    fn rotator(world: &Arc<World<Database>>) -> Self::Rotator {
        Auto::rotator(world)
    }
}

impl Kind for AutoWithoutRight {
    type Target = Database;
    type Rotator = Strategies<ModelAccounts>;
    const OVERLAPS: bool = false;
    const MOST: usize = 1;

    fn start() -> State<Database> {
        let mut state = State::new(model(ACCOUNT), Database::new(), Self::MOST, one_slot);
        state.target.change_rights();
        state
    }
    fn rotator(world: &Arc<World<Database>>) -> Self::Rotator {
        Auto::rotator(world)
    }
}

impl Kind for RightThatComesAndGoes {
    type Target = Database;
    type Rotator = Strategies<ModelAccounts>;
    const OVERLAPS: bool = false;
    // Without the right the account cannot discard the password that it retained before.
    const AT_REST: usize = 2;
    const ROTATIONS: usize = 2;
    const CHANGES: &'static [Fault] = &[Fault::Rights];
    // At finish a password may be left that only the right can discard.
    const REMEDY: Remedy = Remedy::Grant;

    fn start() -> State<Database> {
        State::new(model(ACCOUNT), Database::new(), Self::MOST, |state| {
            // Without the right the rotation is single-user's.
            match state.plan.iter().any(|(_, fault)| *fault == Fault::Rights) {
                true => one_slot(state),
                false => current_opens(state),
            }
        })
    }
    fn rotator(world: &Arc<World<Database>>) -> Self::Rotator {
        Auto::rotator(world)
    }
}
