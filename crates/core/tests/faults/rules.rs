//! The rules of the protocol, one by one: which calls a step makes, in which order, and how it ends where it may not go
//! on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fourstep::memory::{ExceptionName, PutSecretValue};
use fourstep::{AWSCURRENT, AWSPENDING, AWSPREVIOUS, Done, Error, ErrorKind, Outcome, Step};

use crate::driver::{finish, invoke, rotate, start};
use crate::kinds::{Alternating, Kind, Limited, Push, Single, Ssh};
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

#[test]
fn a_single_user_rotation_makes_thirteen_calls_and_opens_three_sessions() {
    let (world, token) = second::<Single>();
    let expected: [(Step, &[&str]); 4] = [
        (Step::Create, &["DescribeSecret", "GetSecretValue", "DescribeSecret", "PutSecretValue"]),
        // The lock comes before the fence, the fence before the write, and all in one session.
        (
            Step::Set,
            &[
                "DescribeSecret",
                "GetSecretValue",
                "GetSecretValue",
                "log in",
                "lock",
                "DescribeSecret",
                "set password",
                "commit",
            ],
        ),
        (Step::Test, &["DescribeSecret", "GetSecretValue", "log in"]),
        (Step::Finish, &["DescribeSecret", "GetSecretValue", "log in", "UpdateSecretVersionStage"]),
    ];
    let mut to_store = 0;
    for (at, expected) in expected {
        assert_eq!(step::<Single>(&world, at, &token).unwrap().outcome, Outcome::Done);
        assert_eq!(calls::<Single>(&world), expected, "{at}");
        let state = world.state();
        to_store += state.journal.iter().filter(|(call, _)| matches!(call, Call::StoreRead | Call::StoreWrite)).count();
    }
    assert_eq!(to_store, 13);
}

#[test]
fn a_rotation_of_alternating_users_stays_within_sixteen_calls() {
    let (world, token) = second::<Alternating>();
    let mut to_store = 0;
    for at in Step::ALL {
        step::<Alternating>(&world, at, &token).unwrap();
        let state = world.state();
        to_store += state.journal.iter().filter(|(call, _)| matches!(call, Call::StoreRead | Call::StoreWrite)).count();
    }
    // 13, two for the administrator's secret, one for the older version.
    assert_eq!(to_store, 16);
}

#[test]
fn a_token_that_is_not_staged_is_refused_before_anything_is_read() {
    let (world, token) = second::<Single>();
    for (unknown, says) in [
        ("00000000-0000-0000-0000-000000000000", "has no label"),
        ("rotation-1-0-00000000000000000000000000000000", "AWSCURRENT"),
    ] {
        for at in Step::ALL {
            let result = step::<Single>(&world, at, unknown);
            assert!(calls::<Single>(&world).iter().all(|call| *call == "DescribeSecret"), "{at}");
            if says == "AWSCURRENT" {
                assert_eq!(result.unwrap().outcome, Outcome::AlreadyDone);
            } else {
                let error = result.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Invalid);
                assert!(error.to_string().contains(says) && error.to_string().contains(&token), "{error}");
            }
        }
    }
}

#[test]
fn an_event_of_an_older_rotation_changes_nothing() {
    let (world, token) = second::<Single>();
    steps::<Single>(&world, &Step::ALL, &token);
    let third = start(&mut world.state(), 3, 0);
    let picture = || {
        let state = world.state();
        (state.model.secret("app").unwrap().description(), state.target_writes)
    };
    let before = picture();
    let stale = "rotation-1-0-00000000000000000000000000000000";
    for at in Step::ALL {
        let error = step::<Single>(&world, at, stale).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains("AWSPREVIOUS, not AWSPENDING"), "{error}");
        assert!(error.to_string().contains(&third), "{error}");
    }
    assert_eq!(picture(), before);
}

