//! What a provider file can say: each piece of the language in a whole rotation.

use fourstep::{ErrorKind, Step};
use fourstep_test_servers::key_service::{FIRST_KEY, FIRST_VALUE};
use fourstep_testkit::script::{Exchange, Script};
use fourstep_testkit::world::assert_error;
use serde_json::{Value, json};

use crate::world::{ADMIN, MINTED, PUSHED, World};

/// Runs a rotation up to the end, or only createSecret, against a service that says what the exchanges say, and nothing else may be
/// asked of it.
async fn exchanged(provider: &str, secret: &Value, steps: &[Step], exchanges: Vec<Exchange>) -> World {
    let script = Script::start(exchanges).await.unwrap();
    let provider = provider.replace("KEYS_URL", "SCRIPT_URL");
    let variables = [("SCRIPT_URL", script.url()), ("API_ADMIN_PARAMETERS", "app/key:key_id=*")];
    let mut world = World::with(&provider, secret, &variables).await;
    world.begin();
    for step in steps {
        world.step(*step).await.unwrap_or_else(|error| panic!("{step}: {error}; {:?}", script.mismatches()));
    }
    script.finish();
    world
}

fn first() -> Value {
    json!({"key": FIRST_KEY, "key_id": "key-0", "note": "kept"})
}

fn get(path: &str) -> Exchange {
    Exchange::new("GET", path)
}

fn no_keys() -> Exchange {
    get("/keys?page=1").answer(200, json!({"keys": []}))
}

fn made() -> (u16, Value) {
    (201, json!({"id": "key-1", "key": "a-new-key-1", "expires_at": null}))
}

#[tokio::test]
async fn the_keys_id_stands_in_paths_headers_and_bodies_of_every_request() {
    let provider = MINTED
        .replace("path = \"/me\"", "path = \"/keys/{{ key_id }}\"\nheaders = { X-Key = \"k {{ key_id }}\" }")
        .replace("json = { name = \"{{ name }}\" }", "json = { name = \"{{ name }}\", from = \"{{ key_id }}\" }");
    let (status, answer) = made();
    let test = |id: &str| get(&format!("/keys/{id}")).header("x-key", &format!("k {id}")).answer(200, json!({}));
    let create = Exchange::new("POST", "/keys").body(json!({"name": "*", "from": "key-0"})).answer(status, answer);
    let exchanges = vec![test("key-0"), no_keys(), no_keys(), create, no_keys(), test("key-1")];
    exchanged(&provider, &first(), &[Step::Create, Step::Set, Step::Test], exchanges).await;
}

/// Whoever writes the secret writes the id as well.
#[tokio::test]
async fn an_administrator_acts_on_an_id_only_where_it_is_proved_or_allowed() {
    let provider = MINTED
        .replace("json = { name = \"{{ name }}\" }", "json = { name = \"{{ name }}\", of = \"{{ key_id }}\" }")
        + ADMIN;
    let secret = json!({"key": FIRST_KEY, "key_id": "key-of-victim", "masterarn": "admin"});
    let mut world = World::with(&provider, &secret, &[]).await;
    world.begin();
    let error = world.fails(Step::Create).await;
    assert_error(&error, ErrorKind::Forbidden, &["field `key_id`", "`app/key:key_id=`", "API_ADMIN_PARAMETERS"]);
    assert!(world.service.requests().iter().all(|request| request == "GET /me"));
}

#[tokio::test]
async fn an_administrators_fields_stand_in_the_requests_that_it_makes() {
    let provider = MINTED
        .replace("path = \"/keys\"\njson", "path = \"/keys\"\nheaders = { X-Token = \"{{ admin.token }}\" }\njson")
        + ADMIN;
    let mut secret = first();
    secret["masterarn"] = "admin".into();
    let (status, answer) = made();
    let create = Exchange::new("POST", "/keys").header("x-token", "administrators-key-1").answer(status, answer);
    let exchanges = vec![get("/me").answer(200, json!({})), no_keys(), no_keys(), create, no_keys()];
    exchanged(&provider, &secret, &[Step::Create], exchanges).await;
    // Where the key makes the request, there is none.
    let mut world = World::with(&provider, &first(), &[]).await;
    world.begin();
    let error = world.fails(Step::Create).await;
    assert_error(
        &error,
        ErrorKind::Invalid,
        &["request `create`, field `headers.X-Token`", "`admin.token` is not there"],
    );
}

/// How a line of `answers` is taken, of what the service answers to `test`.
async fn taken(line: &str, secret: &Value) -> Result<(), fourstep::Error> {
    let provider = PUSHED.replace("path = \"/me\" }", &format!("path = \"/me\", answers = [{line}] }}"));
    let provider = provider.replace("value = \"key\" }", "value = \"key\", parameters = [\"user\"] }");
    let mut world = World::with(&provider, secret, &[]).await;
    world.begin();
    world.step(Step::Test).await
}

