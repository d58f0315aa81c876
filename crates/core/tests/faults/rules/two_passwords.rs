//! dual-password, and `auto`, which chooses it where it can.
#![expect(clippy::unwrap_used, reason = "what tests call is a test too, which clippy only sees of their own functions")]

use std::collections::BTreeMap;
use std::time::Duration;

use fourstep::Report;
use fourstep::accounts::Passwords;
use fourstep::memory::UpdateSecretVersionStage;

use super::*;
use crate::database::{Database, GRANT};
use crate::kinds::{Auto, AutoWithoutRight};
use crate::world::Target as _;

const FIRST: &str = "rotation-1-0-00000000000000000000000000000000";

fn report<K: Kind>(world: &TheWorld<K>, step: Step, token: &str, at_finish: bool) -> Report {
    finish::<K>(world, invoke::<K>(world, step, token, at_finish)).expect("no crash is planned")
}

/// Runs a rotation: gives the strategy that each step names, and counts the calls to the store and the logins.
fn counted<K: Kind>(world: &TheWorld<K>, token: &str, at_finish: bool) -> (Vec<&'static str>, usize, usize) {
    world.state().journal.clear();
    let strategies = Step::ALL.map(|step| {
        let report = report::<K>(world, step, token, at_finish);
        report.result.unwrap();
        report.strategy.unwrap()
    });
    let state = world.state();
    let to_store = state.journal.iter().filter(|(call, _)| matches!(call, Call::StoreRead | Call::StoreWrite)).count();
    let logins = state.journal.iter().filter(|(_, name)| *name == "log in").count();
    (strategies.into(), to_store, logins)
}

fn strategy_aloud(world: &TheWorld<Auto>, strategy: &str) {
    let tags = BTreeMap::from([("fourstep:strategy".to_owned(), strategy.to_owned())]);
    world.state().model.secret_mut("app").unwrap().tags = tags;
}

fn account(world: &TheWorld<Dual>, change: impl FnOnce(&mut crate::database::Account)) {
    change(world.state().target.accounts.get_mut("app").unwrap());
}

#[test]
fn the_current_password_is_compared_and_retained_in_one_statement_after_lock_and_fence() {
    let (world, token) = second::<Dual>();
    steps::<Dual>(&world, &[Step::Create, Step::Set], &token);
    let calls = calls::<Dual>(&world);
    assert_eq!(calls[3..], ["log in", "lock", "DescribeSecret", "ask for rights", "swap password", "unlock"]);
    assert!(world.state().opens(AWSCURRENT) && world.state().opens(AWSPENDING));
    // Once more: what is installed is found by a login, and nothing is retained twice.
    steps::<Dual>(&world, &[Step::Set], &token);
    assert!(world.state().opens(AWSCURRENT) && world.state().opens(AWSPENDING));
}

#[test]
fn two_passwords_take_no_more_calls_and_connections_than_one() {
    let dual = "dual-password";
    let (world, token) = second::<Dual>();
    assert_eq!(counted::<Dual>(&world, &token, false), (vec![dual; 4], 14, 3));
    let (world, token) = second::<Auto>();
    // 14 and, since the secret names an administrator, the older version in createSecret, testSecret and finishSecret,
    // which may tell that two accounts alternate.
    assert_eq!(counted::<Auto>(&world, &token, false), (vec!["auto", dual, dual, dual], 17, 3));
    let (world, token) = second::<AutoWithoutRight>();
    let single = "single-user";
    assert_eq!(counted::<AutoWithoutRight>(&world, &token, false), (vec!["auto", single, single, single], 17, 3));
    let (world, token) = second::<AutoWithoutRight>();
    world.state().target.passwords = Passwords::One { server: "Model 1.0".into() };
    let (_, _, logins) = counted::<AutoWithoutRight>(&world, &token, true);
    assert_eq!(logins, 4, "where the server keeps one, no old password is tried");
}

#[test]
fn auto_tells_how_long_the_current_password_was_refused() {
    let (world, token) = second::<Auto>();
    steps::<Auto>(&world, &[Step::Create, Step::Set, Step::Test], &token);
    assert_eq!(step::<Auto>(&world, Step::Finish, &token).unwrap().without_current, Some(Duration::ZERO));
    let (world, token) = second::<AutoWithoutRight>();
    steps::<AutoWithoutRight>(&world, &[Step::Create, Step::Set, Step::Test], &token);
    world.state().now += Duration::from_secs(7);
    let done = step::<AutoWithoutRight>(&world, Step::Finish, &token).unwrap();
    assert!(done.without_current >= Some(Duration::from_secs(7)), "{done:?}");
}

#[test]
fn dual_password_that_is_asked_for_and_not_possible_is_an_error_that_says_why() {
    for (passwords, kind, says) in [
        (Passwords::OneUntil { grant: GRANT.into() }, ErrorKind::Forbidden, GRANT),
        (Passwords::One { server: "Model 1.0".into() }, ErrorKind::Invalid, "Model 1.0 keeps one password"),
    ] {
        let (world, token) = second::<Auto>();
        strategy_aloud(&world, "dual-password");
        world.state().target.passwords = passwords;
        steps::<Auto>(&world, &[Step::Create], &token);
        let writes = world.state().target_writes;
        let error = step::<Auto>(&world, Step::Set, &token).unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(error.to_string().contains(says) && error.to_string().contains("fourstep:strategy"), "{error}");
        assert_eq!(world.state().target_writes, writes);
        // The same rotation goes on when it is possible.
        world.state().target.passwords = Passwords::Two;
        steps::<Auto>(&world, &Step::ALL, &token);
        assert!(world.state().opens(AWSCURRENT) && world.state().opens(AWSPREVIOUS));
    }
}

