//! Every fault at every request of a rotation, for each kind of key.

use std::time::Duration;

use fourstep::{AWSCURRENT, AWSPENDING, ErrorKind};
use fourstep_test_servers::key_service::Fault;
use serde_json::json;

use crate::world::{MINTED, PUSHED, ROLLED, World};

/// What may go wrong with one request.
fn faults() -> Vec<Fault> {
    vec![
        Fault::RequestLost,
        Fault::ReplyLost,
        Fault::Hang,
        Fault::Slow(Duration::from_millis(20)),
        Fault::Refuse(429, None),
        Fault::Refuse(429, Some("0".to_owned())),
        Fault::Refuse(429, Some("86400".to_owned())),
        Fault::Refuse(429, Some("Wed, 21 Oct 2015 07:28:00 GMT".to_owned())),
        Fault::Refuse(500, None),
        Fault::Refuse(503, None),
        Fault::Refuse(404, None),
        Fault::Refuse(403, None),
        Fault::Redirect(String::new()),
        Fault::Redirect("http://127.0.0.1:1/elsewhere".to_owned()),
        Fault::PageInstead,
        Fault::Page,
        Fault::Flood,
        Fault::Json(json!({"unexpected": ["shape"]})),
    ]
}

/// The end of a rotation in which a rolled key was lost.
const LOST: &str = "issue a new key by hand";

/// Runs three rotations. The second has a fault at each of its requests, one run for each.
async fn at_every_request(provider: &str) {
    let mut world = World::new(provider).await;
    world.rotate().await;
    world.service.forget_requests();
    world.rotate().await;
    let requests = world.service.requests();
    let (mut runs, mut lost, mut most) = (0, 0, 0);
    for (number, request) in (1..).zip(&requests) {
        for fault in faults() {
            let what = format!("{fault:?} at request {number}, {request}");
            let mut world = World::new(provider).await;
            world.rotate().await;
            let attempts = survive(&mut world, number, fault, &what).await;
            runs += 1;
            match attempts {
                Some(attempts) => most = most.max(attempts),
                None => lost += 1,
            }
            if world.keys_are_minted() {
                world.holds_two_keys(&what);
            }
            world.rotate().await;
            assert!(world.opens(AWSCURRENT), "{what}: after the next rotation");
        }
    }
    println!(
        "{} requests, {runs} rotations with a fault, {most} more attempts at the most, {lost} keys lost",
        requests.len()
    );
    assert!(requests.len() >= 4 && most <= 2);
    assert_eq!(lost > 0, provider == ROLLED, "only a rolled key is ever lost");
}

/// Rotates with a fault, and returns how many more attempts ended it. `None`: the key was lost, and the error said so.
async fn survive(world: &mut World, number: usize, fault: Fault, what: &str) -> Option<usize> {
    world.begin();
    world.service.forget_requests();
    world.service.fault(number, fault);
    let mut result = world.attempt().await;
    world.service.heal();
    for attempts in 0..=2 {
        check_now(world, what);
        let Err(error) = result else {
            assert!(world.is_promoted() && world.opens(AWSCURRENT), "{what}");
            is_repeated_without_a_write(world, what).await;
            return Some(attempts);
        };
        world.assert_clean(&format!("{error} {error:?}"));
        let text = error.to_string();
        if attempts == 2 {
            let again = world.attempt().await.unwrap_err().to_string();
            assert_eq!(again, text, "{what}: the error stays the same");
            assert!(text.to_lowercase().contains(LOST), "{what}: {text}");
            issue_by_hand(world).await;
            return None;
        }
        // Secrets Manager begins again later than any function's time-out.
        world.pass(Duration::from_secs(60)).await;
        result = world.attempt().await;
    }
    unreachable!("the third attempt returns")
}

/// What has to hold at every instant.
fn check_now(world: &World, what: &str) {
    if world.keys_are_minted() {
        assert!(world.opens(AWSCURRENT), "{what}: AWSCURRENT is refused");
        assert!(world.service.state().keys.len() <= 3, "{what}");
    } else if world.keys_are_pushed() {
        assert!(world.opens(AWSCURRENT) || world.opens(AWSPENDING), "{what}: no labelled version opens");
    }
}

/// A finished rotation that is run again changes nothing at the service.
async fn is_repeated_without_a_write(world: &World, what: &str) {
    world.service.forget_requests();
    world.attempt().await.unwrap();
    let writes: Vec<_> = world.service.requests().into_iter().filter(|request| !request.starts_with("GET ")).collect();
    assert_eq!(writes, Vec::<String>::new(), "{what}");
}

/// Does what the error says: a key that the service accepts becomes AWSCURRENT, and AWSPENDING goes.
async fn issue_by_hand(world: &mut World) {
    let live = world.service.state().value.clone();
    world.put_by_hand(&json!({"key": live, "note": "kept"}));
    world.secret(|secret| {
        secret.versions.iter_mut().for_each(|version| version.labels.retain(|label| label != AWSPENDING));
    });
}

impl World {
    pub(crate) fn keys_are_minted(&self) -> bool {
        self.labelled(AWSCURRENT).unwrap()["key_id"].is_string()
    }

    pub(crate) fn keys_are_pushed(&self) -> bool {
        self.service.requests().iter().any(|request| request == "PUT /value")
    }
}

#[tokio::test]
async fn minted_keys_survive_every_fault_at_every_request() {
    at_every_request(MINTED).await;
}

#[tokio::test]
async fn pushed_keys_survive_every_fault_at_every_request() {
    at_every_request(PUSHED).await;
}

#[tokio::test]
async fn rolled_keys_survive_or_say_that_they_are_lost() {
    at_every_request(ROLLED).await;
}

#[tokio::test]
async fn two_creates_at_the_same_time_leave_no_orphan() {
    for round in 0..20 {
        let mut world = World::new(MINTED).await;
        world.service.state().limit = 9;
        world.rotate().await;
        world.begin();
        let (one, other) = tokio::join!(world.step(fourstep::Step::Create), world.step(fourstep::Step::Create));
        assert!(one.is_ok() || other.is_ok(), "round {round}: {one:?} {other:?}");
        for error in [one, other].into_iter().filter_map(Result::err) {
            assert!(matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Conflict), "{error}");
        }
        world.attempt().await.unwrap();
        world.holds_two_keys(&format!("round {round}"));
    }
}