#[test]
fn a_secret_that_cannot_be_rotated_is_named_with_the_way_out() {
    type Change = fn(&mut fourstep::memory::Secret);
    let changes: [(Change, &str); 4] = [
        (|secret| secret.rotation = None, "is not enabled. Turn it on"),
        (|secret| secret.deleted = Some(std::time::SystemTime::UNIX_EPOCH), "Restore"),
        (|secret| secret.primary_region = Some("eu-west-1".into()), "its primary is in eu-west-1"),
        (|secret| drop(secret.tags.insert("fourstep:retier".into(), "x".into())), "fourstep:retier"),
    ];
    for (change, says) in changes {
        let (world, token) = second::<Single>();
        change(world.state().model.secret_mut("app").unwrap());
        let error = step::<Single>(&world, Step::Create, &token).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[test]
fn a_pending_version_that_is_not_visible_yet_is_waited_for() {
    let (world, token) = second::<Single>();
    steps::<Single>(&world, &[Step::Create], &token);
    fault_at::<Single>(&world, 2, Fault::Stale(1));
    step::<Single>(&world, Step::Set, &token).unwrap();
    // Without createSecret there is nothing to wait for in the end.
    let (world, token) = second::<Single>();
    let error = step::<Single>(&world, Step::Set, &token).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("no value that is visible yet"), "{error}");
}

#[test]
fn create_keeps_the_value_that_is_stored() {
    for kind in [create_again::<Single>, create_again::<Alternating>, create_again::<Limited>, create_again::<Ssh>] {
        kind();
    }
}

fn create_again<K: Kind>() {
    let (world, token) = second::<K>();
    steps::<K>(&world, &[Step::Create], &token);
    let (stored, live) = (value::<K>(&world, AWSPENDING), crate::world::Target::live(&world.state().target));
    assert_eq!(
        step::<K>(&world, Step::Create, &token).expect("a repeated create is calm").outcome,
        Outcome::AlreadyDone
    );
    assert_eq!(value::<K>(&world, AWSPENDING), stored);
    assert_eq!(crate::world::Target::live(&world.state().target), live);
}

#[test]
fn create_reads_back_a_value_whose_answer_was_lost() {
    let (world, token) = second::<Single>();
    fault_at::<Single>(&world, 4, Fault::ReplyLost);
    assert_eq!(step::<Single>(&world, Step::Create, &token).unwrap().outcome, Outcome::Done);
    assert_eq!(calls::<Single>(&world).last(), Some(&"GetSecretValue"));
}

#[test]
fn create_waits_until_the_current_version_is_old_enough() {
    let (world, token) = second::<Single>();
    let created = world.state().model.secret("app").unwrap().labelled(AWSCURRENT).unwrap().created;
    world.state().model.secret_mut("app").unwrap().tags = BTreeMap::from([("fourstep:min-age".into(), "1h".into())]);
    world.state().now = created + Duration::from_secs(3_599);
    let error = step::<Single>(&world, Step::Create, &token).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.message().contains("AWSCURRENT is 59m 59s old, and the setting min-age asks for 1h"), "{error}");
    world.state().now = created + Duration::from_secs(3_600);
    step::<Single>(&world, Step::Create, &token).unwrap();
}

#[test]
fn create_retires_the_previous_key_only_where_the_current_one_opens() {
    let (world, token) = second::<Limited>();
    assert_eq!(world.state().target.keys.len(), 2);
    // Somebody deleted the current key: the previous one is the only login.
    let current = value::<Limited>(&world, AWSCURRENT).unwrap();
    world.state().target.keys.retain(|key| !current.contains(&format!("\"{}\"", key.key.id)));
    step::<Limited>(&world, Step::Create, &token).unwrap();
    assert!(world.state().opens(AWSPREVIOUS));
    assert!(world.state().opens(AWSPENDING));
}

#[test]
fn set_runs_on_every_attempt_and_no_login_is_refused_on_the_usual_path() {
    let (world, token) = second::<Alternating>();
    steps::<Alternating>(&world, &[Step::Create, Step::Set], &token);
    let first = calls::<Alternating>(&world);
    let writes = world.state().target_writes;
    steps::<Alternating>(&world, &[Step::Set], &token);
    assert_eq!(calls::<Alternating>(&world), first);
    assert!(world.state().target_writes > writes);
}

#[test]
fn only_a_refusal_leads_to_an_older_version() {
    let (world, token) = second::<Single>();
    steps::<Single>(&world, &[Step::Create], &token);
    world.state().journal.clear();
    // The database does not answer, five times: no other credential is tried, which the log would show.
    for call in 4..=8 {
        fault_at::<Single>(&world, call, Fault::Error);
    }
    let error = step::<Single>(&world, Step::Set, &token).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let read = calls::<Single>(&world).iter().filter(|call| **call == "GetSecretValue").count();
    assert_eq!(read, 2, "pending and current alone are read: {:?}", calls::<Single>(&world));
}

