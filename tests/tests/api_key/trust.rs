//! What a writer of a secret gets by an administrator: a new credential of what a key of the secret proves, and nothing else.

use std::path::Path;

use fourstep::memory::{PutSecretValue, SecretValue};
use fourstep::settings::Environment;
use fourstep::{AWSCURRENT, AWSPREVIOUS, ErrorKind, Step};
use fourstep_api_key::ApiKeys;
use fourstep_test_servers::key_service::{FIRST_KEY, FIRST_VALUE, Fault};
use fourstep_test_servers::rabbitmq::{ADMINISTRATOR, RabbitMq};
use fourstep_testkit::secret::RotatedSecret;
use fourstep_testkit::world::{self, assert_error};
use serde_json::{Value, json};

use crate::world::{ADMIN, MINTED, PUSHED, World};

const VICTIMS_PASSWORD: &str = "victims-password-1";

/// A secret whose `masterarn` names the administrator of a real RabbitMQ.
struct Users {
    server: RabbitMq,
    inner: world::World<ApiKeys>,
}

impl Users {
    /// Begins with two users, `eve` and `victim`. `None`: there is no RabbitMQ.
    async fn with(secret: &Value) -> Option<Self> {
        let server = RabbitMq::start().await.unwrap()?;
        server.make_user("eve", "eves-password-1", &[]).await.unwrap();
        server.make_user("victim", VICTIMS_PASSWORD, &["management"]).await.unwrap();
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/api-key/providers/rabbitmq.toml");
        let variables = [("RABBITMQ_URL", &*server.url()), ("API_LOOPBACK", "on"), ("ADMIN_SECRETS", "admin")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let keys = ApiKeys::new(variables.iter().cloned().collect::<Environment>()).only(file, None);
        let secret = RotatedSecret::create(&std::sync::Arc::default(), "app", secret);
        let boss = json!({"username": ADMINISTRATOR.0, "password": ADMINISTRATOR.1});
        RotatedSecret::create(&secret.store, "admin", &boss);
        let mut inner = world::World::of(keys, secret);
        for (name, value) in variables {
            inner.variable(&name, value);
        }
        Some(Self { server, inner })
    }

    async fn victim_logs_in(&self) -> bool {
        self.server.who_am_i("victim", VICTIMS_PASSWORD).await.unwrap().0 == 200
    }
}

fn user(name: &str, password: &str) -> Value {
    json!({"username": name, "password": password, "masterarn": "admin"})
}

#[tokio::test]
async fn a_user_whose_password_no_version_holds_is_left_alone_unless_an_operator_resets_it() {
    let Some(mut users) = Users::with(&user("victim", "junk-1")).await else { return };
    let error = users.inner.rotate().await.unwrap_err();
    assert_error(&error, ErrorKind::Rejected, &["fourstep reset", "--account username=victim"]);
    assert!(users.victim_logs_in().await, "the password is as it was");
    users.inner.abandon_pending();
    // The operator is told whose it would be, and then says so.
    let error = users.inner.reset("username=eve").await.unwrap_err();
    assert_error(
        &error,
        ErrorKind::Invalid,
        &["`username=victim`", "Nothing was changed", "--account username=victim"],
    );
    assert!(users.victim_logs_in().await);
    let reply = users.inner.reset("username=victim").await.unwrap().reply.unwrap();
    assert!(reply.changed && reply.next.is_none(), "{reply:?}");
    let password = users.inner.current()["password"].as_str().unwrap().to_owned();
    assert_eq!(users.server.who_am_i("victim", &password).await.unwrap().0, 200);
    assert!(!users.victim_logs_in().await);
    // From now on its own password proves it.
    users.inner.rotate().await.unwrap();
}

#[tokio::test]
async fn a_password_of_ones_own_gives_no_other_user() {
    let Some(mut users) = Users::with(&user("eve", "eves-password-1")).await else { return };
    users.inner.rotate().await.unwrap();
    // What worked is AWSPREVIOUS, and AWSCURRENT names another user.
    let own = users.inner.current();
    users.inner.put(&user("victim", "junk-1"));
    let error = users.inner.rotate().await.unwrap_err();
    assert_error(&error, ErrorKind::Conflict, &["field `username`", "Correct `username`"]);
    assert!(users.victim_logs_in().await, "the password is as it was");
    // So it is where the pending value is written by hand.
    users.inner.abandon_pending();
    users.inner.put(&own);
    let token = users.inner.start();
    users.inner.step(Step::Create, &token).await.unwrap();
    users.inner.secret.look(|secret| {
        let pending = secret.versions.iter_mut().find(|version| version.id == token).unwrap();
        pending.value = Some(SecretValue::text(user("victim", "chosen-by-eve-1").to_string()));
    });
    let error = users.inner.step(Step::Set, &token).await.unwrap_err();
    assert_error(&error, ErrorKind::Conflict, &["field `username`"]);
    assert!(users.victim_logs_in().await);
}

/// Lets the answer to `test` say the key's id.
const SAYS_ITS_ID: &str = "answer = { id = \"/id\" }\n";

/// A provider in which `note` says what the key may do, and nothing proves it.
fn with_note() -> String {
    MINTED.replace(r#"json = { name = "{{ name }}" }"#, r#"json = { name = "{{ name }}", note = "{{ secret.note }}" }"#)
        + SAYS_ITS_ID
        + ADMIN
}

#[tokio::test]
async fn what_the_key_does_not_prove_the_functions_owner_has_to_allow() {
    let secret = json!({"key": FIRST_KEY, "key_id": "key-0", "note": "may-do-all", "masterarn": "admin"});
    for entries in [None, Some("other:note=*"), Some("app/key:note=may-read")] {
        let variables: Vec<_> = entries.map(|entries| ("API_ADMIN_PARAMETERS", entries)).into_iter().collect();
        let mut world = World::with(&with_note(), &secret, &variables).await;
        world.begin();
        let error = world.fails(Step::Create).await;
        let parts = ["field `note`", "Nothing was changed", "`app/key:note=`", "API_ADMIN_PARAMETERS"];
        assert_error(&error, ErrorKind::Forbidden, &parts);
        assert_eq!(world.service.requests(), ["GET /me"], "the administrator does nothing");
    }
    let mut world = World::with(&with_note(), &secret, &[("API_ADMIN_PARAMETERS", "app/*:note=may-*")]).await;
    for _ in 0..3 {
        world.rotate().await;
        world.holds_two_keys("after a rotation by an administrator");
    }
}

#[tokio::test]
async fn an_administrator_deletes_no_key_of_others_that_an_older_version_names() {
    let provider = MINTED.to_owned() + ADMIN;
    let mut world =
        World::with(&provider, &json!({"key": FIRST_KEY, "key_id": "key-0", "masterarn": "admin"}), &[]).await;
    world.service.state().limit = 5;
    world.rotate().await;
    // Somebody else's key, of which the writer knows the id. AWSPREVIOUS names it, beside a key of its own that works.
    let made = world.service.state().add("victims", "victims-key-1");
    for key in [world.field(AWSCURRENT, "key").unwrap(), "junk".to_owned()] {
        let own = world.labelled(AWSCURRENT).unwrap();
        world.put_by_hand(&json!({"key": key, "key_id": made, "masterarn": "admin"}));
        world.put_by_hand(&own);
        assert_eq!(world.field(AWSPREVIOUS, "key_id").as_ref(), Some(&made));
        world.rotate().await;
        assert!(world.service.state().accepts("victims-key-1"), "another's key works on");
        assert!(world.opens(AWSCURRENT));
    }
}

#[tokio::test]
async fn an_administrator_deletes_a_first_key_that_says_its_own_id() {
    let secret = json!({"key": FIRST_KEY, "key_id": "key-0", "masterarn": "admin"});
    for (says_its_id, deleted) in [(true, true), (false, false)] {
        let provider = match says_its_id {
            true => MINTED.to_owned() + SAYS_ITS_ID + ADMIN,
            false => MINTED.to_owned() + ADMIN,
        };
        let mut world = World::with(&provider, &secret, &[]).await;
        world.service.state().limit = 5;
        world.rotate().await;
        assert!(world.service.state().accepts(FIRST_KEY));
        world.rotate().await;
        assert_eq!(!world.service.state().accepts(FIRST_KEY), deleted, "says its id: {says_its_id}");
    }
}

#[tokio::test]
async fn a_lost_value_is_replaced_by_the_administrator_only_on_an_operators_word() {
    let mut world =
        World::with(&(PUSHED.to_owned() + ADMIN), &json!({"key": FIRST_VALUE, "masterarn": "admin"}), &[]).await;
    world.service.state().value = "lost".to_owned();
    world.begin();
    let error = world.attempt().await.unwrap_err();
    assert_error(&error, ErrorKind::Rejected, &["fourstep reset app/key --account Values --version "]);
    world.inner.abandon_pending();
    world.inner.reset("Values").await.unwrap();
    assert!(world.opens(AWSCURRENT));
}

/// Eve's key: `test` accepts it, and it may not make, list or delete a key. What is made, the administrator made.
fn eves(note: &Value) -> Value {
    json!({"key": FIRST_VALUE, "key_id": "none", "note": note, "masterarn": "admin"})
}

async fn with_room(provider: &str, secret: &Value, variables: &[(&str, &str)]) -> World {
    let world = World::with(provider, secret, variables).await;
    world.service.state().limit = 5;
    world
}

fn nothing_is_made(world: &World) {
    let requests = world.service.requests();
    assert!(requests.iter().all(|request| request == "GET /me" || request == "POST /me"), "{requests:?}");
}

#[tokio::test]
async fn an_administrator_that_only_an_older_version_names_does_nothing() {
    // AWSPREVIOUS works and names the administrator; AWSCURRENT names none, and nothing of its fields would be looked at.
    let mut world = with_room(&with_note(), &eves(&json!("may-do-all")), &[]).await;
    world.put_by_hand(&json!({"key": "junk", "key_id": "none", "note": "harmless"}));
    world.begin();
    let error = world.fails(Step::Create).await;
    assert_error(&error, ErrorKind::Conflict, &["names an administrator", "Nothing was changed", "`masterarn`"]);
    nothing_is_made(&world);

    let provider = PUSHED
        .replace(r#"secret = { value = "key" }"#, r#"secret = { value = "key", parameters = ["note"] }"#)
        .replace(r#"value = "{{ new_key }}" }"#, r#"value = "{{ new_key }}", of = "{{ secret.note }}" }"#)
        + ADMIN;
    let mut world =
        World::with(&provider, &json!({"key": FIRST_KEY, "note": "victim", "masterarn": "admin"}), &[]).await;
    world.put_by_hand(&json!({"key": "junk", "note": "victim"}));
    world.begin();
    world.step(Step::Create).await.unwrap();
    assert_error(&world.fails(Step::Set).await, ErrorKind::Conflict, &["names an administrator"]);
    assert_eq!(world.service.state().value, FIRST_VALUE, "the victim's value is as it was");
}

#[tokio::test]
async fn another_key_is_not_deleted_where_only_an_older_version_names_the_administrator() {
    let secret = json!({"key": FIRST_VALUE, "key_id": "key-of-victim", "note": "x", "masterarn": "admin"});
    let mut world = with_room(&with_note(), &secret, &[("RETIRE", "at-finish")]).await;
    world.service.state().add("victim", "victims-key-1");
    world.begin();
    let pending = json!({"key": format!("token-of-{FIRST_VALUE}"), "key_id": "mine", "note": "x"}).to_string();
    let token = world.token().to_owned();
    let put = PutSecretValue::pending("app/key", &token, &pending);
    world.inner.secret.store.with(|model| model.put_secret_value(put)).unwrap();
    for step in [Step::Create, Step::Set, Step::Test] {
        world.step(step).await.unwrap();
    }
    world.service.forget_requests();
    // Eve ends her own new key between the two looks at it.
    world.service.fault(2, Fault::Refuse(401, None));
    world.step(Step::Finish).await.unwrap_err();
    assert!(world.service.state().accepts("victims-key-1"), "another's key works on");
}

#[tokio::test]
async fn a_field_that_is_an_object_proves_no_other_object() {
    let provider = MINTED
        .replace(r#"json = { name = "{{ name }}" }"#, r#"json = { name = "{{ name }}", user = "{{ secret.note }}" }"#)
        .replace(
            "method = \"GET\"\npath = \"/me\"\n",
            "method = \"POST\"\npath = \"/me\"\njson = { as = \"{{ secret.note }}\" }\nanswers = [{ status = 403, means = \"success\" }]\n",
        )
        + ADMIN
        + "test_proves = [\"note\"]\n";
    for (own, victims) in [(json!("eve"), json!("victim")), (json!({"user": "eve"}), json!({"user": "victim"}))] {
        let mut world = with_room(&provider, &eves(&own), &[]).await;
        world.put_by_hand(&json!({"key": "junk", "key_id": "none", "note": victims, "masterarn": "admin"}));
        world.begin();
        assert_error(&world.fails(Step::Create).await, ErrorKind::Conflict, &["field `note`"]);
        nothing_is_made(&world);
    }
}

#[tokio::test]
async fn an_empty_list_is_no_value_that_everybody_may_have() {
    let mut world = with_room(&with_note(), &eves(&json!([])), &[]).await;
    world.begin();
    assert_error(&world.fails(Step::Create).await, ErrorKind::Forbidden, &["field `note`", "API_ADMIN_PARAMETERS"]);
    nothing_is_made(&world);
}

#[tokio::test]
async fn a_reset_goes_no_further_than_the_owner_allows() {
    let secret = json!({"key": "junk", "key_id": "none", "note": "may-do-all", "masterarn": "admin"});
    let mut world = with_room(&with_note(), &secret, &[("API_ADMIN_PARAMETERS", "app/*:note=may-read")]).await;
    world.begin();
    assert_error(&world.attempt().await.unwrap_err(), ErrorKind::Forbidden, &["field `note`"]);
    world.inner.abandon_pending();
    let error = world.inner.reset("note=may-do-all").await.unwrap_err();
    assert_error(&error, ErrorKind::Forbidden, &["field `note`", "API_ADMIN_PARAMETERS"]);
    nothing_is_made(&world);
}

#[tokio::test]
async fn a_reset_is_for_what_the_secret_names_now_whatever_key_of_another_works() {
    let provider = MINTED
        .replace(r#"json = { name = "{{ name }}" }"#, r#"json = { name = "{{ name }}", user = "{{ secret.note }}" }"#)
        .replace("path = \"/me\"\n", "path = \"/me\"\nquery = { user = \"{{ secret.note }}\" }\n")
        + ADMIN
        + "test_proves = [\"note\"]\n";
    let mut world = with_room(&provider, &eves(&json!("old")), &[]).await;
    world.put_by_hand(&json!({"key": "wrong", "key_id": "none", "note": "new", "masterarn": "admin"}));
    world.begin();
    assert_error(&world.fails(Step::Create).await, ErrorKind::Conflict, &["field `note`"]);
    world.inner.abandon_pending();
    world.inner.reset("note=new").await.unwrap();
    assert!(world.opens(AWSCURRENT));
}

#[tokio::test]
async fn an_administrator_is_for_the_secrets_that_the_owner_names() {
    let mut world = with_room(
        &(MINTED.to_owned() + ADMIN),
        &json!({"key": FIRST_VALUE, "key_id": "none", "masterarn": "admin"}),
        &[("API_ADMIN_PARAMETERS", "team-b/*:masterarn=admin, app/*:masterarn=admin-of-app")],
    )
    .await;
    world.begin();
    assert_error(
        &world.fails(Step::Create).await,
        ErrorKind::Forbidden,
        &["field `masterarn`", "`app/key:masterarn=`"],
    );
    nothing_is_made(&world);
}
