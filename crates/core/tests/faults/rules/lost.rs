//! What once lost a credential, or gave it to another.

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::driver::retire;
use crate::kinds::SingleAtOnce;

fn operated<K: Kind>(world: &TheWorld<K>, action: Action, at_finish: bool) -> Result<Done, Error> {
    world.state().journal.clear();
    let running = operate::<K>(world, action, FUNCTION, &[("RETIRE", retire(at_finish))]);
    finish::<K>(world, running).expect("no crash is planned").result
}

fn put_by_hand<K: Kind>(world: &TheWorld<K>, json: &str) {
    // What a person does is no violation; what follows from it must be none.
    world.state().check = |_| Ok(());
    world.state().model.put_secret_value(PutSecretValue::current("app", json)).expect("a person may put a value");
}

/// Emulations of Secrets Manager replace the value of a version: after setSecret the one that is live would be lost.
#[test]
fn create_never_stores_over_a_value_of_any_kind() {
    fn stores_nothing<K: Kind>() {
        let (world, token) = second::<K>();
        steps::<K>(&world, &[Step::Create], &token);
        assert_eq!(step::<K>(&world, Step::Create, &token).unwrap().outcome, Outcome::AlreadyDone);
        assert_eq!(calls::<K>(&world), ["DescribeSecret", "GetSecretValue"]);
    }
    for kind in [
        stores_nothing::<Single>,
        stores_nothing::<Alternating>,
        stores_nothing::<Dual>,
        stores_nothing::<Limited>,
        stores_nothing::<Ssh>,
        stores_nothing::<Push>,
    ] {
        kind();
    }
}

#[test]
fn a_pending_value_that_is_stored_is_never_too_young() {
    let (world, token) = second::<Single>();
    steps::<Single>(&world, &[Step::Create, Step::Set], &token);
    world.state().model.secret_mut("app").unwrap().tags = BTreeMap::from([("fourstep:min-age".into(), "1000d".into())]);
    assert!(!world.state().opens(AWSCURRENT));
    steps::<Single>(&world, &Step::ALL, &token);
    assert!(world.state().opens(AWSCURRENT));
}

