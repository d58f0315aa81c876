//! What a version names as gone, and the list does not show; and what only a person can set right, which is said in each
//! rotation until that was done.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fourstep::memory::SecretValue;
use fourstep::operator::Action;
use fourstep::{AWSCURRENT, AWSPREVIOUS, Step};
use fourstep_test_servers::key_service::{FIRST_KEY, Fault};
use fourstep_testkit::captured::capture;
use serde_json::{Value, json};

use crate::world::{ADMIN, MINTED, World};

/// A service that has pages of two keys, described by a file that takes such a page for the last one, where two keys of others
/// come first.
async fn on_a_page_that_nobody_reads(provider: &str, secret: &Value) -> World {
    let world = World::with(provider, secret, &[]).await;
    {
        let mut state = world.service.state();
        (state.limit, state.page_size) = (9, 2);
        state.add("one", "value-of-one");
        state.add("two", "value-of-two");
        state.keys.rotate_left(1);
    }
    world
}

fn first() -> Value {
    json!({"key": FIRST_KEY, "key_id": "key-0", "note": "kept"})
}

fn without_list() -> String {
    let start = MINTED.find("[list]").unwrap();
    MINTED[..start].to_owned() + &MINTED[MINTED.find("[revoke]").unwrap()..]
}

fn ids(world: &World) -> Vec<String> {
    world.service.state().keys.iter().map(|key| key.id.clone()).collect()
}

/// Rotates, and returns what was logged.
async fn rotated(world: &mut World) -> String {
    let (captured, guard) = capture();
    world.begin();
    let result = world.attempt().await;
    drop(guard);
    result.unwrap_or_else(|error| panic!("{error}"));
    let warned = captured.text().lines().filter(|line| line.contains(" WARN ")).collect::<Vec<_>>().join("\n");
    world.assert_clean(&warned);
    warned
}

fn times(log: &str, text: &str) -> usize {
    log.matches(text).count()
}

#[tokio::test]
async fn what_the_list_does_not_show_is_revoked_by_its_id() {
    let mut world = on_a_page_that_nobody_reads(MINTED, &first()).await;
    for number in 1..=4 {
        let log = rotated(&mut world).await;
        assert_eq!(times(&log, "does not show AWSCURRENT's key by the id"), 1, "rotation {number}: {log}");
        let previous = format!("key-{}", number - 1);
        assert_eq!(ids(&world), ["key-of-one", "key-of-two", &previous, &format!("key-{number}")]);
        assert!(world.opens(AWSCURRENT) && world.opens(AWSPREVIOUS));
    }
}

#[tokio::test]
async fn at_finish_what_the_list_does_not_show_is_revoked_and_a_second_finish_changes_nothing() {
    let mut world = on_a_page_that_nobody_reads(MINTED, &first()).await;
    world.inner.variable("RETIRE", "at-finish".to_owned());
    world.rotate().await;
    assert_eq!(ids(&world), ["key-of-one", "key-of-two", "key-1"]);
    world.service.forget_requests();
    world.attempt().await.unwrap();
    let requests = world.service.requests();
    assert!(requests.iter().all(|request| request.starts_with("GET ")), "{requests:?}");
}

#[tokio::test]
async fn what_no_list_shows_and_cannot_be_deleted_is_a_warning_and_stops_nothing() {
    let mut world = on_a_page_that_nobody_reads(MINTED, &first()).await;
    world.rotate().await;
    let before = world.service.requests().len();
    let mut probed = on_a_page_that_nobody_reads(MINTED, &first()).await;
    probed.rotate().await;
    probed.rotate().await;
    let at = probed.service.requests()[before..].iter().position(|request| request.starts_with("DELETE")).unwrap() + 1;
    // An answer is none to repeat the request for; where there is none, it is sent five times.
    let answers = [400, 403, 409, 422].map(|status| (Fault::Refuse(status, None), 1));
    let none = [(Fault::PageInstead, 5), (Fault::Refuse(500, None), 5), (Fault::RequestLost, 5)];
    for (fault, sent) in answers.into_iter().chain(none) {
        let mut world = on_a_page_that_nobody_reads(MINTED, &first()).await;
        world.rotate().await;
        world.service.forget_requests();
        for number in at..at + sent {
            world.service.fault(number, fault.clone());
        }
        let log = rotated(&mut world).await;
        let warning = "could not be deleted by its id, and no list shows it. If the version's key still works";
        assert_eq!(times(&log, warning), 1, "{fault:?}: {log}");
        let version = world.secret(|secret| secret.versions[0].id.clone());
        assert!(log.contains("(request `revoke`)") && log.contains("key-0") && log.contains(&version), "{log}");
        // The next rotation does what this one could not.
        world.service.heal();
        world.rotate().await;
        assert!(!world.service.state().accepts(FIRST_KEY));
    }
}

