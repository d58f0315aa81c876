//! What a person does to the secret by hand: no live key is lost by it, and nothing is said to be that is not.

use fourstep::memory::PutSecretValue;
use fourstep::operator::Action;
use fourstep::{AWSCURRENT, AWSPENDING, AWSPREVIOUS, ErrorKind, Step};
use fourstep_test_servers::key_service::{FIRST_KEY, Fault};
use fourstep_testkit::world::assert_error;
use serde_json::{Value, json};

use crate::world::{ADMIN, MINTED, ROLLED, World};

async fn with_room(provider: &str, secret: &Value) -> World {
    let world = World::with(provider, secret, &[]).await;
    world.service.state().limit = 9;
    world
}

fn first() -> Value {
    json!({"key": FIRST_KEY, "key_id": "key-0"})
}

fn recover() -> Action {
    Action::Recover { attempts: 9, skip: vec![], version: None, leaked_anyway: false }
}

#[tokio::test]
async fn a_live_key_whose_id_was_left_out_or_mistyped_is_not_swept() {
    for id in [None, Some("kye-1")] {
        for edits in 1..=5 {
            let mut world = with_room(MINTED, &first()).await;
            world.rotate().await;
            let key = world.field(AWSCURRENT, "key").unwrap();
            for edit in 0..edits {
                world.put_by_hand(&json!({"key": key, "key_id": id, "note": edit}));
            }
            world.begin();
            world.attempt().await.unwrap();
            assert!(world.service.state().accepts(&key), "{id:?}, {edits} edits: the live key works on");
        }
    }
}

#[tokio::test]
async fn an_old_version_of_another_shape_stops_no_rotation_by_an_administrator() {
    let provider = MINTED.to_owned() + "answer = { id = \"/id\" }\n" + ADMIN;
    // The first value had the key in another field, and was corrected by hand.
    let mut world = with_room(&provider, &json!({"value": FIRST_KEY, "key_id": "key-0"})).await;
    world.put_by_hand(&json!({"key": FIRST_KEY, "key_id": "key-0", "masterarn": "admin"}));
    for _ in 0..3 {
        world.rotate().await;
    }
}

#[tokio::test]
async fn the_version_that_works_is_found_beyond_one_that_cannot_be_tried() {
    let mut world = with_room(MINTED, &first()).await;
    world.rotate().await;
    world.put_by_hand(&json!({"kye": "typo", "key_id": "key-1"}));
    world.put_by_hand(&json!({"key": "wrong", "key_id": "key-1"}));
    world.inner.operate(Action::Diagnose).await.unwrap();
    world.begin();
    world.step(Step::Create).await.unwrap();
    world.inner.abandon_pending();
    world.inner.operate(recover()).await.unwrap();
    assert!(world.opens(AWSCURRENT));
}

#[tokio::test]
async fn retire_does_not_say_that_a_key_is_refused_which_works() {
    // By an administrator, where no answer tells the first key's id.
    let mut secret = first();
    secret["masterarn"] = "admin".into();
    let mut world = with_room(&(MINTED.to_owned() + ADMIN), &secret).await;
    world.rotate().await;
    let error = world.inner.operate(Action::Retire).await.unwrap_err();
    assert_error(&error, ErrorKind::Conflict, &["still accepts what AWSPREVIOUS holds", "by hand"]);
    // Where both labels hold one key.
    let mut world = with_room(MINTED, &first()).await;
    world.rotate().await;
    let mut same = world.labelled(AWSCURRENT).unwrap();
    same["note"] = json!("edited");
    world.put_by_hand(&same);
    let leaked = world.field(AWSPREVIOUS, "key").unwrap();
    let error = world.inner.operate(Action::Retire).await.unwrap_err();
    assert_error(
        &error,
        ErrorKind::Conflict,
        &["still accepts", "fourstep start app/key, then fourstep retire app/key"],
    );
    // What it advises, word for word.
    world.rotate().await;
    world.inner.operate(Action::Retire).await.unwrap();
    assert!(!world.service.state().accepts(&leaked) && world.opens(AWSCURRENT));
}

#[tokio::test]
async fn a_mark_of_a_leak_keeps_no_key_alive() {
    let mut world = with_room(MINTED, &first()).await;
    world.rotate().await;
    world.service.forget_requests();
    world.service.fault(4, Fault::Refuse(403, None));
    world.inner.operate(Action::Retire).await.unwrap_err();
    world.service.heal();
    assert!(world.service.state().accepts(FIRST_KEY));
    let mut edited = world.labelled(AWSCURRENT).unwrap();
    edited["note"] = json!("edited");
    world.put_by_hand(&edited);
    world.rotate().await;
    assert!(!world.service.state().accepts(FIRST_KEY), "it goes with the next rotation");
}

#[tokio::test]
async fn a_pending_value_that_cannot_be_used_is_named_with_the_way_out() {
    let mut world = with_room(MINTED, &first()).await;
    world.rotate().await;
    world.begin();
    let token = world.token().to_owned();
    let put = PutSecretValue::pending("app/key", &token, "no json");
    world.inner.secret.store.with(|model| model.put_secret_value(put)).unwrap();
    world.attempt().await.unwrap_err();
    let reply = world.inner.operate(Action::Diagnose).await.unwrap().reply.unwrap();
    assert!(reply.message.contains("AWSPENDING is not one that can be tried"), "{reply:?}");
    assert_eq!(reply.next.as_deref(), Some("Give that version up: fourstep rollback app/key."));
    world.inner.operate(Action::Rollback { version: None, leaked_anyway: false }).await.unwrap();
    world.rotate().await;
}

#[tokio::test]
async fn a_rollback_puts_no_dead_key_in_the_place_of_a_live_one() {
    for provider in [ROLLED, MINTED] {
        let mut world = World::new(provider).await;
        world.service.state().limit = 5;
        world.begin();
        world.step(Step::Create).await.unwrap();
        let dead = world.field(AWSCURRENT, "key").unwrap();
        world.service.state().keys.retain(|key| key.value != dead);
        assert!(world.opens(AWSPENDING) && !world.opens(AWSCURRENT));
        let error = world.inner.operate(Action::Rollback { version: None, leaked_anyway: false }).await.unwrap_err();
        let parts = ["it is revoked", "Nothing was changed", "fourstep start app/key", "fourstep recover app/key"];
        assert_error(&error, ErrorKind::Conflict, &parts);
        assert!(world.opens(AWSPENDING));
        // What it advises.
        world.attempt().await.unwrap();
        assert!(world.opens(AWSCURRENT));
    }
}

/// Whoever makes keys in the same account of the service chooses their names, and may see the secret's version ids.
#[tokio::test]
async fn a_key_of_a_name_without_end_stops_no_rotation() {
    let mut world = with_room(MINTED, &first()).await;
    world.rotate().await;
    let name = world.service.state().keys.last().unwrap().name.clone();
    let before = world.token().to_owned();
    world.begin();
    let token = world.token().to_owned();
    let (front, _) = name.split_once(&before).unwrap();
    for end in [u64::MAX, 4_000_000_000] {
        world.service.state().add(&format!("{front}{token}-{end}"), &format!("another-key-{end}"));
    }
    world.attempt().await.unwrap();
}
