//! What people do to a secret in the middle of a rotation, at every moment: nothing may be lost by it.

use std::sync::Arc;

use fourstep::memory::{PutSecretValue, UpdateSecretVersionStage};
use fourstep::{AWSCURRENT, AWSPENDING};

use crate::driver::{MORE, converge, finish, invoke, rotate, start};
use crate::kinds::Kind;
use crate::world::{State, Target as _, World};

/// What a person does.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    /// Edits a field of AWSCURRENT: the credential is then in two versions, and AWSPENDING is taken off.
    Edit,
    /// Takes AWSPENDING off, to start anew.
    DropPending,
    /// Turns rotation off, and takes AWSPENDING off.
    Cancel,
    /// Stores a credential that the target never had.
    Mistype,
}

impl Act {
    pub const ALL: [Self; 4] = [Self::Edit, Self::DropPending, Self::Cancel, Self::Mistype];
}

/// Does `act` before each call of the second rotation, then rotates until it ends well.
pub fn interrupt<K: Kind>(act: Act, at_finish: bool) -> Vec<String> {
    let mut broken = Vec::new();
    let mut at = 0;
    loop {
        at += 1;
        let world = World::new(K::start());
        rotate::<K>(&world, 1..=1, at_finish, &mut |_, _, _| {}).expect("the first rotation is calm");
        let token = start(&mut world.state(), 2, 0);
        let acted = act_before_call::<K>(&world, &token, act, at, at_finish);
        if !acted {
            break;
        }
        if let Err(end) = settle::<K>(&world, at_finish) {
            broken.push(format!("{end}: {act:?} before call {at}"));
        }
    }
    println!("{act:?} before each of {} calls", at - 1);
    broken
}

/// Runs the second rotation until it acted, and then to the end of that step. False: the rotation made fewer calls.
pub fn act_before_call<K: Kind>(
    world: &Arc<World<K::Target>>,
    token: &str,
    act: Act,
    at: usize,
    at_finish: bool,
) -> bool {
    let mut call = 0;
    for step in fourstep::Step::ALL {
        world.take_turns(true);
        let mut running = invoke::<K>(world, step, token, at_finish);
        let mut acted = false;
        loop {
            let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
            if running.as_mut().poll(&mut cx).is_ready() {
                break;
            }
            call += 1;
            if call == at {
                perform(&mut world.state(), token, act);
                acted = true;
            }
        }
        world.take_turns(false);
        if acted {
            return true;
        }
    }
    false
}

fn perform<T: crate::world::Target>(state: &mut State<T>, token: &str, act: Act) {
    state.remember();
    match act {
        Act::Edit => {
            let json =
                state.labelled(AWSCURRENT).expect("there is a current version").replacen('{', r#"{"note":1,"#, 1);
            state
                .model
                .put_secret_value(PutSecretValue::current(state.secret, json))
                .expect("a person may put a value");
        }
        Act::Mistype => {
            // What comes of it is what AWSCURRENT then says, which is the person's doing.
            state.check = |_| Ok(());
            state.mistyped = true;
            let json = mistyped(&state.labelled(AWSCURRENT).expect("there is a current version"));
            state
                .model
                .put_secret_value(PutSecretValue::current(state.secret, json))
                .expect("a person may put a value");
        }
        Act::DropPending | Act::Cancel => {
            if matches!(act, Act::Cancel) {
                state.model.cancel_rotate_secret(state.secret).expect("a person may cancel");
            }
            let remove = UpdateSecretVersionStage {
                secret_id: state.secret,
                stage: AWSPENDING,
                move_to: None,
                remove_from: Some(token),
            };
            // Too late if it was promoted: then there is nothing to drop.
            let _ = state.model.update_secret_version_stage(remove);
        }
    }
}

/// Replaces the credential of a value.
fn mistyped(json: &str) -> String {
    let mut value: serde_json::Map<_, _> = serde_json::from_str(json).expect("every version has the kind's shape");
    for field in ["id", "password", "value", "private", "public"] {
        if let Some(credential) = value.get_mut(field) {
            *credential = "typed by hand".into();
        }
    }
    serde_json::Value::Object(value).to_string()
}

/// Something stored opens the target, and further rotations end well.
pub fn settle<K: Kind>(world: &Arc<World<K::Target>>, at_finish: bool) -> Result<(), String> {
    world.state().violation = None;
    {
        let state = world.state();
        let mut texts = state.rotated().versions.iter().filter_map(|version| version.text());
        if !texts.any(|text| state.target.opens(text.expose())) {
            return Err("LOST: no stored version opens the target".into());
        }
    }
    // Where one slot holds an abandoned credential, or AWSCURRENT what was mistyped, the checks resume with the rotation
    // that is calm again.
    let check = K::start().check;
    if !K::OVERLAPS || !world.state().opens(AWSCURRENT) {
        world.state().check = |_| Ok(());
    }
    let pending = world.state().pending().to_owned();
    if !pending.is_empty() {
        let _ = finish::<K>(world, invoke::<K>(world, fourstep::Step::Finish, &pending, at_finish));
        let mut state = world.state();
        if !state.pending().is_empty() {
            perform(&mut state, &pending, Act::DropPending);
        }
    }
    let token = start(&mut world.state(), 3, 0);
    converge::<K>(world, 3, token, at_finish, MORE, &mut |_, _, _| {})?;
    world.state().check = check;
    rotate::<K>(world, 4..=4, at_finish, &mut |_, _, _| {})
}