#[tokio::test]
async fn an_administrator_deletes_by_its_id_only_what_says_that_id_itself() {
    let mut secret = first();
    secret["masterarn"] = "admin".into();
    for (says_its_id, deleted) in [(true, true), (false, false)] {
        let provider = match says_its_id {
            true => MINTED.to_owned() + "answer = { id = \"/id\" }\n" + ADMIN,
            false => MINTED.to_owned() + ADMIN,
        };
        let mut world = on_a_page_that_nobody_reads(&provider, &secret).await;
        world.rotate().await;
        // Whoever writes the secret names others' keys, beside a key of its own that works.
        let own = world.labelled(AWSCURRENT).unwrap();
        world.service.state().add("three", "value-of-three");
        for others in ["key-of-two", "key-of-three"] {
            let mut named = first();
            named["key_id"] = others.into();
            world.put_by_hand(&named);
        }
        world.put_by_hand(&own);
        let log = rotated(&mut world).await;
        assert!(["value-of-two", "value-of-three"].iter().all(|key| world.service.state().accepts(key)));
        assert_eq!(!world.service.state().accepts(FIRST_KEY), deleted, "says its id: {says_its_id}");
        let left = if deleted { 2 } else { 3 };
        assert_eq!(times(&log, "nothing shows that it is that version's"), left, "{log}");
    }
}

#[tokio::test]
async fn a_first_key_without_its_id_is_said_once_a_rotation_until_it_is_gone() {
    for provider in [MINTED.to_owned(), without_list()] {
        let mut world = World::with(&provider, &json!({"key": FIRST_KEY}), &[]).await;
        world.service.state().limit = 9;
        let log = rotated(&mut world).await;
        assert_eq!(times(&log, "AWSCURRENT does not say the id of its key"), 1, "{log}");
        for _ in 0..3 {
            let log = rotated(&mut world).await;
            assert_eq!(times(&log, "AWSCURRENT does not say"), 0, "{log}");
            assert_eq!(times(&log, "no version says its id: find it at the service by its value"), 1, "{log}");
            assert!(world.service.state().accepts(FIRST_KEY));
        }
        world.service.state().keys.retain(|key| key.value != FIRST_KEY);
        let log = rotated(&mut world).await;
        assert_eq!(times(&log, "by hand"), 0, "{log}");
        world.holds_two_keys("after a person deleted the first");
    }
}

#[tokio::test]
async fn a_new_key_beside_an_old_id_is_said_in_each_rotation_until_it_is_set_right() {
    for provider in [MINTED.to_owned(), without_list()] {
        let mut world = World::with(&provider, &first(), &[]).await;
        world.service.state().limit = 9;
        world.rotate().await;
        // A person makes a key at the service, and leaves the old key's id in the secret.
        world.service.state().add("person", "value-by-hand");
        world.put_by_hand(&json!({"key": "value-by-hand", "key_id": "key-1"}));
        let log = rotated(&mut world).await;
        assert_eq!(times(&log, "a new key beside an old id. Correct the id"), 1, "{log}");
        assert!(log.contains("not by this id: it may be AWSCURRENT's"), "{log}");
        for _ in 0..2 {
            let log = rotated(&mut world).await;
            assert!(world.service.state().accepts("value-by-hand"));
            assert_eq!(times(&log, "works on, after the key of its id was deleted"), 1, "{log}");
        }
        world.service.state().keys.retain(|key| key.value != "value-by-hand");
        let log = rotated(&mut world).await;
        assert_eq!(times(&log, "works on"), 0, "{log}");
        world.holds_two_keys("after a person deleted it");
    }
}

#[tokio::test]
async fn a_key_that_was_given_another_value_under_its_id_is_no_finding() {
    let mut world = World::new(MINTED).await;
    world.service.state().limit = 9;
    world.rotate().await;
    world.service.state().keys.iter_mut().find(|key| key.id == "key-1").unwrap().value = "regenerated-1".to_owned();
    world.put_by_hand(&json!({"key": "regenerated-1", "key_id": "key-1"}));
    let log = rotated(&mut world).await;
    assert_eq!(log, "", "the old value is refused, and the list shows the id");
}

