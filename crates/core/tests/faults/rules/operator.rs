//! An operator's events: whom the function obeys, and what it then does.

use fourstep::Report;
use fourstep::operator::Action;

use super::*;
use crate::driver::{operate, retire};
use crate::kinds::FUNCTION;

fn reconcile<K: Kind>(world: &TheWorld<K>, at_finish: bool) -> Result<Done, Error> {
    asked::<K>(world, FUNCTION, &[("RETIRE", retire(at_finish))]).result
}

fn asked<K: Kind>(world: &TheWorld<K>, function: &'static str, variables: &[(&str, &str)]) -> Report {
    world.state().journal.clear();
    finish::<K>(world, operate::<K>(world, Action::Reconcile, function, variables)).expect("no crash is planned")
}

#[test]
fn reconcile_gives_a_new_host_the_labelled_keys_and_takes_strays_away() {
    let (world, token) = second::<Ssh>();
    steps::<Ssh>(&world, &Step::ALL, &token);
    world.state().target.hosts[0].keys.push(("key-stray".into(), true));
    world.state().target.hosts[1].keys.clear();
    assert!(!world.state().opens(AWSCURRENT));
    assert_eq!(reconcile::<Ssh>(&world, false).unwrap().outcome, Outcome::Done);
    assert!(world.state().opens(AWSCURRENT) && world.state().opens(AWSPREVIOUS));
    assert!(world.state().target.hosts.iter().all(|host| host.keys.len() == 2));
    // Again, it changes nothing; with the other setting, AWSPREVIOUS goes.
    let writes = world.state().target_writes;
    reconcile::<Ssh>(&world, false).unwrap();
    assert_eq!(world.state().target_writes, writes);
    reconcile::<Ssh>(&world, true).unwrap();
    assert!(world.state().opens(AWSCURRENT) && !world.state().opens(AWSPREVIOUS));
}

#[test]
fn reconcile_installs_the_pending_key_too_while_a_rotation_is_under_way() {
    let (world, token) = second::<Ssh>();
    // AWSPENDING has no value yet.
    world.state().target.hosts[1].keys.clear();
    reconcile::<Ssh>(&world, false).unwrap();
    assert!(world.state().opens(AWSCURRENT) && world.state().opens(AWSPREVIOUS));
    steps::<Ssh>(&world, &[Step::Create, Step::Set], &token);
    world.state().target.hosts[1].keys.clear();
    reconcile::<Ssh>(&world, true).unwrap();
    assert!([AWSCURRENT, AWSPREVIOUS, AWSPENDING].iter().all(|label| world.state().opens(label)));
    steps::<Ssh>(&world, &[Step::Test, Step::Finish], &token);
    assert!(world.state().opens(AWSCURRENT));
}

#[test]
fn reconcile_completes_what_a_finish_left() {
    left_by_finish::<Alternating>();
    left_by_finish::<Dual>();
    left_by_finish::<Limited>();
}

fn left_by_finish<K: Kind>() {
    let (world, token) = second::<K>();
    steps::<K>(&world, &Step::ALL, &token);
    // Secrets Manager takes it away when the rotation is over, and rotation may be off.
    world.state().model.cancel_rotate_secret("app").expect("it can be cancelled");
    assert!(world.state().opens(AWSPREVIOUS));
    reconcile::<K>(&world, true).expect("nothing is in its way");
    assert!(world.state().opens(AWSCURRENT) && !world.state().opens(AWSPREVIOUS));
}

#[test]
fn reconcile_leaves_a_rotation_alone_whose_steps_do_the_same() {
    let (world, token) = second::<Alternating>();
    for at in Step::ALL {
        let writes = world.state().target_writes;
        let error = reconcile::<Alternating>(&world, true).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(error.message().contains(&format!("a rotation to version {token} is under way")), "{error}");
        assert_eq!(world.state().target_writes, writes);
        step::<Alternating>(&world, at, &token).unwrap();
    }
}

#[test]
fn only_the_function_that_rotates_the_secret_obeys_and_only_if_it_may() {
    let (world, token) = second::<Ssh>();
    steps::<Ssh>(&world, &Step::ALL, &token);
    asked::<Ssh>(&world, "arn:aws:lambda:us-east-1:123456789012:function:f:live", &[]).result.unwrap();
    for other in [
        "arn:aws:lambda:us-east-1:123456789012:function:g",
        "arn:aws:lambda:us-east-1:123456789012:function:f2",
        "arn:aws:lambda:us-east-1:210987654321:function:f",
        "",
    ] {
        let error = asked::<Ssh>(&world, other, &[]).result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.message().contains("secret app is rotated by another function"), "{error}");
        assert_eq!(calls::<Ssh>(&world), ["DescribeSecret"]);
    }
    let error = asked::<Ssh>(&world, FUNCTION, &[("OPERATOR_EVENTS", "off")]).result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Forbidden);
    assert!(error.to_string().contains("OPERATOR_EVENTS"), "{error}");
    assert_eq!(calls::<Ssh>(&world), [] as [&str; 0]);
}
