//! What the service says, and what is made of it: delays, limits, pages, names, ends, sizes.

use std::time::{Duration, Instant};

use fourstep::{AWSCURRENT, AWSPREVIOUS, ErrorKind, Step};
use fourstep_test_servers::key_service::Fault;
use fourstep_testkit::captured::capture;
use serde_json::json;

use crate::world::{MINTED, PUSHED, World};

#[tokio::test]
async fn a_key_that_is_slow_to_work_is_waited_for() {
    let mut world = World::new(MINTED).await;
    world.service.state().early_refusals = 4;
    world.begin();
    world.attempt().await.unwrap();
    assert!(world.opens(AWSCURRENT));
    let tests = world.service.requests().iter().filter(|request| *request == "GET /me").count();
    assert!(tests > 4, "it was asked until it worked: {tests} times");
}

#[tokio::test]
async fn a_key_that_is_slower_than_the_step_is_not_given_up() {
    let mut world = World::new(MINTED).await;
    world.service.state().early_refusals = usize::MAX;
    world.begin();
    world.step(Step::Create).await.unwrap();
    world.inner.limit = Duration::from_secs(10);
    let error = world.fails(Step::Test).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("does not accept the new credential yet"), "{error}");
    // A step that has the time to wait longer than the file allows ends for good, and says what to do.
    world.inner.limit = Duration::from_secs(300);
    let error = world.fails(Step::Test).await;
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("Remove AWSPENDING"), "{error}");
    assert!(world.opens(AWSCURRENT));
}

#[tokio::test]
async fn at_the_limit_the_retired_key_goes_before_the_new_one_comes() {
    let mut world = World::new(MINTED).await;
    world.rotate().await;
    world.service.forget_requests();
    world.rotate().await;
    let writes: Vec<_> = world.service.requests().into_iter().filter(|request| !request.starts_with("GET")).collect();
    assert_eq!(writes, ["DELETE /keys/key-0", "POST /keys"]);
    world.holds_two_keys("after two rotations");
    // Where no version knows the second key, nobody may delete it.
    world.secret(|secret| {
        secret.versions.iter_mut().for_each(|version| version.labels.retain(|label| label != AWSPREVIOUS));
    });
    world.secret(|secret| secret.versions.retain(|version| !version.labels.is_empty()));
    world.service.state().keys[0].name = "made by somebody else".to_owned();
    world.begin();
    let error = world.fails(Step::Create).await;
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("delete one that nobody uses"), "{error}");
    assert_eq!(world.service.state().keys.len(), 2);
}

#[tokio::test]
async fn every_page_of_the_list_is_read() {
    let mut world = World::new(&MINTED.replace("size = 100", "size = 2")).await;
    {
        let mut state = world.service.state();
        (state.limit, state.page_size) = (9, 2);
        for number in 0..5 {
            let mut other = state.keys[0].clone();
            (other.id, other.name) = (format!("other-{number}"), format!("of another secret {number}"));
            other.value = format!("others-value-{number}");
            state.keys.push(other);
        }
    }
    world.rotate().await;
    world.rotate().await;
    let ids: Vec<_> = world.service.state().keys.iter().map(|key| key.id.clone()).collect();
    assert_eq!(ids, ["other-0", "other-1", "other-2", "other-3", "other-4", "key-1", "key-2"]);
}

#[tokio::test]
async fn a_service_that_knows_no_pages_is_not_asked_for_ever() {
    let provider = MINTED.replace("parameter = \"page\", size = 100", "parameter = \"seite\"");
    let mut world = World::new(&provider).await;
    world.begin();
    let error = world.fails(Step::Create).await;
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("(request `list`) gives the same page of keys again"), "{error}");
    assert_eq!(world.service.state().keys.len(), 1);
}

#[tokio::test]
async fn a_service_that_lists_no_keys_is_accepted_and_its_keys_are_revoked_by_their_ids() {
    let start = MINTED.find("[list]").unwrap();
    let provider = MINTED[..start].to_owned() + &MINTED[MINTED.find("[revoke]").unwrap()..];
    let mut world = World::new(&provider).await;
    for _ in 0..3 {
        world.rotate().await;
        world.holds_two_keys("without a list");
    }
    assert!(!world.service.requests().contains(&"GET /keys".to_owned()));
}

#[tokio::test]
async fn a_list_without_names_is_enough_to_revoke_what_a_version_names() {
    let mut world = World::new(&MINTED.replace(", name = \"/name\"", "")).await;
    for _ in 0..3 {
        world.rotate().await;
        world.holds_two_keys("without names");
    }
}

