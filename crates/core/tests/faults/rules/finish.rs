//! finishSecret: what it promotes, and what it does after.

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;

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

/// What testSecret found accepted, another machine of the service may not know yet: the version must not be given up for that.
#[test]
fn finish_waits_for_a_key_that_not_all_machines_of_the_service_know() {
    let (world, token) = second::<Limited>();
    steps::<Limited>(&world, &[Step::Create, Step::Set, Step::Test], &token);
    world.state().target.refused = 3;
    assert_eq!(step::<Limited>(&world, Step::Finish, &token).unwrap().outcome, Outcome::Done);
    assert!(world.state().opens(AWSCURRENT));
    // One that is dead is given up all the same.
    let token = start(&mut world.state(), 3, 0);
    steps::<Limited>(&world, &[Step::Create, Step::Set, Step::Test], &token);
    world.state().target.refused = usize::MAX;
    let error = step::<Limited>(&world, Step::Finish, &token).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
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
