//! Files, secrets and answers that are wrong: each gets an error that names what is wrong, and nothing is revoked.

use fourstep::{AWSCURRENT, ErrorKind, Step};
use fourstep_test_servers::key_service::{FIRST_KEY, FIRST_VALUE, Fault};
use fourstep_testkit::world::assert_error;
use serde_json::{Value, json};

use crate::world::{ADMIN, MINTED, PUSHED, World};

/// Runs createSecret, which has to fail as `Invalid` with all `parts`, and to leave the service as it was.
async fn refused(provider: &str, secret: &Value, parts: &[&str]) -> World {
    let mut world = World::with(provider, secret, &[]).await;
    let before = world.service.state().keys.clone();
    world.begin();
    let error = world.fails(Step::Create).await;
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    for part in parts {
        assert!(error.to_string().contains(part), "no `{part}` in: {error}");
    }
    assert_eq!(world.service.state().keys, before, "nothing changed at the service");
    assert!(!world.has_pending_value());
    world
}

fn secret(fields: &Value) -> Value {
    let mut secret = json!({"key": FIRST_KEY, "key_id": "key-0", "note": "kept"});
    secret.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    secret
}

#[tokio::test]
async fn a_file_with_an_unknown_field_names_file_line_and_field() {
    let provider = MINTED.replace("[list]", "[list]\nmethods = \"GET\"");
    refused(
        &provider,
        &secret(&json!({})),
        &["provider file /", ".toml, line ", "field `list.methods`", "unknown field"],
    )
    .await;
}

#[tokio::test]
async fn a_secret_may_not_say_where_requests_go() {
    let world = refused(
        MINTED,
        &secret(&json!({"base_url": "https://evil.example"})),
        &["the secret has a field `base_url`", "Requests go to the hosts that the provider file"],
    )
    .await;
    assert_eq!(world.service.requests(), Vec::<String>::new());
    let world = refused(
        MINTED,
        &secret(&json!({"note": "https://evil.example/x"})),
        &["field `note` of the secret holds a URL", "Give `note` the bare value"],
    )
    .await;
    assert_eq!(world.service.requests(), Vec::<String>::new());
    // A field that the file does not use is the consumers' own.
    World::with(MINTED, &secret(&json!({"url": "https://app.example"})), &[]).await.rotate().await;
}

#[tokio::test]
async fn a_value_that_would_break_out_of_its_place_is_refused() {
    let provider = MINTED.replace("path = \"/me\"", "path = \"/me\"\nheaders = { X-Note = \"{{ secret.note }}\" }");
    let parts = ["request `test`", "field `headers.X-Note`", "line break"];
    let world = refused(&provider, &secret(&json!({"note": "a\r\nX-Admin: true"})), &parts).await;
    assert_eq!(world.service.requests(), Vec::<String>::new());
    let provider = MINTED.replace("path = \"/me\"", "path = \"/{{ secret.note }}\"");
    refused(&provider, &secret(&json!({"note": ".."})), &["request `test`", "field `path`"]).await;
    // What is only odd is encoded, and so the service does not know it.
    let world = refused(&provider, &secret(&json!({"note": "../me"})), &["(request `test`) answered 404"]).await;
    assert_eq!(world.service.requests(), ["GET /..%2Fme"]);
}

#[tokio::test]
async fn a_value_that_is_not_there_is_named() {
    let provider = MINTED.replace("path = \"/me\"", "path = \"/me/{{ secret.note }}\"");
    let without = json!({"key": FIRST_KEY, "key_id": "key-0"});
    refused(&provider, &without, &["request `test`", "field `path`", "`secret.note` is not there"]).await;
    refused(MINTED, &json!({"note": "x"}), &["the secret has no field `key` with a text", "Add `key`"]).await;
}

#[tokio::test]
async fn a_pointer_that_finds_no_text_is_named_and_the_key_does_not_stay() {
    for (answer, parts) in [
        (json!({"id": "key-1"}), ["`/key` leads to nothing", "answer"]),
        (json!({"id": "key-1", "key": {"value": "x"}}), ["`/key` leads to an object", "answer"]),
        (json!({"id": "key-1", "key": "hunter22", "expires_at": {}}), ["`/expires_at` leads to an object", "answer"]),
        (json!([1]), ["`/key` leads to nothing", "(request `create`)"]),
    ] {
        let mut world = World::new(MINTED).await;
        world.begin();
        world.service.fault(4, Fault::Json(answer.clone()));
        let error = world.fails(Step::Create).await;
        assert_eq!(error.kind(), ErrorKind::Invalid);
        parts.iter().for_each(|part| assert!(error.to_string().contains(part), "no `{part}` in: {error}"));
        assert!(!error.to_string().contains("hunter22"));
        // Where the answer tells its id, it is revoked at once; else the rotation that goes on finds it by its name.
        let expected = if answer.is_array() { 2 } else { 1 };
        assert_eq!(world.service.state().keys.len(), expected, "{answer}");
        world.service.heal();
        world.pass(std::time::Duration::from_secs(60)).await;
        world.attempt().await.unwrap();
        world.holds_two_keys("after it went on");
    }
}

