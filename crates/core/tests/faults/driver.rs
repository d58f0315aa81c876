//! What Secrets Manager does: runs the four steps, and all of them again when one fails.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use fourstep::memory::{RotateSecret, UpdateSecretVersionStage};
use fourstep::operator::{Action, OperatorEvent};
use fourstep::settings::Environment;
use fourstep::{AWSCURRENT, AWSPENDING, AWSPREVIOUS, Engine, Error, ErrorKind, Report, Step, StepEvent};

use crate::database::GRANT;
use crate::kinds::{FUNCTION, Kind, Remedy};
use crate::world::{State, Target as _, World, WorldClock, WorldStore};

pub type Running = std::pin::Pin<Box<dyn Future<Output = Report> + Send>>;

/// Starts one invocation of the function.
pub fn invoke<K: Kind>(world: &Arc<World<K::Target>>, step: Step, token: &str, at_finish: bool) -> Running {
    let (engine, rotator) = (engine::<K>(world, &[("RETIRE", retire(at_finish))]), K::rotator(world));
    let event = StepEvent { step, secret_id: world.state().secret.into(), token: token.into(), rotation_token: None };
    let deadline = world.state().now + Duration::from_secs(30);
    Box::pin(async move { engine.run(&rotator, &event, FUNCTION, deadline).await })
}

/// Starts one invocation by an operator, of the function with the ARN `function`.
pub fn operate<K: Kind>(
    world: &Arc<World<K::Target>>,
    action: Action,
    function: &'static str,
    variables: &[(&str, &str)],
) -> Running {
    let (engine, rotator) = (engine::<K>(world, variables), K::rotator(world));
    let event = OperatorEvent { action, secret_id: world.state().secret.into() };
    let deadline = world.state().now + Duration::from_secs(30);
    Box::pin(async move { engine.operate(&rotator, &event, function, deadline).await.map(|answer| answer.done) })
}

fn engine<K: Kind>(world: &Arc<World<K::Target>>, variables: &[(&str, &str)]) -> Engine {
    // The function's owner lists the administrator, unless the test says otherwise.
    let variables = [("ADMIN_SECRETS", "admin"), ("OPERATOR_EVENTS", "on,reset,adopt")].iter().chain(variables);
    let variables = variables.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Engine::new(Arc::new(WorldStore(Arc::clone(world))), variables.collect::<Environment>())
        .with_clock(Arc::new(WorldClock(Arc::clone(world))))
}

/// Returns the value of `RETIRE`.
pub fn retire(at_finish: bool) -> &'static str {
    if at_finish { "at-finish" } else { "at-next-rotation" }
}

/// Runs an invocation to its end. `None`: it crashed.
pub fn finish<K: Kind>(world: &World<K::Target>, mut running: Running) -> Option<Report> {
    let mut cx = Context::from_waker(Waker::noop());
    match running.as_mut().poll(&mut cx) {
        Poll::Ready(report) => Some(report),
        Poll::Pending => {
            assert!(std::mem::take(&mut world.state().crashed), "only a crash ends an invocation without an answer");
            None
        }
    }
}

/// Attempts that Secrets Manager makes, and a person after it.
const ATTEMPTS: usize = 8;
/// I3: how many more attempts a rotation may need once the faults are over.
pub const MORE: usize = 2;
/// An invocation that sleeps is a fault until its deadline: one attempt more.
pub const SLEEPING: usize = MORE + 1;

/// Runs rotations one after the other, starting with the number `first`. Before each step, `before` sees the world.
pub fn rotate<K: Kind>(
    world: &Arc<World<K::Target>>,
    rotations: std::ops::RangeInclusive<usize>,
    at_finish: bool,
    before: &mut dyn FnMut(usize, usize, Step),
) -> Result<(), String> {
    for rotation in rotations {
        // I8: AWSPREVIOUS works until the rotation that needs its place.
        let mistyped = std::mem::take(&mut world.state().mistyped);
        let promised = rotation > K::SECRETS.len() && K::OVERLAPS && !at_finish && !mistyped;
        if promised && !world.state().opens(AWSPREVIOUS) {
            return Err(format!("I8: AWSPREVIOUS does not open the target before rotation {rotation}"));
        }
        let token = start(&mut world.state(), rotation, 0);
        converge::<K>(world, rotation, token, at_finish, MORE, before)?;
    }
    Ok(())
}

/// RotateSecret: gives the token of the rotation that runs.
pub fn start<T: crate::world::Target>(state: &mut State<T>, rotation: usize, again: usize) -> String {
    state.remember();
    let token = token(rotation, again);
    let request = RotateSecret { token: Some(&token), ..RotateSecret::now(state.secret) };
    state.model.rotate_secret(request).answer.expect("no rotation is under way");
    state.date();
    state.now += Duration::from_secs(86_400);
    token
}

/// Returns the token of a rotation that was started for the first time, or `again`.
pub fn token(rotation: usize, again: usize) -> String {
    format!("rotation-{rotation}-{again}-{:032}", 0)
}

/// Runs the steps before one, in a world without faults.
pub fn run_up_to<K: Kind>(world: &Arc<World<K::Target>>, step: Step, token: &str, at_finish: bool) {
    for done in Step::ALL.into_iter().take_while(|done| *done < step) {
        let report = finish::<K>(world, invoke::<K>(world, done, token, at_finish));
        report.expect("no crash is planned").result.expect("the rotation is calm");
    }
}

