//! What an operator does at every moment of a rotation, with every fault in it: nothing may be lost by it.

use std::sync::Arc;

use fourstep::Step;
use fourstep::operator::Action;

use crate::driver::{Running, finish, invoke, operate, retire};
use crate::interleavings::{second_rotation, token};
use crate::kinds::{FUNCTION, Kind};
use crate::people::{Act, act_before_call, settle};
use crate::world::{Call, Fault, State, World};

/// Lets the second rotation stop after each of its writes, or a person act before each of its calls; then lets an operator
/// do each action, with each fault at each of its calls; and rotates until it ends well.
pub fn operate_anywhere<K: Kind>(at_finish: bool) -> Vec<String> {
    let mut broken = Vec::new();
    let mut count = 0;
    for (moment, state) in moments::<K>(at_finish) {
        for action in actions() {
            let plans = faults_of::<K>(&state, &action, at_finish);
            for plan in plans {
                count += 1;
                let planned = plan.map(|(at, fault)| (state.calls + at, fault));
                if let Err(end) = run::<K>(&state, &action, planned, at_finish) {
                    broken.push(format!("{end}: {moment}, then {} with {plan:?}", action.name()));
                }
            }
        }
    }
    println!("{count} actions");
    broken
}

fn actions() -> [Action; 5] {
    [
        Action::Reconcile,
        Action::Diagnose,
        Action::Rollback { version: None, leaked_anyway: false },
        Action::Recover { attempts: 9, skip: vec![], version: None, leaked_anyway: false },
        Action::Retire,
    ]
}

/// Returns the worlds in which an operator may be called, with what happened before.
fn moments<K: Kind>(at_finish: bool) -> Vec<(String, State<K::Target>)> {
    let calm = second_rotation::<K>(Step::Create, at_finish);
    let mut moments = vec![("before any step".to_owned(), calm.clone())];
    let journal = {
        let world = World::new(calm.clone());
        attempt::<K>(&world, at_finish);
        moments.push(("after the last step".to_owned(), world.state().clone()));
        world.state().journal.clone()
    };
    let writes = journal
        .iter()
        .enumerate()
        .skip(calm.calls)
        .filter(|(_, (call, _))| matches!(call, Call::StoreWrite | Call::TargetWrite));
    for (at, (_, name)) in writes {
        let world = World::new(State { plan: vec![(at + 1, Fault::CrashAfter)], ..calm.clone() });
        attempt::<K>(&world, at_finish);
        world.state().plan.clear();
        moments.push((format!("killed after call {} ({name})", at + 1), world.state().clone()));
    }
    for act in Act::ALL {
        for at in 1.. {
            let world = World::new(calm.clone());
            if !act_before_call::<K>(&world, &token(), act, at, at_finish) {
                break;
            }
            world.state().violation = None;
            moments.push((format!("{act:?} before call {at}"), world.state().clone()));
        }
    }
    moments
}

/// Runs the steps of the second rotation once, until one does not end well.
fn attempt<K: Kind>(world: &Arc<World<K::Target>>, at_finish: bool) {
    for step in Step::ALL {
        let report = finish::<K>(world, invoke::<K>(world, step, &token(), at_finish));
        if report.is_none_or(|report| report.result.is_err()) {
            return;
        }
    }
}

/// Returns no fault, and each fault of each call that the action makes in a calm world.
fn faults_of<K: Kind>(state: &State<K::Target>, action: &Action, at_finish: bool) -> Vec<Option<(usize, Fault)>> {
    let world = World::new(state.clone());
    let _ = finish::<K>(&world, asked::<K>(&world, action, at_finish));
    let journal = world.state().journal.clone();
    let calls = journal.iter().skip(state.journal.len()).enumerate();
    let faults = calls.flat_map(|(at, (call, _))| call.faults().iter().map(move |fault| Some((at + 1, *fault))));
    std::iter::once(None).chain(faults).collect()
}

fn asked<K: Kind>(world: &Arc<World<K::Target>>, action: &Action, at_finish: bool) -> Running {
    operate::<K>(world, action.clone(), FUNCTION, &[("RETIRE", retire(at_finish))])
}

fn run<K: Kind>(
    before: &State<K::Target>,
    action: &Action,
    plan: Option<(usize, Fault)>,
    at_finish: bool,
) -> Result<(), String> {
    let mut state = State { plan: plan.into_iter().collect(), ..before.clone() };
    // What a person took away already is no fault of the operator's; that nothing is lost is asked in the end.
    if (state.check)(&state).is_err() {
        state.check = |_| Ok(());
    }
    let world = World::new(state);
    // Whatever comes of it: what counts is what it leaves.
    let _ = finish::<K>(&world, asked::<K>(&world, action, at_finish));
    world.state().plan.clear();
    if let Some(violation) = world.state().violation.take() {
        return Err(violation);
    }
    settle::<K>(&world, at_finish)
}