#[test]
fn auto_goes_on_with_two_accounts_that_alternate() {
    let (world, token) = second::<Alternating>();
    for step in Step::ALL {
        let report = report::<Auto>(&world, step, &token, false);
        report.result.unwrap();
        assert_eq!(report.strategy, Some("alternating-users"));
    }
    assert!(value::<Auto>(&world, AWSCURRENT).unwrap().contains("\"username\":\"app\""));
}

#[test]
fn abandoned_attempts_one_after_the_other_never_push_the_current_password_out() {
    let (world, mut token) = second::<Dual>();
    for again in 1..=5 {
        steps::<Dual>(&world, &[Step::Create, Step::Set], &token);
        assert!(world.state().opens(AWSCURRENT) && world.state().opens(AWSPENDING));
        // A person's new version with the same password takes AWSPENDING off.
        let own = value::<Dual>(&world, AWSCURRENT).unwrap();
        world.state().model.put_secret_value(PutSecretValue::current("app", own)).unwrap();
        token = start(&mut world.state(), 2, again);
    }
    steps::<Dual>(&world, &Step::ALL, &token);
    assert!(world.state().violation.is_none());
    assert!(world.state().opens(AWSCURRENT) && world.state().opens(AWSPREVIOUS));
    rotate::<Dual>(&world, 3..=3, false, &mut |_, _, _| {}).unwrap();
}

#[test]
fn a_password_that_was_changed_by_hand_is_replaced_beside_the_one_that_still_opens() {
    // AWSPREVIOUS is the secondary password, or an administrator made it the only one, or it is an unlabelled version's.
    let changes: [fn(&mut crate::database::Account); 2] = [
        |account| account.password = "changed by hand".into(),
        |account| account.password = account.secondary.take().unwrap(),
    ];
    for change in changes {
        let (world, token) = second::<Dual>();
        let previous = value::<Dual>(&world, AWSPREVIOUS).unwrap();
        account(&world, change);
        world.state().check = |_| Ok(());
        steps::<Dual>(&world, &[Step::Create, Step::Set], &token);
        assert!(world.state().opens(AWSPENDING) && world.state().target.opens(&previous));
        steps::<Dual>(&world, &[Step::Test, Step::Finish], &token);
        assert!(world.state().opens(AWSCURRENT));
    }

    let (world, token) = second::<Dual>();
    steps::<Dual>(&world, &[Step::Create, Step::Set], &token);
    let abandoned = value::<Dual>(&world, AWSPENDING).unwrap();
    account(&world, |account| account.secondary = None);
    world.state().check = |_| Ok(());
    for _ in 0..2 {
        world.state().model.put_secret_value(PutSecretValue::current("app", TYPED_BY_HAND)).unwrap();
    }
    let token = start(&mut world.state(), 3, 0);
    steps::<Dual>(&world, &[Step::Create, Step::Set], &token);
    assert!(world.state().opens(AWSPENDING) && world.state().target.opens(&abandoned));
    steps::<Dual>(&world, &Step::ALL, &token);
    assert!(world.state().opens(AWSCURRENT));
}

#[test]
fn a_password_that_was_left_without_the_right_dies_when_the_right_is_back() {
    let (world, token) = second::<Auto>();
    world.state().check = |_| Ok(());
    let left = value::<Auto>(&world, AWSPREVIOUS).unwrap();
    world.state().target.change_rights();
    steps::<Auto>(&world, &Step::ALL, &token);
    assert!(world.state().opens(AWSCURRENT) && world.state().target.opens(&left));
    world.state().target.change_rights();
    let token = start(&mut world.state(), 3, 0);
    steps::<Auto>(&world, &Step::ALL, &token);
    assert!(world.state().opens(AWSCURRENT) && world.state().opens(AWSPREVIOUS));
    assert!(!world.state().target.opens(&left));
}

/// An event of finishSecret that comes again while the next rotation has its password installed: the secondary one is
/// AWSCURRENT's then.
pub fn current_opens_after_a_late_finish<K: Kind<Target = Database>>() -> bool {
    let world = World::new(K::start());
    let first = start(&mut world.state(), 1, 0);
    for step in Step::ALL {
        report::<K>(&world, step, &first, true).result.unwrap();
    }
    let token = start(&mut world.state(), 2, 0);
    steps::<K>(&world, &[Step::Create, Step::Set], &token);
    report::<K>(&world, Step::Finish, &first, true).result.unwrap();
    assert!(world.state().opens(AWSPENDING));
    world.state().opens(AWSCURRENT)
}

/// A person moves AWSCURRENT back to the version before, whose password is the secondary one, and finishSecret comes.
/// Returns whether AWSCURRENT and AWSPREVIOUS open then.
pub fn opens_after_labels_were_moved<K: Kind<Target = Database>>() -> [bool; 2] {
    let (world, second) = second::<K>();
    steps::<K>(&world, &Step::ALL, &second);
    let back = UpdateSecretVersionStage {
        secret_id: "app",
        stage: AWSCURRENT,
        move_to: Some(FIRST),
        remove_from: Some(&second),
    };
    world.state().model.update_secret_version_stage(back).unwrap();
    report::<K>(&world, Step::Finish, FIRST, true).result.unwrap();
    [AWSCURRENT, AWSPREVIOUS].map(|label| world.state().opens(label))
}

#[test]
fn only_the_password_that_is_gone_is_discarded() {
    assert!(current_opens_after_a_late_finish::<Dual>());
    assert_eq!(opens_after_labels_were_moved::<Dual>(), [true, false]);
}