#[tokio::test]
async fn a_list_without_names_tells_by_its_times_what_a_lost_answer_may_have_left() {
    let provider = MINTED.replace(", name = \"/name\"", ", created = \"/created_at\"");
    let mut world = World::new(&provider).await;
    world.begin();
    world.step(Step::Create).await.unwrap();
    let minted = world.service.requests().iter().position(|request| request == "POST /keys").unwrap() + 1;

    let mut world = World::new(&provider).await;
    world.begin();
    world.service.fault(minted, Fault::ReplyLost);
    assert_eq!(world.fails(Step::Create).await.kind(), ErrorKind::Unavailable);
    world.service.heal();
    // Secrets Manager begins again later.
    world.pass(Duration::from_secs(60)).await;
    let (captured, guard) = capture();
    let error = world.fails(Step::Create).await;
    drop(guard);
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    let lost = "`key-1` of 2023-11-14T22:13:21Z";
    let advice = format!(
        "delete one that nobody uses, such as {lost}, which no version of this secret names (look at the last use of each before), then start"
    );
    assert!(error.to_string().contains(&advice), "{error}");
    assert!(captured.text().contains(lost), "{}", captured.text());
    // It may be somebody else's: only a person deletes it.
    assert_eq!(world.service.state().keys.len(), 2);
    world.service.state().keys.retain(|key| key.id != "key-1");
    world.attempt().await.unwrap();
    world.holds_two_keys("after a person deleted what was lost");
}

#[tokio::test]
async fn at_finish_the_old_key_is_revoked_at_once() {
    let secret = json!({"key": fourstep_test_servers::key_service::FIRST_KEY, "key_id": "key-0", "note": "kept"});
    let mut world = World::with(MINTED, &secret, &[("RETIRE", "at-finish")]).await;
    for _ in 0..2 {
        world.rotate().await;
        assert_eq!(world.service.state().keys.len(), 1);
        assert!(world.opens(AWSCURRENT) && !world.opens(AWSPREVIOUS));
    }
}

#[tokio::test]
async fn a_key_that_has_ended_already_is_not_stored_and_does_not_stay() {
    let mut world = World::new(MINTED).await;
    world.rotate().await;
    world.begin();
    for end in [json!("2015-10-21T07:28:00Z"), json!("2015-10-21"), json!(1_445_412_480), json!("whenever")] {
        world.service.state().expires_at = end.clone();
        let before = world.field(AWSCURRENT, "key");
        let error = world.fails(Step::Create).await;
        assert_eq!(error.kind(), ErrorKind::Invalid, "{end}");
        assert!(
            error.to_string().contains("(request `create`)") && error.to_string().contains("`/expires_at`"),
            "{error}"
        );
        assert_eq!(world.field(AWSCURRENT, "key"), before);
        assert_eq!(world.service.state().keys.len(), 1, "{end}: AWSPREVIOUS was retired, and what was made is gone");
    }
    world.service.state().expires_at = json!("2999-01-01");
    world.attempt().await.unwrap();
}

#[tokio::test]
async fn an_answer_that_never_ends_is_not_read() {
    let mut world = World::new(MINTED).await;
    world.begin();
    world.service.fault(2, Fault::Flood);
    let started = Instant::now();
    let error = world.fails(Step::Create).await;
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("(request `list`) answered with more than 1048576 bytes"), "{error}");
    // What the system buffers between the two is a few megabytes; of 10 GB, this is nothing.
    assert!(world.service.flooded() < 64 << 20, "{} bytes were sent", world.service.flooded());
    println!(
        "{} bytes of an answer of 10 GB were sent in {:.2} s",
        world.service.flooded(),
        started.elapsed().as_secs_f64()
    );
}

#[tokio::test]
async fn a_wait_that_the_service_asks_for_is_kept() {
    let mut world = World::new(MINTED).await;
    world.begin();
    world.service.fault(2, Fault::Refuse(429, Some("1".to_owned())));
    let started = Instant::now();
    world.step(Step::Create).await.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(1));
    world.service.forget_requests();
    world.service.fault(1, Fault::Refuse(429, Some("3600".to_owned())));
    let error = world.fails(Step::Test).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("It asks to wait 3600 s"), "{error}");
    assert_eq!(world.service.requests().len(), 1, "it is not asked again before");
}

#[tokio::test]
async fn an_idempotent_request_is_sent_again_where_its_answer_was_lost() {
    let with_key = "path = \"/keys\"\nheaders = { Idempotency-Key = \"{{ idempotency_key }}\" }\njson";
    let mut world = World::new(&MINTED.replace("path = \"/keys\"\njson", with_key)).await;
    world.begin();
    world.service.fault(4, Fault::RequestLost);
    world.step(Step::Create).await.unwrap();
    let posts = world.service.requests().iter().filter(|request| *request == "POST /keys").count();
    assert_eq!(posts, 2, "{:?}", world.service.requests());
    // Without it, nobody knows whether there is a key already.
    let mut world = World::new(MINTED).await;
    world.begin();
    world.service.fault(4, Fault::RequestLost);
    assert_eq!(world.fails(Step::Create).await.kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn refusals_are_told_apart() {
    for (status, kind) in [
        (401, ErrorKind::Rejected),
        (403, ErrorKind::Forbidden),
        (404, ErrorKind::Invalid),
        (429, ErrorKind::Unavailable),
        (502, ErrorKind::Unavailable),
    ] {
        let mut world = World::new(PUSHED).await;
        world.begin();
        world.step(Step::Create).await.unwrap();
        world.step(Step::Set).await.unwrap();
        world.service.forget_requests();
        // Longer than a new key may be refused.
        world.inner.limit = Duration::from_secs(300);
        for number in 1..60 {
            world.service.fault(number, Fault::Refuse(status, None));
        }
        assert_eq!(world.fails(Step::Test).await.kind(), kind, "{status}");
    }
}
