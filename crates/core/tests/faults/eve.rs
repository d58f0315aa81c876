//! Eve, who may write, tag and rotate a secret of her own, at any moment: no account but hers is ever touched.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Context, Waker};

use fourstep::memory::{CreateSecret, PutSecretValue, SecretValue, UpdateSecretVersionStage};
use fourstep::{AWSCURRENT, AWSPENDING, AWSPREVIOUS, Step};

use crate::database::{Account, Database};
use crate::driver::{invoke, start};
use crate::kinds::{Auto, Kind};
use crate::world::World;

/// What Eve has on the server: an account, and its password.
#[derive(Clone, Copy, Debug)]
struct Hers {
    account: &'static str,
    /// The accounts that her rotations may change: hers, and a clone where nobody has one.
    may_change: &'static [&'static str],
}

const EVES: [Hers; 3] = [
    Hers { account: "eve", may_change: &["eve", "eve_clone"] },
    // Named like the clone of another's account.
    Hers { account: "app_clone", may_change: &["app_clone", "app_clone_clone"] },
    // Named like the base of another's account.
    Hers { account: "svc", may_change: &["svc"] },
];

const PASSWORD: &str = "of-eve";

/// What Eve may write into a version: an account's name, and a password that is hers or nobody's.
fn values(hers: Hers) -> Vec<(&'static str, &'static str)> {
    let names = ["app", "app_clone", "svc_clone", "admin", "eve_clone"];
    let junk = names.into_iter().filter(|name| *name != hers.account).map(|name| (name, "junk"));
    [(hers.account, PASSWORD), (hers.account, "junk")].into_iter().chain(junk).collect()
}

/// The secrets that she may name: the administrator's, which the owner lists, and the victim's own.
const ADMINISTRATORS: [&str; 2] = ["admin", "victim"];

fn json(value: (&str, &str), administrator: &str) -> String {
    format!(
        r#"{{"engine":"model","host":"h","username":"{}","password":"{}","masterarn":"{administrator}"}}"#,
        value.0, value.1
    )
}

/// What Eve does in the middle of a step.
#[derive(Clone, Copy, Debug)]
enum Act {
    Nothing,
    /// Stores a value under a label.
    Put(&'static str, (&'static str, &'static str)),
    /// Moves AWSCURRENT to the pending version.
    Promote,
}

type TheWorld = Arc<World<Database>>;

fn begin(hers: Hers, tags: &[(&str, &str)]) -> TheWorld {
    let world = World::new(Auto::start());
    let mut state = world.state();
    state.check = |_| Ok(());
    state.most = usize::MAX;
    let account =
        |password: &str, rights| Account { password: password.into(), secondary: None, rights, clone_of: None };
    for (name, password) in [("svc_clone", "of-team-two"), (hers.account, PASSWORD)] {
        state.target.accounts.insert(name.into(), account(password, 1));
    }
    let victim = CreateSecret {
        name: "victim",
        value: Some(SecretValue::text(json(("app", "first"), "admin"))),
        ..CreateSecret::default()
    };
    state.model.create_secret(victim).expect("the secret can be made");
    // Not even in an old version is there a credential of somebody else.
    let own = json((hers.account, PASSWORD), "admin");
    for version in &mut state.model.secret_mut("app").expect("it is Eve's").versions {
        version.value = version.value.as_ref().map(|_| SecretValue::text(own.clone()));
    }
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    state.model.secret_mut("app").expect("it is Eve's").tags = tags.iter().map(owned).collect();
    drop(state);
    world
}

/// Returns what is not Eve's.
fn of_others(world: &TheWorld, hers: Hers) -> BTreeMap<String, Account> {
    let accounts = world.state().target.accounts.clone();
    accounts.into_iter().filter(|(name, _)| !hers.may_change.contains(&name.as_str())).collect()
}

/// Runs a rotation in which Eve acts before the call `at`, and looks after each call. Returns how many calls there were.
fn rotate(world: &TheWorld, hers: Hers, act: Act, at: usize, administrator: &str) -> Result<usize, String> {
    let before = of_others(world, hers);
    let mut call = 0;
    let token = start(&mut world.state(), 1, 0);
    for step in Step::ALL {
        world.take_turns(true);
        let mut running = invoke::<Auto>(world, step, &token, false);
        while running.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            call += 1;
            if call == at {
                perform(world, act, administrator);
            }
            if of_others(world, hers) != before {
                return Err(format!("call {call} of {step}"));
            }
        }
        world.take_turns(false);
        if of_others(world, hers) != before {
            return Err(format!("the end of {step}"));
        }
    }
    Ok(call)
}

