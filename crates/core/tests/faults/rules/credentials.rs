//! setSecret and testSecret: which credentials are tried, and what is proven.
#![expect(clippy::unwrap_used, reason = "what tests call is a test too, which clippy only sees of their own functions")]

use super::*;

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
    assert!(text.contains("then start the rotation again; or let an operator"), "{text}");
    assert!(text.ends_with(": fourstep reset app."), "{text}");
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
fn a_pending_version_of_currents_own_account_is_a_conflict() {
    let (world, token) = second::<Alternating>();
    let own = value::<Alternating>(&world, AWSCURRENT).unwrap();
    world.state().model.put_secret_value(PutSecretValue::pending("app", &token, own)).unwrap();
    let error = step::<Alternating>(&world, Step::Set, &token).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.message().contains("names AWSCURRENT's own account `app_clone`"), "{error}");
}

#[test]
fn a_lost_password_is_reset_by_an_operator_who_names_the_account_and_by_no_step() {
    for killed in [false, true] {
        for strategy in ["auto", "alternating-users", "dual-password"] {
            lost_password::<Auto>(strategy, killed);
        }
        lost_password::<AutoWithoutRight>("single-user", killed);
    }
}

/// With `killed`, the reset dies after each of its calls, and is asked for again.
fn lost_password<K: Kind<Target = crate::database::Database>>(strategy: &str, killed: bool) {
    let tags = std::collections::BTreeMap::from([("fourstep:strategy".to_owned(), strategy.to_owned())]);
    let mut call = 0;
    loop {
        call += 1;
        let world = World::new(K::start());
        world.state().check = |_| Ok(());
        world.state().most = 4;
        world.state().model.secret_mut("app").unwrap().tags = tags.clone();
        rotate::<K>(&world, 1..=1, false, &mut |_, _, _| {}).expect("the first rotation is calm");
        let token = start(&mut world.state(), 2, 0);
        steps::<K>(&world, &[Step::Create], &token);
        let lost = |world: &TheWorld<K>| {
            let accounts = &mut world.state().target.accounts;
            for (_, account) in accounts.iter_mut().filter(|(name, _)| *name != "admin") {
                account.password = "changed by hand".into();
                account.secondary = None;
            }
        };
        lost(&world);
        let error = step::<K>(&world, Step::Set, &token).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected, "{strategy}");
        assert!(error.to_string().contains("fourstep reset"), "{error}");
        let account = if strategy == "alternating-users" { "app_clone" } else { "app" };
        let reset = |account: Option<&str>| {
            let current = world.state().model.secret("app").unwrap().labelled(AWSCURRENT).unwrap().id.clone();
            let action = Action::Reset { account: account.map(str::to_owned), version: Some(current) };
            finish::<K>(&world, operate::<K>(&world, action, FUNCTION, &[]))
        };
        for named in [None, Some("admin")] {
            let error = reset(named).unwrap().result.unwrap_err();
            assert!(error.to_string().contains(&format!("--account {account} --version")), "{error}");
        }
        assert_eq!(step::<K>(&world, Step::Set, &token).unwrap_err().kind(), ErrorKind::Rejected, "nobody said so");
        if killed {
            fault_at::<K>(&world, call, Fault::CrashAfter);
        }
        let calls = world.state().calls;
        let died = reset(Some(account)).is_none();
        if died {
            match reset(Some(account)).unwrap().result {
                Ok(_) => {}
                // It had come to its end.
                Err(error) => {
                    assert!(error.to_string().contains("no credential is lost"), "{strategy}, {call}: {error}");
                }
            }
        }
        assert!(world.state().opens(AWSCURRENT), "{strategy}, {call}");
        // What was AWSPREVIOUS before opens nothing any more, so the next rotation begins without it.
        let third = start(&mut world.state(), 3, 0);
        let ended = converge::<K>(&world, 3, third, false, MORE, &mut |_, _, _| {});
        ended.unwrap_or_else(|error| panic!("{strategy}, {call}: {error}"));
        rotate::<K>(&world, 4..=4, false, &mut |_, _, _| {}).unwrap_or_else(|error| panic!("{strategy}: {error}"));
        if !killed || !died {
            assert!(!killed || call > 10, "it was killed at each of its calls: {}", world.state().calls - calls);
            break;
        }
    }
}