#[tokio::test]
async fn a_line_says_what_to_do_in_its_own_words() {
    let secret = json!({"key": FIRST_VALUE});
    for (means, kind) in
        [("invalid", ErrorKind::Invalid), ("forbidden", ErrorKind::Forbidden), ("rejected", ErrorKind::Rejected)]
    {
        let line =
            format!("{{ status = 200, means = \"{means}\", text = \"Let the team of the service turn keys on\" }}");
        let error = taken(&line, &secret).await.unwrap_err();
        assert_error(&error, kind, &["Let the team of the service turn keys on"]);
    }
}

#[tokio::test]
async fn a_line_asks_whether_something_is_there() {
    let secret = json!({"key": FIRST_VALUE});
    for (pointer, present, holds) in [
        ("/you", true, true),
        ("/you", false, false),
        ("/none", false, true),
        ("/none", true, false),
        ("/id", false, true),
    ] {
        let line = format!("{{ status = 200, pointer = \"{pointer}\", present = {present}, means = \"invalid\" }}");
        assert_eq!(taken(&line, &secret).await.is_err(), holds, "{line}: of two answers, `id` is null");
    }
}

#[tokio::test]
async fn a_line_compares_with_a_field_of_the_secret() {
    let line = "{ status = 200, pointer = \"/you\", equals = \"{{ secret.user }}\", means = \"success\" }, { status = 200, means = \"rejected\" }";
    taken(line, &json!({"key": FIRST_VALUE, "user": "are known"})).await.unwrap();
    let error = taken(line, &json!({"key": FIRST_VALUE, "user": "another"})).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected);
    let error = taken(line, &json!({"key": FIRST_VALUE})).await.unwrap_err();
    assert_error(&error, ErrorKind::Invalid, &["field `answers.equals`", "`secret.user` is not there"]);
}

#[tokio::test]
async fn several_headers_show_who_asks() {
    let admin = "\n[admin]\nsecrets = [\"token\"]\nauth = { headers = { Authorization = \"Bearer {{ admin.token }}\", X-Second = \"s {{ admin.token }}\" } }\n";
    let mut secret = first();
    secret["masterarn"] = "admin".into();
    let (status, answer) = made();
    let with = |exchange: Exchange| {
        exchange.header("authorization", "Bearer administrators-key-1").header("x-second", "s administrators-key-1")
    };
    let exchanges = vec![
        get("/me").answer(200, json!({})),
        with(no_keys()),
        with(no_keys()),
        with(Exchange::new("POST", "/keys")).answer(status, answer),
        with(no_keys()),
    ];
    exchanged(&(MINTED.to_owned() + admin), &secret, &[Step::Create], exchanges).await;
}

#[tokio::test]
async fn pages_begin_with_the_number_that_the_file_says() {
    let provider = MINTED.replace("parameter = \"page\", size = 100", "parameter = \"page\", first = 0, size = 1");
    let page = |number: u32, keys: Value| get(&format!("/keys?page={number}")).answer(200, json!({ "keys": keys }));
    let key = |id: &str| json!({"id": id, "name": "by hand", "alive": true});
    let pages = || [page(0, json!([key("other")])), page(1, json!([key("key-0")])), page(2, json!([]))];
    let (status, answer) = made();
    let create = Exchange::new("POST", "/keys").answer(status, answer);
    let mut exchanges = vec![get("/me").answer(200, json!({}))];
    exchanges.extend(pages());
    exchanges.extend(pages());
    exchanges.push(create);
    exchanges.extend(pages());
    exchanged(&provider, &first(), &[Step::Create], exchanges).await;
}

#[tokio::test]
async fn a_key_is_disabled_before_it_is_deleted() {
    let provider = MINTED.replace(
        "[revoke]",
        "[disable]\nmethod = \"POST\"\npath = \"/me\"\nheaders = { X-Id = \"{{ id }}\" }\nexpect = [403]\n\n[revoke]",
    );
    let mut world = World::new(&provider).await;
    for _ in 0..3 {
        world.service.forget_requests();
        world.rotate().await;
        let writes: Vec<_> =
            world.service.requests().into_iter().filter(|request| !request.starts_with("GET")).collect();
        let deleted = writes.iter().position(|request| request.starts_with("DELETE"));
        assert!(deleted.is_none_or(|at| writes[at - 1] == "POST /me"), "{writes:?}");
    }
    world.holds_two_keys("with two requests to revoke");
}