fn perform(world: &TheWorld, act: Act, administrator: &str) {
    let mut state = world.state();
    let pending = state.pending().to_owned();
    match act {
        Act::Nothing => {}
        Act::Put(label, value) => {
            let text = json(value, administrator);
            // Refused where the version has a value already.
            let _ = state.model.put_secret_value(match label {
                AWSPENDING => PutSecretValue::pending("app", &pending, text),
                _ => PutSecretValue::current("app", text),
            });
        }
        Act::Promote => {
            let current = state.model.secret("app").and_then(|secret| secret.labelled(AWSCURRENT));
            let Some(current) = current.map(|version| version.id.clone()) else { return };
            let request = UpdateSecretVersionStage::promotion("app", &pending, &current);
            let _ = state.model.update_secret_version_stage(request);
        }
    }
}

#[test]
fn whatever_eve_writes_tags_and_rotates_no_account_but_hers_changes() {
    let (mut schedules, mut broken) = (0, Vec::new());
    for hers in EVES {
        for strategy in ["auto", "single-user", "alternating-users", "dual-password"] {
            for grants in ["mirror", "leave"] {
                for administrator in ADMINISTRATORS {
                    let tags = [("fourstep:strategy", strategy), ("fourstep:grants", grants)];
                    for older in values(hers) {
                        for current in values(hers) {
                            // Where her own credential opens nothing, nothing that she does later opens more.
                            let acts = if current.1 == PASSWORD || older.1 == PASSWORD {
                                acts(hers)
                            } else {
                                vec![Act::Nothing]
                            };
                            for act in acts {
                                let mut at = 1;
                                loop {
                                    let world = begin(hers, &tags);
                                    for value in [older, current] {
                                        let put = PutSecretValue::current("app", json(value, administrator));
                                        world.state().model.put_secret_value(put).expect("Eve may write her secret");
                                    }
                                    schedules += 1;
                                    let told =
                                        format!("{hers:?} {tags:?} {administrator} {older:?} {current:?} {act:?}");
                                    match rotate(&world, hers, act, at, administrator) {
                                        Err(moment) => {
                                            broken.push(format!("{told} before call {at}: {moment}"));
                                            break;
                                        }
                                        Ok(calls) if at >= calls || matches!(act, Act::Nothing) => break,
                                        // Each third call, each time another one: all of them over all values.
                                        Ok(_) => at += 3,
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
    println!("Eve: {schedules} schedules");
    assert!(broken.is_empty(), "{} of {schedules}: {:#?}", broken.len(), &broken[..broken.len().min(5)]);
    assert!(schedules > 5_000);
}

fn acts(hers: Hers) -> Vec<Act> {
    let mut acts = vec![Act::Nothing, Act::Promote];
    for label in [AWSCURRENT, AWSPENDING] {
        acts.extend(values(hers).into_iter().map(|value| Act::Put(label, value)));
    }
    acts
}

#[test]
fn eve_rotates_what_is_hers() {
    for hers in EVES {
        let world = begin(hers, &[("fourstep:strategy", "single-user")]);
        let put = PutSecretValue::current("app", json((hers.account, PASSWORD), "admin"));
        world.state().model.put_secret_value(put).expect("Eve may write her secret");
        rotate(&world, hers, Act::Nothing, 0, "admin").unwrap_or_else(|moment| panic!("{hers:?}: {moment}"));
        assert!(world.state().opens(AWSCURRENT) && !world.state().opens(AWSPREVIOUS), "{hers:?}");
        assert_ne!(world.state().target.accounts[hers.account].password, PASSWORD);
    }
}
