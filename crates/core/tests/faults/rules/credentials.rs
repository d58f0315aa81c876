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
    assert!(text.ends_with("hen start the rotation again."), "{text}");
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
fn a_lost_password_is_reset_once_and_only_where_a_tag_names_the_current_version() {
    lost_password::<Single>();
    lost_password::<Alternating>();
    lost_password::<Dual>();
}

fn lost_password<K: Kind<Target = crate::database::Database>>() {
    let (world, token) = second::<K>();
    steps::<K>(&world, &[Step::Create], &token);
    let lose = || {
        let accounts = &mut world.state().target.accounts;
        let lost = accounts.iter_mut().filter(|(name, _)| *name != "admin");
        lost.for_each(|(_, account)| {
            account.password = "changed by hand".into();
            account.secondary = None;
        });
    };
    lose();
    world.state().check = |_| Ok(());
    let current = world.state().model.secret("app").unwrap().labelled(AWSCURRENT).unwrap().id.clone();
    let error = step::<K>(&world, Step::Set, &token).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert!(error.to_string().contains(&format!("fourstep:reset-lost={current}")), "{error}");

    let tag = |value: &str| {
        let tags = std::collections::BTreeMap::from([("fourstep:reset-lost".to_owned(), value.to_owned())]);
        world.state().model.secret_mut("app").unwrap().tags = tags;
    };
    tag(&token);
    assert_eq!(step::<K>(&world, Step::Set, &token).unwrap_err().kind(), ErrorKind::Rejected);
    tag(&current);
    steps::<K>(&world, &Step::ALL, &token);
    assert!(world.state().opens(AWSCURRENT));

    // The tag that was left behind names no current version any more.
    let third = start(&mut world.state(), 3, 0);
    steps::<K>(&world, &[Step::Create], &third);
    lose();
    assert_eq!(step::<K>(&world, Step::Set, &third).unwrap_err().kind(), ErrorKind::Rejected);
}
