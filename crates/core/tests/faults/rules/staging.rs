//! Every step: which calls it makes, and for which versions it runs.

use super::*;

#[test]
fn a_single_user_rotation_makes_fourteen_calls_and_opens_three_sessions() {
    let (world, token) = second::<Single>();
    let expected: [(Step, &[&str]); 4] = [
        // Whether it is stored already, and what AWSCURRENT holds.
        (Step::Create, &["DescribeSecret", "GetSecretValue", "GetSecretValue", "DescribeSecret", "PutSecretValue"]),
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
    assert_eq!(to_store, 14);
}

#[test]
fn a_rotation_of_alternating_users_stays_within_seventeen_calls() {
    let (world, second) = second::<Alternating>();
    for (rotation, expected) in [
        // 14, two for the administrator's secret, one for the older version: is a name that ends in `_clone` a clone's?
        (2, 17),
        // What bears our mark is a clone of this secret, and the older version is not asked.
        (3, 16),
    ] {
        let token = if rotation == 2 { second.clone() } else { start(&mut world.state(), rotation, 0) };
        let mut to_store = 0;
        for at in Step::ALL {
            step::<Alternating>(&world, at, &token).unwrap();
            let state = world.state();
            let of_store = |(call, _): &&(Call, _)| matches!(call, Call::StoreRead | Call::StoreWrite);
            to_store += state.journal.iter().filter(of_store).count();
        }
        assert_eq!(to_store, expected, "rotation {rotation}");
    }
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
fn test_without_a_pending_value_tests_the_current_version() {
    let (world, token) = second::<Single>();
    let writes = world.state().target_writes;
    assert_eq!(step::<Single>(&world, Step::Test, &token).unwrap().outcome, Outcome::CurrentTested);
    world.state().target.accounts.get_mut("app").unwrap().password = "changed by hand".into();
    assert_eq!(step::<Single>(&world, Step::Test, &token).unwrap_err().kind(), ErrorKind::Rejected);
    assert_eq!(world.state().target_writes, writes);
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
fn a_rotation_while_another_is_pending_is_attempted_again() {
    let (world, _) = second::<Single>();
    let request = fourstep::memory::RotateSecret::now("app");
    let refused = world.state().model.rotate_secret(request);
    assert_eq!(refused.answer.unwrap_err().name, ExceptionName::InvalidRequest);
}