#[test]
fn a_refused_current_version_leads_to_the_previous_and_then_to_unlabelled_ones() {
    // The database has AWSPREVIOUS's password.
    let (world, token) = second::<Single>();
    steps::<Single>(&world, &[Step::Create], &token);
    world.state().target.accounts.get_mut("app").unwrap().password = "first".into();
    steps::<Single>(&world, &[Step::Set, Step::Test, Step::Finish], &token);
    assert!(world.state().opens(AWSCURRENT));

    // The database has the password of a version that lost its label.
    let (world, token) = second::<Single>();
    steps::<Single>(&world, &[Step::Create, Step::Set], &token);
    // I2 excepts this: a human's PutSecretValue abandons the rotation.
    world.state().check = |_| Ok(());
    world.state().model.put_secret_value(PutSecretValue::current("app", TYPED_BY_HAND)).unwrap();
    assert!(!world.state().opens(AWSCURRENT) && !world.state().opens(AWSPREVIOUS));
    rotate::<Single>(&world, 3..=3, false, &mut |_, _, _| {}).unwrap();
    assert!(world.state().opens(AWSCURRENT));
}

#[test]
fn where_no_version_opens_the_error_says_so_and_what_to_do() {
    let (world, token) = second::<Single>();
    steps::<Single>(&world, &[Step::Create], &token);
    world.state().target.accounts.get_mut("app").unwrap().password = "changed by hand".into();
    let error = step::<Single>(&world, Step::Set, &token).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected);
    let text = error.to_string();
    assert!(text.starts_with("setSecret: the database refused account `app`. "), "{text}");
    assert!(
        text.contains("none opened the target: ") && text.contains(&format!("AWSPENDING (version {token})")),
        "{text}"
    );
    assert!(text.ends_with("then start the rotation again."), "{text}");
}

#[test]
fn a_role_that_may_not_list_versions_is_enough() {
    let (world, token) = second::<Ssh>();
    world.state().forbidden = Some("ListSecretVersionIds");
    steps::<Ssh>(&world, &Step::ALL, &token);
    // Where no labelled version opens, it is that which the error says.
    let (world, token) = second::<Single>();
    world.state().forbidden = Some("ListSecretVersionIds");
    steps::<Single>(&world, &[Step::Create], &token);
    world.state().target.accounts.get_mut("app").unwrap().password = "changed by hand".into();
    assert_eq!(step::<Single>(&world, Step::Set, &token).unwrap_err().kind(), ErrorKind::Rejected);
}

#[test]
fn test_without_a_pending_value_tests_the_current_version() {
    let (world, token) = second::<Single>();
    let writes = world.state().target_writes;
    assert_eq!(step::<Single>(&world, Step::Test, &token).unwrap().outcome, Outcome::CurrentTested);
    world.state().target.accounts.get_mut("app").unwrap().password = "changed by hand".into();
    assert_eq!(step::<Single>(&world, Step::Test, &token).unwrap_err().kind(), ErrorKind::Rejected);
    assert_eq!(world.state().target_writes, writes);
}

#[test]
fn test_finds_a_clone_that_may_do_less_than_its_base() {
    let (world, token) = second::<Alternating>();
    steps::<Alternating>(&world, &Step::ALL, &token);
    // Now `app` is current, and the clone is pending next.
    let third = start(&mut world.state(), 3, 0);
    steps::<Alternating>(&world, &[Step::Create, Step::Set], &third);
    world.state().target.accounts.get_mut("app_clone").unwrap().rights = 1;
    let error = step::<Alternating>(&world, Step::Test, &third).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Forbidden);
}

#[test]
fn finish_promotes_nothing_that_the_target_refuses() {
    let (world, token) = second::<Push>();
    steps::<Push>(&world, &[Step::Create, Step::Set, Step::Test], &token);
    world.state().target.value = "rolled by hand".into();
    let current = value::<Push>(&world, AWSCURRENT);
    let error = step::<Push>(&world, Step::Finish, &token).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("Nothing was promoted. Remove AWSPENDING"), "{error}");
    assert_eq!(value::<Push>(&world, AWSCURRENT), current);

    let (world, token) = second::<Push>();
    let error = step::<Push>(&world, Step::Finish, &token).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.message().contains("has no value to promote"), "{error}");
}

