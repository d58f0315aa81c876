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
