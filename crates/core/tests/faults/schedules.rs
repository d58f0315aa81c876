//! Every single fault, and every ordered pair of faults, over a few rotations.

use std::sync::Arc;

use crate::driver::{BY_HAND, rotate};
use crate::kinds::Kind;
use crate::world::{Call, Fault, State, World};

/// A run of all rotations, with the world as it was before each, to go on from.
struct Run<T> {
    journal: Vec<(Call, &'static str)>,
    before: Vec<State<T>>,
}

#[derive(Default, Debug)]
struct Count {
    single: usize,
    pairs: usize,
    /// Schedules that ended in the one stable error that the kind allows.
    by_hand: usize,
}

/// Runs every single fault, and with `pairs` every ordered pair. Returns those that break a rule.
pub fn explore<K: Kind>(at_finish: bool, pairs: bool) -> Vec<String> {
    let mut count = Count::default();
    let mut broken = Vec::new();
    let calm = run::<K>(&[K::start()], Vec::new(), at_finish).expect("a rotation without a fault breaks no rule");
    for (at, (call, name)) in calm.journal.iter().enumerate() {
        for fault in call.faults().iter().chain(K::CHANGES) {
            count.single += 1;
            let first = (at + 1, *fault);
            let faulted = match run::<K>(&calm.before, vec![first], at_finish) {
                Ok(faulted) => faulted,
                Err(end) => {
                    note(&mut broken, &mut count, &end, &[(first, name)]);
                    continue;
                }
            };
            if !pairs {
                continue;
            }
            // Where something may change, one of both is that: another kind has the pairs of faults.
            let faults_too = K::CHANGES.is_empty() || K::CHANGES.contains(fault);
            for (later, (call, later_name)) in faulted.journal.iter().enumerate().skip(at + 1) {
                let faults = if faults_too { call.faults() } else { &[] };
                for fault in faults.iter().chain(K::CHANGES) {
                    count.pairs += 1;
                    let second = (later + 1, *fault);
                    if let Err(end) = run::<K>(&faulted.before, vec![first, second], at_finish) {
                        note(&mut broken, &mut count, &end, &[(first, name), (second, later_name)]);
                    }
                }
            }
        }
    }
    println!("{count:?}");
    broken
}

/// Runs the rotations with a plan, from the last world before the plan's last fault.
fn run<K: Kind>(
    before: &[State<K::Target>],
    plan: Vec<(usize, Fault)>,
    at_finish: bool,
) -> Result<Run<K::Target>, String> {
    let last = plan.last().map_or(0, |(at, _)| *at);
    let from = before.iter().rposition(|state| state.calls < last).unwrap_or(0);
    let mut state = before[from].clone();
    state.plan = plan;
    let world = World::new(state);
    let mut kept = before[..from].to_vec();
    for rotation in from + 1..=K::ROTATIONS {
        world.state().secret = K::SECRETS[(rotation - 1) % K::SECRETS.len()];
        kept.push(world.state().clone());
        rotate::<K>(&world, rotation..=rotation, at_finish, &mut |_, _, _| {})?;
    }
    let journal = world.state().journal.clone();
    drop(Arc::try_unwrap(world));
    Ok(Run { journal, before: kept })
}

/// Fails with the first of the schedules that broke a rule.
pub fn none(broken: &[String]) {
    let shown: Vec<_> = broken.iter().take(8).map(String::as_str).collect();
    assert!(broken.is_empty(), "{} schedules break a rule:\n{}", broken.len(), shown.join("\n"));
}

fn note(broken: &mut Vec<String>, count: &mut Count, end: &str, plan: &[((usize, Fault), &str)]) {
    if end == BY_HAND {
        count.by_hand += 1;
    } else {
        let plan: Vec<_> = plan.iter().map(|((at, fault), name)| format!("{fault:?} at call {at} ({name})")).collect();
        broken.push(format!("{end}: {}", plan.join(", ")));
    }
}