/// Attempts a rotation until it ends, and checks what holds then.
pub fn converge<K: Kind>(
    world: &Arc<World<K::Target>>,
    rotation: usize,
    mut token: String,
    at_finish: bool,
    more: usize,
    before: &mut dyn FnMut(usize, usize, Step),
) -> Result<(), String> {
    let mut clean = 0;
    for attempt in 0..ATTEMPTS {
        let faults_left = |state: &State<K::Target>| state.plan.iter().any(|(at, _)| *at > state.calls);
        let had_faults = faults_left(&world.state());
        let failure = steps::<K>(world, rotation, attempt, &token, at_finish, before)?;
        let Some(failure) = failure else {
            return converged::<K>(world, &token, at_finish);
        };
        if !had_faults {
            clean += 1;
        }
        // Secrets Manager tries again soon, and later after that.
        world.state().now += Duration::from_secs(if attempt == 0 { 1 } else { 900 });
        if clean < more {
            continue;
        }
        let Some(error) = failure else { return Err("I3: it crashes without a fault".into()) };
        match (K::REMEDY, error.kind()) {
            (Remedy::RemovePending, ErrorKind::Conflict | ErrorKind::Rejected)
                if error.to_string().contains("emove AWSPENDING") =>
            {
                let mut state = world.state();
                drop_pending(&mut state, &token)?;
                token = start(&mut state, rotation, attempt + 1);
                clean = 0;
            }
            // Advice is followed as it is printed.
            (Remedy::RemovePending, ErrorKind::Conflict) if error.to_string().contains("then fourstep recover app") => {
                drop_pending(&mut world.state(), &token)?;
                let recover = Action::Recover { attempts: 9, skip: vec![], version: None, leaked_anyway: false };
                let recovered = finish::<K>(world, operate::<K>(world, recover, FUNCTION, &[]));
                recovered
                    .ok_or("it crashes without a fault")?
                    .result
                    .map_err(|error| format!("no recovery: {error}"))?;
                token = start(&mut world.state(), rotation, attempt + 1);
                clean = 0;
            }
            (_, ErrorKind::Rejected) if error.to_string().contains("allow secretsmanager:ListSecretVersionIds") => {
                world.state().forbidden = None;
                clean = 0;
            }
            (Remedy::Grant, ErrorKind::Forbidden) if error.to_string().contains(GRANT) => {
                world.state().target.change_rights();
                clean = 0;
            }
            (Remedy::IssueByHand, ErrorKind::Rejected | ErrorKind::Conflict) => return Err(BY_HAND.into()),
            _ => return Err(format!("I3: it does not converge: {error:?}")),
        }
    }
    Err("I3: it does not end".into())
}

fn drop_pending<T: crate::world::Target>(state: &mut State<T>, token: &str) -> Result<(), String> {
    state.remember();
    let (secret_id, stage) = (state.secret, AWSPENDING);
    let remove = UpdateSecretVersionStage { secret_id, stage, move_to: None, remove_from: Some(token) };
    state.model.update_secret_version_stage(remove).map(drop).map_err(|exception| format!("{exception}"))
}

/// The end of a schedule in which the one credential was lost, which a rolled key allows.
pub const BY_HAND: &str = "issue by hand";

/// Runs the four steps. `Some`: one failed, with its error, or crashed without.
#[expect(clippy::option_option, reason = "no failure, a crash, or an error")]
fn steps<K: Kind>(
    world: &Arc<World<K::Target>>,
    rotation: usize,
    attempt: usize,
    token: &str,
    at_finish: bool,
    before: &mut dyn FnMut(usize, usize, Step),
) -> Result<Option<Option<Error>>, String> {
    for step in Step::ALL {
        before(rotation, attempt, step);
        let report = finish::<K>(world, invoke::<K>(world, step, token, at_finish));
        if let Some(violation) = world.state().violation.take() {
            return Err(format!("{violation}, in {step} of rotation {rotation}, attempt {attempt}"));
        }
        match report.map(|report| report.result) {
            None => return Ok(Some(None)),
            Some(Err(error)) => return Ok(Some(Some(error))),
            Some(Ok(_)) => {}
        }
    }
    Ok(None)
}

/// What holds after a rotation: I1, I4, I8 and I9.
pub fn converged<K: Kind>(world: &Arc<World<K::Target>>, token: &str, at_finish: bool) -> Result<(), String> {
    {
        let mut state = world.state();
        // Secrets Manager's own clean-up.
        let current = state.rotated().labelled(AWSCURRENT).map(|version| version.id.clone());
        if current.as_deref() != Some(token) {
            return Err(format!("it ended without an error, and AWSCURRENT is on {current:?}, not {token}"));
        }
        if !state.opens(AWSCURRENT) {
            return Err("I1: AWSCURRENT does not open the target after the rotation".into());
        }
        let promised = K::OVERLAPS && !at_finish && !state.mistyped;
        if promised && !state.opens(AWSPREVIOUS) {
            return Err("I8: AWSPREVIOUS does not open the target after the rotation".into());
        }
        if at_finish && state.opens(AWSPREVIOUS) && state.labelled(AWSPREVIOUS) != state.labelled(AWSCURRENT) {
            return Err("AWSPREVIOUS opens the target though it is to be retired at finish".into());
        }
        let (live, most) = (state.target.live(), if promised { 2 } else { K::AT_REST } * K::SECRETS.len());
        if live > most && !state.mistyped {
            return Err(format!("I4: {live} credentials live after the rotation, and at most {most} are needed"));
        }
        // What was written is visible by the next rotation.
        state.remember();
        state.remember();
    }
    let writes = world.state().target_writes;
    let report = finish::<K>(world, invoke::<K>(world, Step::Finish, token, at_finish));
    match report.map(|report| report.result) {
        Some(Ok(_)) if world.state().target_writes == writes => Ok(()),
        Some(Ok(_)) => Err("I9: a finished rotation wrote to the target".into()),
        // A fault of the plan may fall into this call.
        Some(Err(_)) | None => Ok(()),
    }
}
