//! createSecret: what it stores, keeps and retires.

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;

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
    fault_at::<Single>(&world, 5, Fault::ReplyLost);
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
fn a_first_rotation_from_an_empty_value_needs_no_login() {
    let world = World::new(Ssh::start());
    let empty = PutSecretValue::current("app", r#"{"public":"","private":""}"#);
    world.state().check = |_| Ok(());
    world.state().model.put_secret_value(empty).unwrap();
    world.state().target.hosts.iter_mut().for_each(|host| host.keys.clear());
    for rotation in 1..=2 {
        let token = start(&mut world.state(), rotation, 0);
        steps::<Ssh>(&world, &Step::ALL, &token);
        assert!(world.state().opens(AWSCURRENT));
    }
    assert!(world.state().opens(AWSPREVIOUS));
}

#[test]
fn a_previous_version_of_another_shape_stops_no_rotation() {
    let (world, token) = second::<Ssh>();
    {
        let mut state = world.state();
        let secret = state.model.secret_mut("app").unwrap();
        let previous = secret.versions.iter_mut().find(|version| version.has(AWSPREVIOUS)).unwrap();
        previous.value = Some(fourstep::memory::SecretValue::text("not JSON"));
    }
    steps::<Ssh>(&world, &Step::ALL, &token);
    assert!(world.state().opens(AWSCURRENT) && world.state().opens(AWSPREVIOUS));
}

#[test]
fn a_previous_version_that_cannot_be_read_now_makes_no_third_account() {
    let (world, token) = second::<Alternating>();
    // The clone is current and bears no mark, as one that AWS's function made: only AWSPREVIOUS tells the base.
    world.state().target.accounts.get_mut("app_clone").unwrap().clone_of = None;
    fault_at::<Alternating>(&world, 3, Fault::Error);
    assert_eq!(step::<Alternating>(&world, Step::Create, &token).unwrap_err().kind(), ErrorKind::Unavailable);
    steps::<Alternating>(&world, &Step::ALL, &token);
    assert!(value::<Alternating>(&world, AWSCURRENT).unwrap().contains("\"app\""));
    assert_eq!(world.state().target.accounts.len(), 3, "app, its clone and the administrator");
}
