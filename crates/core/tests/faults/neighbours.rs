//! Two secrets on one target: whatever becomes of the rotation of one, what the other holds works on.

use std::sync::Arc;

use fourstep::accounts::AlternatingUsers;
use fourstep::keys::Minted;
use fourstep::{AWSCURRENT, AWSPREVIOUS, Step};

use crate::accounts::ModelAccounts;
use crate::database::Database;
use crate::driver::{SLEEPING, converge, invoke, rotate, run_up_to, start, token};
use crate::interleavings::{Order, take_turns};
use crate::keys::{KeyService, ModelKeys};
use crate::kinds::{Alternating, Kind, Limited, add_rotated};
use crate::schedules::{explore, none};
use crate::world::{State, Target, World, labelled};

const SECRETS: [&str; 2] = ["app", "other"];

/// Two accounts at one server, by one administrator.
struct TwoAccounts;

impl Kind for TwoAccounts {
    type Target = Database;
    type Rotator = AlternatingUsers<ModelAccounts>;
    const SECRETS: &'static [&'static str] = &SECRETS;
    const OVERLAPS: bool = true;
    const AT_REST: usize = Alternating::AT_REST;
    const ROTATIONS: usize = 4;

    fn start() -> State<Database> {
        let mut state = Alternating::start();
        let other = r#"{"engine":"model","host":"h","username":"other","password":"others","masterarn":"admin"}"#;
        add_rotated(&mut state.model, "other", other);
        let target = state.target.with_account("other", "others");
        State { target, most: state.most * SECRETS.len(), check: the_other_is_untouched, ..state }
    }
    fn rotator(world: &Arc<World<Database>>) -> Self::Rotator {
        Alternating::rotator(world)
    }
}

/// A secret and what was its replica in another region, which was promoted: both ARNs end alike.
struct PromotedReplica;

impl Kind for PromotedReplica {
    type Target = KeyService;
    type Rotator = Minted<ModelKeys>;
    const SECRETS: &'static [&'static str] = &SECRETS;
    const OVERLAPS: bool = true;
    const ROTATIONS: usize = 4;

    fn start() -> State<KeyService> {
        let mut state = Limited::start();
        add_rotated(&mut state.model, "other", r#"{"id":"o0","value":"others"}"#);
        let arn = state.rotated().arn.clone();
        let suffix = &arn[arn.len() - 6..];
        state.model.secret_mut("other").expect("it was added").arn =
            format!("arn:aws:secretsmanager:eu-west-1:123456789012:secret:other-{suffix}");
        let most = state.most * SECRETS.len();
        let target = KeyService::new(most).with_key("o0", "others");
        State { target, most, check: the_other_is_untouched, ..state }
    }
    fn rotator(world: &Arc<World<KeyService>>) -> Self::Rotator {
        Limited::rotator(world)
    }
}

/// I1 for both, and I8 for the one that is not rotated now.
fn the_other_is_untouched<T: Target>(state: &State<T>) -> Result<(), String> {
    both_open(state)?;
    for secret in state.model.secrets().filter(|secret| SECRETS.contains(&secret.name.as_str())) {
        let previous = labelled(secret, AWSPREVIOUS);
        if secret.name != state.secret && previous.is_some_and(|previous| !state.target.opens(&previous)) {
            return Err(format!("I8: AWSPREVIOUS of `{}` does not open the target", secret.name));
        }
    }
    Ok(())
}

fn both_open<T: Target>(state: &State<T>) -> Result<(), String> {
    for name in SECRETS {
        let secret = state.model.secret(name).expect("it was added");
        if !labelled(secret, AWSCURRENT).is_some_and(|current| state.target.opens(&current)) {
            return Err(format!("I1: AWSCURRENT of `{name}` does not open the target"));
        }
    }
    Ok(())
}

/// Runs each step of the second rotation of one at the same time as each of the other's.
fn side_by_side<K: Kind>() -> Vec<String> {
    let mut broken = Vec::new();
    let mut count = 0;
    for steps in Step::ALL.into_iter().flat_map(|one| Step::ALL.map(|other| [one, other])) {
        let before = up_to::<K>(steps);
        for number in 1..=ORDERS {
            count += 1;
            let world = World::new(before.clone());
            let mut running = Vec::new();
            for (secret, (step, rotation)) in SECRETS.into_iter().zip(steps.into_iter().zip(3..)) {
                world.state().secret = secret;
                running.push(invoke::<K>(&world, step, &token(rotation, 0), false));
            }
            let mut order = Order::at_random(number);
            take_turns(&world, running, &mut order);
            if let Err(end) = both_end::<K>(&world) {
                broken.push(format!("{end}: {steps:?}, in the order {order:?}"));
            }
        }
    }
    println!("{count} interleavings of two secrets");
    broken
}

/// Orders of one pair of steps.
const ORDERS: usize = 500;

fn both_end<K: Kind>(world: &Arc<World<K::Target>>) -> Result<(), String> {
    if let Some(violation) = world.state().violation.take() {
        return Err(violation);
    }
    for (secret, rotation) in SECRETS.into_iter().zip(3..) {
        world.state().secret = secret;
        converge::<K>(world, rotation, token(rotation, 0), false, SLEEPING, &mut |_, _, _| {})?;
    }
    Ok(())
}

/// Each secret was rotated once, and its second rotation is done up to before a step.
fn up_to<K: Kind>(steps: [Step; 2]) -> State<K::Target> {
    let world = World::new(State { check: both_open, ..K::start() });
    for (secret, rotation) in SECRETS.into_iter().zip(1..) {
        world.state().secret = secret;
        rotate::<K>(&world, rotation..=rotation, false, &mut |_, _, _| {}).expect("the first rotation is calm");
    }
    for (secret, (step, rotation)) in SECRETS.into_iter().zip(steps.into_iter().zip(3..)) {
        world.state().secret = secret;
        let token = start(&mut world.state(), rotation, 0);
        run_up_to::<K>(&world, step, &token, false);
    }
    world.state().clone()
}

#[test]
fn two_accounts_of_one_server_are_no_concern_of_each_other_s() {
    none(&explore::<TwoAccounts>(false, true));
    none(&side_by_side::<TwoAccounts>());
}

#[test]
fn a_replica_that_was_promoted_shares_no_key_with_its_primary() {
    none(&explore::<PromotedReplica>(false, true));
    none(&side_by_side::<PromotedReplica>());
}