/// The service disables a key once: again is a conflict. A disabled one is refused, and is in no list.
#[tokio::test]
async fn a_key_that_was_disabled_is_deleted_by_a_later_attempt() {
    let disable = "[disable]\nmethod = \"POST\"\npath = \"/keys/{{ id }}/disable\"\n\n[revoke]";
    let provider = MINTED.replace("[revoke]", disable);
    let listed = |keys: Value| get("/keys?page=1").answer(200, json!({ "keys": keys }));
    let key = |number: u8| json!({"id": format!("key-{number}"), "name": "by hand", "alive": true});
    let post = || Exchange::new("POST", "/keys/key-0/disable");
    let delete = || Exchange::new("DELETE", "/keys/key-0");
    let made = |number: u8| {
        let (status, answer) =
            (201, json!({"id": format!("key-{number}"), "key": format!("a-new-key-{number}"), "expires_at": null}));
        Exchange::new("POST", "/keys").answer(status, answer)
    };
    let works = || get("/me").answer(200, json!({}));
    for again in [200, 400, 409] {
        // The first rotation has nothing to delete.
        let mut exchanges = vec![works(), listed(json!([key(0)])), listed(json!([key(0)])), made(1)];
        exchanges.extend([listed(json!([key(0), key(1)])), works(), works(), works(), listed(json!([key(0), key(1)]))]);
        // The second one disables the key, and may not delete it: not by the list, and not by the version.
        exchanges.extend([works(), listed(json!([key(0), key(1)])), post().answer(200, json!({}))]);
        exchanges.push(delete().answer(403, json!({})));
        // Tried again.
        exchanges.extend([works(), listed(json!([key(1)])), get("/me").answer(401, json!({}))]);
        exchanges.extend([post().answer(again, json!({})), delete().answer(204, json!({}))]);
        exchanges.extend([listed(json!([key(1)])), made(2), listed(json!([key(1), key(2)]))]);
        let script = Script::start(exchanges).await.unwrap();
        let provider = provider.replace("KEYS_URL", "SCRIPT_URL");
        let mut world = World::with(&provider, &first(), &[("SCRIPT_URL", script.url())]).await;
        world.rotate().await;
        world.begin();
        assert_eq!(world.fails(Step::Create).await.kind(), ErrorKind::Forbidden);
        world.step(Step::Create).await.unwrap_or_else(|error| panic!("{error}; {:?}", script.mismatches()));
        script.finish();
    }
}

#[tokio::test]
async fn a_key_is_tried_by_the_body_of_a_request() {
    let provider = PUSHED.replace("auth = { bearer = \"{{ key }}\" }", "auth = \"none\"").replace(
        "method = \"GET\", path = \"/me\"",
        "method = \"POST\", path = \"/check\", json = { token = \"{{ key }}\" }",
    );
    let test = |valid: bool| {
        Exchange::new("POST", "/check")
            .body(json!({"token": FIRST_VALUE}))
            .answer(if valid { 200 } else { 401 }, json!({}))
    };
    exchanged(&provider, &json!({"key": FIRST_VALUE}), &[Step::Test], vec![test(true)]).await;
}

#[tokio::test]
async fn the_header_link_names_the_next_page_and_never_another_place() {
    let provider = MINTED.replace("pages = { parameter = \"page\", size = 100 }", "pages = { link = true }");
    let key = |id: &str| json!({"keys": [{"id": id, "name": "by hand", "alive": true}]});
    let pages = || {
        [
            get("/keys")
                .answer(200, key("other"))
                .link("</keys?after=a%26%7B%7Bx%7D%7D&n=1>; rel=\"next\", </keys>; rel=\"first\""),
            get("/keys?after=a%26%7B%7Bx%7D%7D&n=1").answer(200, key("key-0")).link("</keys>; rel=\"first\""),
        ]
    };
    let (status, answer) = made();
    let mut exchanges = vec![get("/me").answer(200, json!({}))];
    exchanges.extend(pages());
    exchanges.extend(pages());
    exchanges.push(Exchange::new("POST", "/keys").answer(status, answer));
    exchanges.extend(pages());
    exchanged(&provider, &first(), &[Step::Create], exchanges).await;

    let script = Script::start(vec![
        get("/me").answer(200, json!({})),
        get("/keys").answer(200, key("key-0")).link("<https://evil.example/keys?page=2>; rel=\"next\""),
    ]);
    let script = script.await.unwrap();
    let provider = provider.replace("KEYS_URL", "SCRIPT_URL");
    let mut world = World::with(&provider, &first(), &[("SCRIPT_URL", script.url())]).await;
    world.begin();
    let error = world.fails(Step::Create).await;
    assert_error(&error, ErrorKind::Invalid, &["a next page at another path or host, where no request goes"]);
    script.finish();
}