#[test]
fn finish_goes_on_where_the_promotion_took_place_and_its_answer_was_lost() {
    let (world, token) = second::<Limited>();
    steps::<Limited>(&world, &[Step::Create, Step::Set, Step::Test], &token);
    fault_at::<Limited>(&world, 4, Fault::ReplyLost);
    assert_eq!(step::<Limited>(&world, Step::Finish, &token).unwrap().outcome, Outcome::Done);
    assert!(calls::<Limited>(&world).contains(&"UpdateSecretVersionStage"));
}

#[test]
fn a_fence_stops_a_step_whose_labels_moved() {
    let (world, token) = second::<Single>();
    steps::<Single>(&world, &[Step::Create], &token);
    // The first description of set is one write old: it shows the labels as they were before the human's edit.
    let mut state = world.state();
    state.remember();
    let human = state.labelled(AWSCURRENT).unwrap();
    state.model.put_secret_value(PutSecretValue::current("app", human)).unwrap();
    drop(state);
    fault_at::<Single>(&world, 1, Fault::Stale(1));
    let writes = world.state().target_writes;
    let error = step::<Single>(&world, Step::Set, &token).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.message().contains("AWSCURRENT from version") && error.message().contains("AWSPENDING from version"));
    assert_eq!(world.state().target_writes, writes);
}

#[test]
fn at_finish_waits_for_replica_regions_before_it_retires() {
    let (world, token) = second::<Alternating>();
    for at in Step::ALL {
        if at == Step::Finish {
            let behind = BTreeMap::from([("eu-west-1".to_owned(), "InProgress".to_owned())]);
            world.state().model.secret_mut("app").unwrap().replicas = behind;
        }
        let report = finish::<Alternating>(&world, invoke::<Alternating>(&world, at, &token, true)).unwrap();
        if at == Step::Finish {
            let error = report.result.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable);
            assert!(error.to_string().contains("eu-west-1 (InProgress)"), "{error}");
            assert!(error.to_string().contains("AWSCURRENT is promoted and works"), "{error}");
        }
    }
    assert!(world.state().opens(AWSPREVIOUS));
    world.state().model.secret_mut("app").unwrap().replicas.clear();
    let report = finish::<Alternating>(&world, invoke::<Alternating>(&world, Step::Finish, &token, true)).unwrap();
    assert_eq!(report.result.unwrap().outcome, Outcome::AlreadyDone);
    assert!(!world.state().opens(AWSPREVIOUS));
}

#[test]
fn a_promotion_that_lost_its_race_is_a_conflict() {
    let (world, token) = second::<Single>();
    steps::<Single>(&world, &[Step::Create, Step::Set, Step::Test], &token);
    let mut state = world.state();
    state.remember();
    let version = state.model.put_secret_value(PutSecretValue::current("app", TYPED_BY_HAND)).unwrap();
    drop(state);
    fault_at::<Single>(&world, 1, Fault::Stale(1));
    let error = step::<Single>(&world, Step::Finish, &token).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let current = world.state().model.secret("app").unwrap().labelled(AWSCURRENT).map(|current| current.id.clone());
    assert_eq!(current, Some(version));
}

#[test]
fn the_time_without_a_working_current_version_is_an_upper_bound() {
    let (world, token) = second::<Single>();
    steps::<Single>(&world, &[Step::Create, Step::Set, Step::Test], &token);
    world.state().now += Duration::from_secs(7);
    let done = step::<Single>(&world, Step::Finish, &token).unwrap();
    assert!(done.without_current >= Some(Duration::from_secs(7)), "{done:?}");
    let (world, token) = second::<Alternating>();
    steps::<Alternating>(&world, &[Step::Create, Step::Set, Step::Test], &token);
    assert_eq!(step::<Alternating>(&world, Step::Finish, &token).unwrap().without_current, Some(Duration::ZERO));
}

#[test]
fn a_pending_version_of_currents_own_account_is_a_conflict() {
    let (world, token) = second::<Alternating>();
    let own = value::<Alternating>(&world, AWSCURRENT).unwrap();
    world.state().model.put_secret_value(PutSecretValue::pending("app", &token, own)).unwrap();
    let error = step::<Alternating>(&world, Step::Set, &token).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.message().contains("names AWSCURRENT's own account `app_clone`"), "{error}");
}

#[test]
fn a_rotation_while_another_is_pending_is_attempted_again() {
    let (world, _) = second::<Single>();
    let request = fourstep::memory::RotateSecret::now("app");
    let refused = world.state().model.rotate_secret(request);
    assert_eq!(refused.answer.unwrap_err().name, ExceptionName::InvalidRequest);
}
