//! Rotations of each kind without a fault: what they leave in the secret and at the service.

use fourstep::{AWSCURRENT, AWSPREVIOUS, ErrorKind, Step};
use fourstep_test_servers::key_service::{FIRST_KEY, FIRST_VALUE};
use serde_json::json;

use crate::world::{ADMIN, MINTED, PUSHED, ROLLED, World};

#[tokio::test]
async fn a_minted_key_replaces_another_which_works_until_the_next_rotation() {
    let mut world = World::new(MINTED).await;
    for _ in 0..4 {
        world.rotate().await;
        assert!(world.opens(AWSCURRENT) && world.opens(AWSPREVIOUS));
        world.holds_two_keys("after a rotation");
        assert_eq!(world.field(AWSCURRENT, "note").as_deref(), Some("kept"));
        let names: Vec<_> = world.service.state().keys.iter().map(|key| key.name.clone()).collect();
        assert!(names.iter().any(|name| name.starts_with("fourstep-") && name.contains(world.token())), "{names:?}");
    }
    assert!(!world.service.state().accepts(FIRST_KEY));
}

#[tokio::test]
async fn what_an_abandoned_rotation_minted_is_swept_by_the_next() {
    let mut world = World::new(MINTED).await;
    world.rotate().await;
    world.begin();
    world.step(Step::Create).await.unwrap();
    // Somebody stores a value by hand, and the rotation is abandoned.
    let current = world.labelled(AWSCURRENT).unwrap();
    world.put_by_hand(&current);
    world.secret(|secret| {
        secret.versions.iter_mut().for_each(|version| version.labels.retain(|label| label != fourstep::AWSPENDING));
    });
    world.rotate().await;
    world.holds_two_keys("after an abandoned rotation");
}

#[tokio::test]
async fn a_pushed_value_replaces_the_one_before() {
    let mut world = World::new(PUSHED).await;
    for _ in 0..3 {
        world.rotate().await;
        assert!(world.opens(AWSCURRENT) && !world.opens(AWSPREVIOUS));
        assert_eq!(world.field(AWSCURRENT, "key").unwrap().len(), 32);
        assert_eq!(world.field(AWSCURRENT, "note").as_deref(), Some("kept"));
    }
}

#[tokio::test]
async fn a_rolled_key_replaces_the_one_before() {
    let mut world = World::new(ROLLED).await;
    for number in 1..4 {
        world.rotate().await;
        assert_eq!(world.field(AWSCURRENT, "key").unwrap(), format!("slot-value-{number}-rolled"));
        assert!(world.opens(AWSCURRENT) && !world.opens(AWSPREVIOUS));
    }
}

#[tokio::test]
async fn a_rolled_key_whose_answer_is_lost_is_rolled_again_by_an_administrator_on_an_operators_word() {
    let secret = json!({"key": FIRST_VALUE, "masterarn": "admin"});
    let mut world = World::with(&(ROLLED.to_owned() + ADMIN), &secret, &[]).await;
    world.begin();
    world.service.fault(2, fourstep_test_servers::key_service::Fault::ReplyLost);
    assert_eq!(world.fails(Step::Create).await.kind(), ErrorKind::Unavailable);
    assert!(!world.opens(AWSCURRENT));
    world.service.heal();
    let error = world.fails(Step::Create).await;
    assert!(error.is_rejected() && error.to_string().contains("fourstep reset app/key --account Values"), "{error}");
    world.inner.abandon_pending();
    world.inner.reset("Values").await.unwrap();
    assert!(world.opens(AWSCURRENT));
}

#[tokio::test]
async fn a_client_of_oauth_is_tested_by_a_new_token_each_time() {
    let oauth = "auth = { oauth2 = { token_url = \"{{ env.KEYS_URL }}/token\", client_id = \"app\", client_secret = \"{{ key }}\" } }";
    let provider = PUSHED.replace("auth = { bearer = \"{{ key }}\" }", oauth);
    let mut world = World::new(&provider).await;
    for _ in 0..2 {
        world.rotate().await;
        assert!(world.opens(AWSCURRENT));
    }
    world.begin();
    world.step(Step::Create).await.unwrap();
    world.service.state().value = "changed by hand".to_owned();
    let error = world.fails(Step::Set).await;
    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert!(error.to_string().contains("(request `token`) refused the client's id and secret"), "{error}");
}

#[tokio::test]
async fn a_first_run_that_only_tests_changes_nothing() {
    let mut world = World::new(MINTED).await;
    world.begin();
    world.step(Step::Test).await.unwrap();
    assert_eq!(world.service.requests(), ["GET /me"]);
}