#[tokio::test]
async fn plain_http_and_this_machine_are_for_tests_only() {
    let url = "https://127.0.0.1:1/";
    for (base, loopback, parts) in [
        ("http://keys.example", "on", &["named without TLS", "https://"][..]),
        ("http://127.0.0.1:1", "off", &["this very machine"]),
        (url, "off", &["this very machine"]),
        ("https://169.254.169.254", "on", &["an address that no service has"]),
        ("https://[fd00:ec2::254]/", "on", &["an address that no service has"]),
        ("https://10.0.0.1", "on", &["a private address", "private_addresses = true"]),
        ("https://localhost:1", "off", &["this very machine"]),
    ] {
        let provider = MINTED.replace("{{ env.KEYS_URL }}", base);
        let mut world = World::with(&provider, &secret(&json!({})), &[("API_LOOPBACK", loopback)]).await;
        world.begin();
        let error = world.fails(Step::Create).await;
        assert_eq!(error.kind(), ErrorKind::Invalid, "{base}: {error}");
        parts.iter().for_each(|part| assert!(error.to_string().contains(part), "{base}: no `{part}` in: {error}"));
        assert_eq!(world.service.requests(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_to_another_host_nor_in_a_circle() {
    let elsewhere = World::new(MINTED).await;
    for (to, part) in [
        (format!("{}/me", elsewhere.service.url()), "a redirect to another host, and none is followed"),
        (String::new(), "a redirect to another path, and none is followed"),
    ] {
        let mut world = World::new(MINTED).await;
        world.begin();
        world.service.fault(1, Fault::Redirect(to));
        let error = world.fails(Step::Create).await;
        assert!(error.kind() == ErrorKind::Invalid && error.to_string().contains(part), "{error}");
        assert_eq!(world.service.requests().len(), 1);
    }
    assert_eq!(elsewhere.service.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn what_an_administrator_may_not_do_is_no_refusal_of_the_key() {
    let with_admin = json!({"key": FIRST_VALUE, "masterarn": "admin"});
    let mut world = World::with(&(PUSHED.to_owned() + ADMIN), &with_admin, &[]).await;
    world.service.state().administrator = "changed-by-hand".to_owned();
    world.begin();
    world.step(Step::Create).await.unwrap();
    let error = world.fails(Step::Set).await;
    assert_eq!(error.kind(), ErrorKind::Forbidden);
    assert!(error.to_string().contains("refused the administrator's credential"), "{error}");
    world.service.state().administrator = "administrators-key-1".to_owned();
    world.attempt().await.unwrap();
    assert!(world.opens(AWSCURRENT));
}

#[tokio::test]
async fn a_password_with_a_url_in_it_is_no_url() {
    let provider =
        PUSHED.replace("value = \"key\" }", "value = \"key\", secrets = [\"password\"], parameters = [\"note\"] }");
    let password = json!({"key": FIRST_VALUE, "password": "pa://ss", "note": "n"});
    let mut world = World::with(&provider, &password, &[]).await;
    world.rotate().await;
    assert!(world.opens(AWSCURRENT));
}

#[tokio::test]
async fn a_refusal_names_the_secret_field_that_the_request_shows() {
    let provider = MINTED.replace("parameters = [\"note\"] }", "secrets = [\"password\"] }").replace(
        "json = { name = \"{{ name }}\" }",
        "json = { name = \"{{ name }}\", password = \"{{ secret.password }}\" }",
    );
    let secret = json!({"key": FIRST_KEY, "key_id": "key-0", "password": "hunter22"});
    let mut world = World::with(&provider, &secret, &[]).await;
    world.begin();
    world.service.fault(4, Fault::Refuse(401, None));
    let error = world.fails(Step::Create).await;
    assert_error(
        &error,
        ErrorKind::Rejected,
        &["(request `create`)", "`password` (401)", "correct `password` in the secret's JSON"],
    );
    assert!(!error.to_string().contains("hunter22"));
}