#[tokio::test]
async fn what_a_lost_answer_left_is_said_in_each_rotation_until_it_is_gone() {
    let provider = MINTED.replace(", name = \"/name\"", ", created = \"/created_at\"");
    let mut world = World::new(&provider).await;
    world.service.state().limit = 9;
    world.rotate().await;
    let first = world.service.requests().iter().position(|request| request == "POST /keys").unwrap() + 1;
    let mut world = World::new(&provider).await;
    {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let mut state = world.service.state();
        (state.limit, state.first_made) = (9, usize::try_from(now).unwrap());
        state.keys[0].created_at = state.first_made;
    }
    world.begin();
    world.service.fault(first, Fault::ReplyLost);
    world.fails(Step::Create).await;
    world.service.heal();
    world.pass(Duration::from_secs(60)).await;
    world.attempt().await.unwrap();
    for _ in 0..4 {
        let log = rotated(&mut world).await;
        assert_eq!(times(&log, "rotations whose answers were lost may have left them"), 1, "{log}");
        assert!(log.contains("`key-1` of 20") && !log.contains("`key-2`"), "{log}");
    }
    world.service.state().keys.retain(|key| key.id != "key-1");
    assert_eq!(rotated(&mut world).await, "");
    world.holds_two_keys("after a person deleted what was lost");
}

/// Rotates with a key `key-of-neighbour` at the service, of which a version says by mistake that it is its own.
async fn with_a_neighbours_id(provider: &str) -> (World, String) {
    let mut world = World::with(provider, &first(), &[]).await;
    world.service.state().limit = 9;
    world.service.state().add("neighbour", "value-of-neighbour");
    world.rotate().await;
    let own = world.labelled(AWSCURRENT).unwrap();
    let mut mistaken = own.clone();
    mistaken["key_id"] = "key-of-neighbour".into();
    world.put_by_hand(&mistaken);
    world.put_by_hand(&own);
    world.rotate().await;
    let log = rotated(&mut world).await;
    assert!(world.service.state().accepts("value-of-neighbour"), "{log}");
    (world, log)
}

#[tokio::test]
async fn an_id_that_was_corrected_is_not_deleted() {
    for provider in [MINTED.to_owned(), without_list()] {
        let (world, log) = with_a_neighbours_id(&provider).await;
        assert_eq!(
            times(&log, "nothing shows that it is that version's"),
            if provider == MINTED { 1 } else { 2 },
            "{log}"
        );
        // Its name says whose the right one is, and without names nothing does.
        assert_eq!(world.service.state().keys.iter().any(|key| key.id == "key-1"), provider != MINTED);
        // The service's own word for it does as well.
        let (world, log) = with_a_neighbours_id(&(provider + "answer = { id = \"/id\" }\n")).await;
        assert_eq!(times(&log, "nothing shows that it is that version's"), 1, "{log}");
        assert!(world.service.state().keys.iter().all(|key| key.id != "key-1"));
    }
}

/// `test` shows more than the key: what was right when the version was made is refused now, and the key lives on.
#[tokio::test]
async fn a_version_that_is_refused_for_another_field_is_revoked_by_its_id() {
    let auth = "auth = { headers = { Authorization = \"{{ secret.note }} {{ key }}\" } }";
    // Without a list, and with one that is not whole.
    for provider in [without_list(), MINTED.to_owned()] {
        let provider = provider.replace("auth = { bearer = \"{{ key }}\" }", auth);
        for retires in [false, true] {
            let secret = json!({"key": FIRST_KEY, "key_id": "key-0", "note": "Bearer"});
            let mut world = on_a_page_that_nobody_reads(&provider, &secret).await;
            world.rotate().await;
            world.secret(|secret| {
                let version = secret.versions.iter_mut().find(|version| version.has(AWSPREVIOUS)).unwrap();
                let text = version.text().unwrap().expose().replace("Bearer", "Broken");
                version.value = Some(SecretValue::text(text));
            });
            if retires {
                world.inner.operate(Action::Retire).await.unwrap();
            } else {
                rotated(&mut world).await;
            }
            assert!(!world.service.state().accepts(FIRST_KEY), "retires: {retires}");
        }
    }
}

