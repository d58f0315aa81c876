//! The rules of the protocol, one by one: which calls a step makes, in which order, and how it ends where it may not go
//! on.

mod admin;
mod create;
mod credentials;
mod finish;
mod lost;
mod operator;
mod staging;
pub mod two_passwords;

use std::sync::Arc;

use fourstep::memory::{ExceptionName, PutSecretValue, UpdateSecretVersionStage};
use fourstep::operator::Action;
use fourstep::{AWSCURRENT, AWSPENDING, AWSPREVIOUS, Done, Error, ErrorKind, Outcome, Step};

use crate::driver::{MORE, converge, finish, invoke, operate, rotate, start};
use crate::kinds::{Alternating, Auto, AutoWithoutRight, Dual, FUNCTION, Kind, Limited, Push, Single, Ssh};
use crate::world::{Call, Fault, World};

type TheWorld<K> = Arc<World<<K as Kind>::Target>>;

const TYPED_BY_HAND: &str = r#"{"engine":"model","host":"h","username":"app","password":"typed by hand"}"#;

/// A world in which one rotation was done and the next was started.
fn second<K: Kind>() -> (TheWorld<K>, String) {
    let world = World::new(K::start());
    rotate::<K>(&world, 1..=1, false, &mut |_, _, _| {}).expect("the first rotation is calm");
    let token = start(&mut world.state(), 2, 0);
    (world, token)
}

fn step<K: Kind>(world: &TheWorld<K>, step: Step, token: &str) -> Result<Done, Error> {
    world.state().journal.clear();
    finish::<K>(world, invoke::<K>(world, step, token, false)).expect("no crash is planned").result
}

fn steps<K: Kind>(world: &TheWorld<K>, steps: &[Step], token: &str) {
    for at in steps {
        step::<K>(world, *at, token).expect("the step is calm");
    }
}

fn calls<K: Kind>(world: &TheWorld<K>) -> Vec<&'static str> {
    world.state().journal.iter().map(|(_, name)| *name).collect()
}

fn fault_at<K: Kind>(world: &TheWorld<K>, call: usize, fault: Fault) {
    let mut state = world.state();
    let at = state.calls + call;
    state.plan.push((at, fault));
}

fn value<K: Kind>(world: &TheWorld<K>, label: &str) -> Option<String> {
    world.state().labelled(label)
}