#[test]
fn what_may_be_the_last_login_is_retired_by_nobody() {
    fn left<K: Kind>(dead: &str) {
        let (world, token) = second::<K>();
        steps::<K>(&world, &Step::ALL, &token);
        let live = value::<K>(&world, AWSCURRENT);
        put_by_hand::<K>(&world, dead);
        assert_eq!(value::<K>(&world, AWSPREVIOUS), live);
        world.state().model.cancel_rotate_secret("app").expect("it can be cancelled");
        for action in [Action::Reconcile, Action::Retire] {
            let error = operated::<K>(&world, action, true).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
            assert!(error.to_string().contains("fourstep recover"), "{error}");
            assert!(world.state().opens(AWSPREVIOUS), "the only login works on");
        }
    }
    left::<Limited>(r#"{"id":"k77","value":"dead"}"#);
    left::<Alternating>(&TYPED_BY_HAND.replace("\"username\"", "\"masterarn\":\"admin\",\"username\""));
    left::<Dual>(TYPED_BY_HAND);
}

#[test]
fn a_key_that_is_kept_is_deleted_by_no_other_versions_id() {
    let (world, token) = second::<Limited>();
    steps::<Limited>(&world, &Step::ALL, &token);
    let live: serde_json::Value = serde_json::from_str(&value::<Limited>(&world, AWSCURRENT).unwrap()).unwrap();
    for id in ["", "k77"] {
        put_by_hand::<Limited>(&world, &serde_json::json!({"id": id, "value": live["value"]}).to_string());
        let error = operated::<Limited>(&world, Action::Retire, false).unwrap_err();
        assert!(error.to_string().contains("still accepts what AWSPREVIOUS holds"), "{error}");
        assert!(world.state().opens(AWSCURRENT), "the key of AWSCURRENT works on, whatever its id says");
    }
}

#[test]
fn a_rollback_to_a_value_of_another_shape_leaves_nothing_pending() {
    fn refused<K: Kind>() {
        let (world, token) = second::<K>();
        steps::<K>(&world, &Step::ALL, &token);
        world.state().model.cancel_rotate_secret("app").expect("it can be cancelled");
        let live = value::<K>(&world, AWSCURRENT).unwrap();
        put_by_hand::<K>(&world, r#"{"shape":"another"}"#);
        let other = world.state().model.secret("app").unwrap().labelled(AWSCURRENT).unwrap().id.clone();
        put_by_hand::<K>(&world, &live);
        let rollback = Action::Rollback { version: Some(other), leaked_anyway: false };
        let error = operated::<K>(&world, rollback, false).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert_eq!(world.state().pending(), "");
    }
    refused::<Single>();
    refused::<Alternating>();
    refused::<Limited>();
    refused::<Ssh>();
}

/// Killed at each call, with a role that may not list versions: what opens the target is found all the same.
#[test]
fn a_rollback_keeps_the_live_version_findable_where_versions_cannot_be_listed() {
    let mut at = 0;
    loop {
        at += 1;
        let (world, token) = second::<SingleAtOnce>();
        steps::<SingleAtOnce>(&world, &[Step::Create, Step::Set], &token);
        assert!(world.state().opens(AWSPENDING) && !world.state().opens(AWSCURRENT));
        world.state().check = |_| Ok(());
        world.state().forbidden = Some("ListSecretVersionIds");
        fault_at::<SingleAtOnce>(&world, at, Fault::CrashAfter);
        let rollback = Action::Rollback { version: None, leaked_anyway: false };
        let ended = finish::<SingleAtOnce>(&world, operate::<SingleAtOnce>(&world, rollback, FUNCTION, &[]));
        world.state().plan.clear();
        world.state().crashed = false;
        if ended.is_none() {
            let recover = Action::Recover { attempts: 9, skip: vec![], version: None, leaked_anyway: false };
            operated::<SingleAtOnce>(&world, recover, false)
                .unwrap_or_else(|error| panic!("killed at call {at}: {error}"));
        }
        assert!(world.state().opens(AWSCURRENT), "killed at call {at}");
        if ended.is_some() {
            break;
        }
    }
    assert!(at > 12, "it was killed {at} times");
}

#[test]
fn a_rollback_takes_its_own_label_away() {
    let (world, token) = second::<Single>();
    steps::<Single>(&world, &[Step::Create, Step::Set], &token);
    world.state().check = |_| Ok(());
    operated::<Single>(&world, Action::Rollback { version: None, leaked_anyway: false }, false).unwrap();
    assert!(world.state().opens(AWSCURRENT));
    let state = world.state();
    let labels = state.model.secret("app").unwrap().versions.iter().flat_map(|version| version.labels.clone());
    assert_eq!(labels.filter(|label| label.starts_with("fourstep:")).count(), 0);
}

#[test]
fn a_replica_that_failed_asks_a_person_to_act() {
    let (world, token) = second::<Alternating>();
    steps::<Alternating>(&world, &[Step::Create, Step::Set, Step::Test], &token);
    let failed = "Failed: Secret name app already exists in region eu-west-1";
    world.state().model.secret_mut("app").unwrap().replicas = BTreeMap::from([
        ("eu-west-1".to_owned(), failed.to_owned()),
        ("eu-west-2".to_owned(), "InProgress".to_owned()),
    ]);
    let before = world.state().now;
    let report = finish::<Alternating>(&world, invoke::<Alternating>(&world, Step::Finish, &token, true)).unwrap();
    let error = report.result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    for part in ["eu-west-1 (Failed: Secret name app", "replicate-secret-to-regions", "AWSCURRENT is promoted"] {
        assert!(error.to_string().contains(part), "no `{part}` in: {error}");
    }
    assert!(world.state().opens(AWSPREVIOUS) && world.state().opens(AWSCURRENT));
    let waited = world.state().now.duration_since(before).unwrap();
    assert!(waited < Duration::from_secs(2), "nothing is waited for: {waited:?}");
}

#[test]
fn what_opened_before_a_write_without_an_answer_is_not_said_to_work() {
    let (world, token) = second::<Single>();
    steps::<Single>(&world, &[Step::Create], &token);
    // The password is set, and nothing is heard any more.
    fault_at::<Single>(&world, 7, Fault::ReplyLost);
    (8..60).for_each(|call| fault_at::<Single>(&world, call, Fault::Error));
    let error = step::<Single>(&world, Step::Set, &token).unwrap_err();
    assert_eq!(calls::<Single>(&world)[6], "set password");
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(error.to_string().contains("before it began to write there"), "{error}");
}

#[test]
fn a_label_whose_removal_got_no_answer_is_looked_at_again() {
    let mut at = 0;
    let removal = loop {
        at += 1;
        let (world, token) = second::<Single>();
        steps::<Single>(&world, &[Step::Create], &token);
        world.state().model.cancel_rotate_secret("app").expect("it can be cancelled");
        fault_at::<Single>(&world, at, Fault::ReplyLost);
        let rolled_back = operated::<Single>(&world, Action::Rollback { version: None, leaked_anyway: false }, false);
        let calls = calls::<Single>(&world);
        if calls.get(at - 1) == Some(&"UpdateSecretVersionStage") {
            break (rolled_back, world.state().pending().to_owned());
        }
        assert!(at < 20, "{calls:?}");
    };
    assert_eq!((removal.0.unwrap().outcome, removal.1), (Outcome::Done, String::new()));
}

/// A person adds a field: both labels are on one account then, and the other's is on none.
#[test]
fn an_edit_by_hand_does_not_end_the_turns_of_two_accounts() {
    for rotations in 1..=2 {
        let (world, mut token) = second::<Alternating>();
        for rotation in 2..=rotations {
            steps::<Alternating>(&world, &Step::ALL, &token);
            token = start(&mut world.state(), rotation + 1, 0);
        }
        world.state().model.cancel_rotate_secret("app").expect("it can be cancelled");
        let (before, previous) =
            (value::<Alternating>(&world, AWSCURRENT).unwrap(), value::<Alternating>(&world, AWSPREVIOUS));
        let edited = before.replacen('{', r#"{"note":"by hand","#, 1);
        put_by_hand::<Alternating>(&world, &edited);
        drop(token);
        let token = start(&mut world.state(), 9, 0);
        for step in Step::ALL {
            let report =
                finish::<Auto>(&world, invoke::<Auto>(&world, step, &token, false)).expect("no crash is planned");
            report.result.unwrap_or_else(|error| panic!("after {rotations} rotations: {error}"));
            assert_eq!(report.strategy, Some("alternating-users"), "after {rotations} rotations");
        }
        let name = |json: &str| serde_json::from_str::<serde_json::Value>(json).unwrap()["username"].clone();
        let now = value::<Alternating>(&world, AWSCURRENT).unwrap();
        assert_eq!(name(&now), name(&previous.unwrap()), "it is the other account's turn");
        assert!(world.state().opens(AWSCURRENT) && world.state().opens(AWSPREVIOUS));
    }
}

/// Both labels are on one account since an edit by hand, and no other version can be listed: the server is asked.
#[test]
fn where_no_version_tells_whether_an_account_is_a_clone_its_mark_or_a_tag_decides() {
    for (rotations, name, other) in [(1, "app_clone", "app"), (2, "app", "app_clone")] {
        let (world, token) = second::<Alternating>();
        if rotations == 2 {
            steps::<Alternating>(&world, &Step::ALL, &token);
        }
        world.state().model.cancel_rotate_secret("app").expect("it can be cancelled");
        let drop =
            UpdateSecretVersionStage { secret_id: "app", stage: AWSPENDING, move_to: None, remove_from: Some(&token) };
        let _ = world.state().model.update_secret_version_stage(drop);
        let mine = value::<Alternating>(&world, AWSCURRENT).unwrap();
        assert!(mine.contains(&format!("\"username\":\"{name}\"")), "{mine}");
        world.state().forbidden = Some("ListSecretVersionIds");
        put_by_hand::<Alternating>(&world, &mine.replacen('{', r#"{"note":1,"#, 1));
        // Without a mark, as AWS's function leaves it: a tag decides.
        let mark = world.state().target.accounts.get_mut("app_clone").unwrap().clone_of.take();
        let token = start(&mut world.state(), 9, 0);
        let error = step::<Auto>(&world, Step::Create, &token).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        let only = format!("if `{name}` is its only one");
        for part in [
            "`app_clone` is the clone of `app`",
            "alternating-users, and let an operator say so: fourstep adopt app --account app",
            "single-user",
            "Nothing was changed",
            &only,
        ] {
            assert!(error.to_string().contains(part), "no `{part}` in: {error}");
        }
        // By the mark, it is the other account's turn.
        world.state().target.accounts.get_mut("app_clone").unwrap().clone_of = mark.clone();
        step::<Auto>(&world, Step::Create, &token).unwrap();
        let pending = value::<Alternating>(&world, AWSPENDING).unwrap();
        assert!(pending.contains(&format!("\"username\":\"{other}\"")), "{pending}");
        steps::<Auto>(&world, &Step::ALL, &token);
        assert!(world.state().opens(AWSCURRENT));
    }
}

#[test]
fn an_account_that_is_the_only_one_is_rotated_alone_after_an_edit_by_hand() {
    let world = World::new(Auto::start());
    rotate::<Auto>(&world, 1..=2, false, &mut |_, _, _| {}).unwrap();
    let edited = value::<Auto>(&world, AWSCURRENT).unwrap().replacen('{', r#"{"note":1,"#, 1);
    put_by_hand::<Auto>(&world, &edited);
    let token = start(&mut world.state(), 9, 0);
    steps::<Auto>(&world, &Step::ALL, &token);
    let current = value::<Auto>(&world, AWSCURRENT).unwrap();
    assert!(current.contains("\"username\":\"app\"") && world.state().opens(AWSCURRENT), "{current}");
    assert!(!world.state().target.accounts.contains_key("app_clone"));
}

#[test]
fn a_leaked_password_does_not_come_back_by_a_version_that_differs_in_another_field() {
    let (world, token) = second::<Single>();
    steps::<Single>(&world, &Step::ALL, &token);
    let first = world.state().model.secret("app").unwrap().labelled(AWSCURRENT).unwrap().id.clone();
    let leaked = value::<Single>(&world, AWSCURRENT).unwrap();
    let password = world.state().target.accounts["app"].password.clone();
    put_by_hand::<Single>(&world, &leaked.replacen('{', r#"{"note":"x","#, 1));
    rotate::<Single>(&world, 3..=3, false, &mut |_, _, _| {}).unwrap();
    operated::<Single>(&world, Action::Retire, false).unwrap();
    for version in [None, Some(first)] {
        let rollback = Action::Rollback { version, leaked_anyway: false };
        let error = operated::<Single>(&world, rollback, false).unwrap_err();
        assert!(error.to_string().contains("--leaked-anyway"), "{error}");
    }
    assert_ne!(world.state().target.accounts["app"].password, password);
}

#[test]
fn the_version_that_works_is_found_beyond_one_that_does_not_fit() {
    let (world, token) = second::<Single>();
    steps::<Single>(&world, &Step::ALL, &token);
    world.state().model.cancel_rotate_secret("app").expect("it can be cancelled");
    let live = value::<Single>(&world, AWSCURRENT).unwrap();
    put_by_hand::<Single>(&world, &live.replace(r#""engine":"model""#, r#""engine":"modle""#));
    put_by_hand::<Single>(&world, TYPED_BY_HAND);
    operated::<Single>(&world, Action::Diagnose, false).unwrap();
    let recover = Action::Recover { attempts: 9, skip: vec![], version: None, leaked_anyway: false };
    operated::<Single>(&world, recover, false).unwrap();
    assert!(world.state().opens(AWSCURRENT));
}

#[test]
fn an_account_that_was_named_by_mistake_has_a_way_out_that_works() {
    let (world, token) = second::<Single>();
    steps::<Single>(&world, &Step::ALL, &token);
    let live = value::<Single>(&world, AWSCURRENT);
    put_by_hand::<Single>(&world, &TYPED_BY_HAND.replace("\"app\"", "\"wrong\""));
    let token = start(&mut world.state(), 3, 0);
    steps::<Single>(&world, &[Step::Create], &token);
    let error = step::<Single>(&world, Step::Set, &token).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let said = "If AWSCURRENT names `wrong` by mistake, run: fourstep recover app --attempts 3; it makes the version AWSCURRENT";
    assert!(error.to_string().contains(said), "{error}");
    operated::<Single>(
        &world,
        Action::Recover { attempts: 3, skip: vec![], version: None, leaked_anyway: false },
        false,
    )
    .unwrap();
    assert_eq!(value::<Single>(&world, AWSCURRENT), live);
    rotate::<Single>(&world, 4..=4, false, &mut |_, _, _| {}).unwrap();
    assert!(world.state().opens(AWSCURRENT));
}