#[tokio::test]
async fn an_id_beside_a_key_that_cannot_be_tried_is_not_deleted() {
    let auth = "auth = { headers = { Authorization = \"{{ secret.note }} {{ key }}\" } }";
    for provider in [without_list(), MINTED.to_owned()] {
        let provider = provider.replace("auth = { bearer = \"{{ key }}\" }", auth);
        for spoilt in [
            "{\"key_id\":\"key-of-three\",\"note\":\"Bearer\"}",
            "{\"key\":\"a-key-that-is-not-tried\",\"key_id\":\"key-of-three\"}",
        ] {
            let secret = json!({"key": FIRST_KEY, "key_id": "key-0", "note": "Bearer"});
            let mut world = on_a_page_that_nobody_reads(&provider, &secret).await;
            world.service.state().add("three", "value-of-three");
            world.rotate().await;
            let own = world.labelled(AWSCURRENT).unwrap();
            world.put_by_hand(&serde_json::from_str(spoilt).unwrap());
            world.put_by_hand(&own);
            let log = rotated(&mut world).await;
            assert!(world.service.state().accepts("value-of-three"), "{spoilt}");
            assert_eq!(times(&log, "of an earlier version cannot be tried"), 1, "{spoilt}: {log}");
        }
    }
}

/// A person spoils the id of AWSCURRENT's key, and another version names the right one beside another key.
#[tokio::test]
async fn the_key_of_a_version_that_is_kept_is_not_deleted_by_any_of_its_ids() {
    for provider in [MINTED.to_owned(), without_list()] {
        let mut world = World::with(&provider, &first(), &[]).await;
        world.service.state().limit = 9;
        world.rotate().await;
        let own = world.labelled(AWSCURRENT).unwrap();
        world.put_by_hand(&json!({"key": FIRST_KEY, "key_id": "key-1", "note": "kept"}));
        world.put_by_hand(&own);
        let mut spoilt = own.clone();
        spoilt["key_id"] = "key-I".into();
        world.put_by_hand(&spoilt);
        let log = rotated(&mut world).await;
        assert!(world.opens(AWSPREVIOUS), "{log}");
    }
}

/// Also where it was never corrected.
#[tokio::test]
async fn an_id_that_the_service_says_is_another_keys_is_not_deleted() {
    let mut world = World::with(&(MINTED.to_owned() + "answer = { id = \"/id\" }\n"), &first(), &[]).await;
    world.service.state().limit = 9;
    world.service.state().add("neighbour", "value-of-neighbour");
    world.put_by_hand(&json!({"key": FIRST_KEY, "key_id": "key-of-neighbour"}));
    world.rotate().await;
    let log = rotated(&mut world).await;
    assert!(world.service.state().accepts("value-of-neighbour"), "{log}");
    assert_eq!(times(&log, "nothing shows that it is that version's"), 1, "{log}");
    assert!(!world.service.state().accepts(FIRST_KEY), "the first version names it");
}

#[tokio::test]
async fn times_in_milliseconds_are_times_and_stop_no_rotation() {
    let provider = MINTED.replace(", name = \"/name\"", ", created = \"/created_at\"");
    let mut world = World::new(&provider).await;
    {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let mut state = world.service.state();
        (state.limit, state.first_made) = (9, usize::try_from(now).unwrap());
        state.keys[0].created_at = state.first_made - 1_000;
        state.add("one", "value-of-one");
    }
    let log = rotated(&mut world).await;
    assert!(log.contains("`key-of-one` of 20"), "{log}");
}

#[tokio::test]
async fn a_key_of_a_version_with_a_label_of_its_own_is_not_lost() {
    let provider = MINTED.replace(", name = \"/name\"", ", created = \"/created_at\"");
    let mut world = World::new(&provider).await;
    {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let mut state = world.service.state();
        (state.limit, state.first_made) = (20, usize::try_from(now).unwrap());
        state.keys[0].created_at = state.first_made - 1_000;
    }
    world.service.state().add("batch", "value-of-batch");
    world.secret(|secret| {
        let mut version = secret.versions[0].clone();
        version.id = "00000000-0000-4000-8000-0000000ba7c4".to_owned();
        version.value = Some(SecretValue::text(json!({"key": "value-of-batch", "key_id": "key-of-batch"}).to_string()));
        version.labels = vec!["BATCH".to_owned()];
        secret.versions.push(version);
    });
    for _ in 0..3 {
        assert_eq!(rotated(&mut world).await, "");
    }
    {
        let mut state = world.service.state();
        state.add("another", "value-of-another");
        state.keys.last_mut().unwrap().created_at += 1_000;
    }
    let log = rotated(&mut world).await;
    assert!(log.contains("`key-of-another` of 20") && log.contains("look at the last use of each"), "{log}");
}

#[tokio::test]
async fn a_list_without_names_and_times_is_said_in_each_rotation() {
    let mut world = World::new(&MINTED.replace(", name = \"/name\"", "")).await;
    for _ in 0..2 {
        let log = rotated(&mut world).await;
        assert_eq!(times(&log, "shows neither names nor times"), 1, "{log}");
    }
}
