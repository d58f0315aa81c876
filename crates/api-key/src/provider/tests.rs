use std::path::{Path, PathBuf};
use std::time::Duration;

use fourstep::ErrorKind;
use serde_json::Value;

use crate::provider::{Kind, ProviderFile};

fn providers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("providers")
}

fn ready_made() -> Vec<PathBuf> {
    let files = std::fs::read_dir(providers()).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "toml")).collect();
    files.sort();
    files
}

fn schema() -> Value {
    serde_json::from_str(&std::fs::read_to_string(providers().join("provider.schema.json")).unwrap()).unwrap()
}

/// The least that a file of each kind needs. What a test adds comes last.
const MINTED: &str = r#"
service = "Acme"
kind = "minted"
base_url = "https://api.acme.example"
secret = { value = "key", id = "key_id", parameters = ["account"] }
auth = { bearer = "{{ key }}" }
create = { method = "POST", path = "/keys", json = { name = "{{ name }}" }, answer = { value = "/key", id = "/id" } }
revoke = { method = "DELETE", path = "/keys/{{ id }}" }
test = { method = "GET", path = "/me" }
"#;

fn refusal(text: &str) -> String {
    let error = ProviderFile::parse("acme.toml", text).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().ends_with("`fourstep provider check` shows what it would send."), "{error}");
    error.message().to_owned()
}

fn changed(from: &str, to: &str) -> String {
    assert!(MINTED.contains(from), "{from}");
    refusal(&MINTED.replace(from, to))
}

#[test]
fn the_schema_is_that_of_the_types() {
    let generated = serde_json::to_value(schemars::schema_for!(ProviderFile)).unwrap();
    let path = providers().join("provider.schema.json");
    if std::env::var_os("FOURSTEP_WRITE_SCHEMA").is_some() {
        std::fs::write(&path, serde_json::to_string_pretty(&generated).unwrap() + "\n").unwrap();
    }
    assert_eq!(generated, schema(), "write {} anew: set FOURSTEP_WRITE_SCHEMA and run this test", path.display());
}

#[test]
fn every_ready_made_file_is_right_and_fits_the_schema() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let files = ready_made();
    assert_eq!(files.len(), 5, "{files:?}");
    for path in files {
        let file = ProviderFile::read(&path).unwrap_or_else(|error| panic!("{error}"));
        assert!(
            file.documentation.iter().all(|line| line.contains(", read 20") || line.contains("; checked against ")),
            "{path:?} names its source and the day"
        );
        let text = std::fs::read_to_string(&path).unwrap();
        let value: Value = toml::from_str(&text).unwrap();
        let errors: Vec<_> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new(), "{path:?}");
        assert!(text.starts_with("#:schema provider.schema.json\n"), "{path:?}: editors find the schema by it");
        assert!(!file.previews().unwrap().is_empty());
    }
}

#[test]
fn what_the_schema_refuses_serde_refuses_too() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    for (from, to) in [
        ("service = \"Acme\"", "service = \"Acme\"\nbase = \"x\""),
        ("kind = \"minted\"", "kind = \"stolen\""),
        ("kind = \"minted\"", ""),
        ("method = \"GET\"", "method = \"get\""),
        ("path = \"/me\"", ""),
        ("bearer = ", "bear = "),
        ("parameters = [\"account\"]", "parameters = \"account\""),
    ] {
        let text = MINTED.replace(from, to);
        // Two of them are no TOML either, after what they lose.
        if let Ok(value) = toml::from_str::<Value>(&text) {
            assert!(!validator.is_valid(&value), "{to}");
        }
        refusal(&text);
    }
    assert!(validator.is_valid(&toml::from_str::<Value>(MINTED).unwrap()));
}

#[test]
fn the_least_file_of_each_kind_is_enough() {
    let minted = ProviderFile::parse("acme.toml", MINTED).unwrap();
    assert_eq!((minted.kind, minted.timeout, minted.private_addresses), (Kind::Minted, Duration::from_secs(15), false));
    for (kind, request) in [("pushed", "set"), ("rolled\"\nloss_possible = true #", "roll")] {
        let answer = if request == "roll" { ", answer = { value = \"/key\" }" } else { "" };
        let head = &MINTED[..MINTED.find("create =").unwrap()];
        let text = format!(
            "{}{request} = {{ method = \"PUT\", path = \"/key\"{answer} }}\ntest = {{ method = \"GET\", path = \"/me\" }}\n",
            head.replace("minted", kind)
        );
        ProviderFile::parse("acme.toml", &text).unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn an_error_names_the_file_the_request_the_field_and_the_fix() {
    for (from, to, message) in [
        (
            "service = \"Acme\"",
            "service = \"Acme\"\nbase = 1",
            "provider file acme.toml, line 3, field `base`: unknown field `base`",
        ),
        ("path = \"/me\"", "pth = \"/me\"", "provider file acme.toml, line 9, field `test.pth`: unknown field `pth`"),
        (
            "method = \"GET\"",
            "method = \"BREW\"",
            "provider file acme.toml, line 9, field `test.method`: unknown variant `BREW`",
        ),
        (
            "\"/me\"",
            "\"/me/{{ secret.acount }}\"",
            "provider file acme.toml, request `test`, field `path`: `secret.acount` is not known here. Known are: key, key_id, secret.account.",
        ),
        (
            "\"/keys/{{ id }}\"",
            "\"/keys/{{ id\"",
            "provider file acme.toml, request `revoke`, field `path`: the template is wrong: ",
        ),
        (
            "\"/keys/{{ id }}\"",
            "\"/keys/../{{ id }}\"",
            "provider file acme.toml, request `revoke`, field `path`: it has to begin with `/`, without `..`",
        ),
        ("\"/me\"", "\"/me?x=1\"", "provider file acme.toml, request `test`, field `path`: it has to begin with `/`"),
        (
            "value = \"/key\"",
            "value = \"key\"",
            "provider file acme.toml, request `create`, field `answer.value`: `key` is no JSON Pointer",
        ),
        (", id = \"/id\"", "", "provider file acme.toml, request `create`, field `answer.id`: it has to say where"),
        (", id = \"key_id\"", "", "provider file acme.toml, field `secret.id`: a minted key needs the field"),
        (
            "{{ key }}",
            "{{ secret.key }}",
            "provider file acme.toml, field `auth.bearer`: `secret.key` is not known here. Known are: key, key_id, secret.account.",
        ),
        (
            "https://api.acme.example",
            "ftp://api.acme.example",
            "provider file acme.toml, field `base_url`: it has to begin with https://",
        ),
        (
            "https://api.acme.example",
            "https://{{ secret.host }}",
            "provider file acme.toml, field `base_url`: `secret.host` cannot be in it",
        ),
        (
            "method = \"GET\", path = \"/me\"",
            "method = \"DELETE\", path = \"/me\"",
            "provider file acme.toml, request `test`, field `method`: it has to change nothing",
        ),
        (
            "method = \"GET\"",
            "method = \"GET\", headers = { Host = \"x\" }",
            "provider file acme.toml, request `test`, field `headers.Host`: that header is not for a file to set",
        ),
        (
            "method = \"GET\"",
            "method = \"GET\", headers = { X-A = \"a\\r\\nb\" }",
            "provider file acme.toml, request `test`, field `headers.X-A`: no header may have a line break",
        ),
        (
            "method = \"GET\"",
            "method = \"GET\", headers = { X-A = \"\u{e4}\" }",
            "provider file acme.toml, request `test`, field `headers.X-A`: a header may have no other characters",
        ),
        (
            "bearer = \"{{ key }}\"",
            "bearer = \"k\u{e4}y {{ key }}\"",
            "provider file acme.toml, field `auth.bearer`: a header may have no other characters",
        ),
        ("\"/me\"", "\"/m e\"", "provider file acme.toml, request `test`, field `path`: ` ` cannot stand in a path"),
        ("\"/me\"", "\"/./me\"", "provider file acme.toml, request `test`, field `path`: no part of it may be `.`"),
        (
            "method = \"GET\"",
            "method = \"GET\", json = {}",
            "provider file acme.toml, request `test`, field `method`: GET has no body",
        ),
        (
            "method = \"GET\"",
            "method = \"GET\", expect = [20]",
            "provider file acme.toml, request `test`, field `expect`: 20 is no status",
        ),
        (
            "auth = { bearer = \"{{ key }}\" }",
            "auth = \"none\"",
            "provider file acme.toml, field `auth`: neither `auth` nor the request `test` shows the `key`",
        ),
        (
            "\"/me\"",
            "\"/me\", query = { k = \"{{ key }}\" }",
            "provider file acme.toml, request `test`, field `query`: logs of the service would keep the key",
        ),
        (
            "\"/keys\"",
            "\"/keys/{{ key }}\"",
            "provider file acme.toml, request `create`, field `path`: `key` is not known here",
        ),
        (
            "\"/me\"",
            "\"/me/{{ admin.token }}\"",
            "provider file acme.toml, request `test`, field `path`: `admin.token` is not known here",
        ),
        (
            "\"/me\"",
            "\"/me\", answers = [{ status = 200, pointer = \"/x\", means = \"invalid\" }]",
            "provider file acme.toml, request `test`, field `answers`: a `pointer` goes together with either",
        ),
        (
            "\"/me\"",
            "\"/me\", answers = [{ status = 200, pointer = \"/x\", equals = 1, present = true, means = \"invalid\" }]",
            "provider file acme.toml, request `test`, field `answers`: a `pointer` goes together with either",
        ),
        (
            "\"/me\"",
            "\"/me\", answers = [{ status = 200, pointer = \"/x\", equals = \"{{ secret.y }}\", means = \"invalid\" }]",
            "provider file acme.toml, request `test`, field `answers.equals`: `secret.y` is not known here",
        ),
        (
            "\"/me\"",
            "\"/me\", answers = [{ status = 200, means = \"success\", text = \"x\" }]",
            "provider file acme.toml, request `test`, field `answers.text`: nobody reads it",
        ),
        (
            "kind = \"minted\"",
            "kind = \"rolled\"",
            "provider file acme.toml, field `kind`: a rolled key needs the request `roll`",
        ),
        (
            "kind = \"minted\"",
            "kind = \"minted\"\nloss_possible = true",
            "provider file acme.toml, field `loss_possible`: no minted key is lost",
        ),
        (
            "kind = \"minted\"",
            "kind = \"minted\"\ntimeout = \"soon\"",
            "provider file acme.toml, line 4, field `timeout`: expected a duration",
        ),
    ] {
        let found = changed(from, to);
        assert!(found.starts_with(message), "{found}\n{message}");
    }
}

#[test]
fn a_rolled_key_needs_its_owners_word() {
    let head = MINTED[..MINTED.find("create =").unwrap()].replace("minted", "rolled");
    let text = format!(
        "{head}roll = {{ method = \"POST\", path = \"/roll\", answer = {{ value = \"/key\" }} }}\ntest = {{ method = \"GET\", path = \"/me\" }}\n"
    );
    let message = refusal(&text);
    assert!(message.contains("field `loss_possible`") && message.contains("`loss_possible = true`"), "{message}");
}

#[test]
fn a_preview_shows_the_requests_and_no_secret() {
    let rabbitmq = ProviderFile::read(&providers().join("rabbitmq.toml")).unwrap();
    let names: Vec<_> = rabbitmq.previews().unwrap().iter().map(|preview| preview.name).collect();
    assert_eq!(names, ["read", "set", "test"]);
    let set = &rabbitmq.previews().unwrap()[1];
    assert_eq!((set.method.as_str(), set.path.as_str()), ("PUT", "/users/username"));
    assert_eq!(set.body.as_deref(), Some(r#"{"password":"***","tags":"found.tags"}"#));
    assert!(set.headers[0].contains("{{ admin.username }}") && set.headers[0].contains("masterarn"), "{set:?}");
    let minted = ProviderFile::parse("acme.toml", MINTED).unwrap();
    assert_eq!(minted.previews().unwrap()[0].headers, ["authorization: Bearer ***"]);
}

#[test]
fn pages_go_on_in_one_way() {
    let list = "list = { method = \"GET\", path = \"/keys\", answer = { keys = \"\", id = \"/id\" }, pages = PAGES }\n";
    for (pages, part) in [
        ("{}", "it needs either `parameter` or `link = true`"),
        ("{ parameter = \"page\", link = true }", "it needs either `parameter` or `link = true`"),
        ("{ link = true, size = 5 }", "`link` says all"),
        ("{ link = true, first = 0 }", "`link` says all"),
    ] {
        let message = refusal(&(MINTED.to_owned() + &list.replace("PAGES", pages)));
        assert!(message.contains("request `list`, field `pages`") && message.contains(part), "{message}");
    }
    for pages in ["{ link = true }", "{ parameter = \"page\", first = 0 }", "{ parameter = \"c\", cursor = \"/next\" }"]
    {
        ProviderFile::parse("acme.toml", &(MINTED.to_owned() + &list.replace("PAGES", pages))).unwrap();
    }
}

/// `key_id` is the id of the key that makes the request: AWSCURRENT's.
#[test]
fn what_ends_a_key_says_which_one_and_never_the_one_that_asks() {
    const DISABLE: &str = "disable = { method = \"POST\", path = \"/disable\", json = { key = \"{{ id }}\" } }\n";
    ProviderFile::parse("acme.toml", &(MINTED.to_owned() + DISABLE)).unwrap();
    let message = changed("\"/keys/{{ id }}\"", "\"/keys/{{ key_id }}\"");
    assert!(message.contains("request `revoke`, field `path`: `key_id` is not known here"), "{message}");
    let message = changed("\"/keys/{{ id }}\"", "\"/keys/{{ id }}\", query = { of = \"{{ key_id }}\" }");
    assert!(message.contains("request `revoke`, field `query.of`: `key_id` is not known here"), "{message}");
    let compared =
        "\"/keys\", answers = [{ status = 409, pointer = \"/id\", equals = \"{{ id }}\", means = \"success\" }]";
    let message = changed("\"/keys/{{ id }}\"", compared);
    assert!(
        message.contains("request `revoke`, field `path`: it has to say by `{{ id }}` which key goes"),
        "{message}"
    );
    let message = refusal(&(MINTED.to_owned() + &DISABLE.replace("{{ id }}", "{{ key_id }}")));
    assert!(message.contains("request `disable`, field `json`: `key_id` is not known here"), "{message}");
}

/// Where the line does not hold, 200 means success all the same, and proves nothing of what it compares with.
#[test]
fn what_only_a_line_of_answers_compares_with_is_not_said_to_the_service() {
    const ADMIN: &str =
        "[admin]\nsecrets = [\"token\"]\nauth = { bearer = \"{{ admin.token }}\" }\ntest_proves = [\"account\"]\n";
    let line = |of: &str| {
        format!(
            "\"/me\", answers = [{{ status = 200, pointer = \"/me\", equals = \"{{{{ {of} }}}}\", means = \"success\" }}]"
        )
    };
    let message = refusal(&(MINTED.replace("\"/me\"", &line("secret.account")) + ADMIN));
    assert!(message.contains("field `admin.test_proves`: `account` stands neither in"), "{message}");
    let said = MINTED.replace("\"/me\"", "\"/accounts/{{ secret.account }}\"");
    ProviderFile::parse("acme.toml", &(said + ADMIN)).unwrap();
    let unseen =
        MINTED.replace("auth = { bearer = \"{{ key }}\" }", "auth = \"none\"").replace("\"/me\"", &line("key"));
    let message = refusal(&unseen);
    assert!(message.contains("field `auth`: neither `auth` nor the request `test` shows the `key`"), "{message}");
}

#[test]
fn no_secret_field_stands_where_logs_keep_it() {
    const ADMIN: &str =
        "[admin]\nparameters = [\"name\"]\nsecrets = [\"token\"]\nauth = { bearer = \"{{ admin.token }}\" }\n";
    let file =
        MINTED.replace("parameters = [\"account\"]", "parameters = [\"account\"], secrets = [\"second\"]") + ADMIN;
    let at = |request: &str, to: &str| refusal(&file.replace(request, to));
    for (path, field, name) in [
        ("\"/keys/{{ admin.token }}\", json", "path", "admin.token"),
        ("\"/keys/{{ secret.second }}\", json", "path", "secret.second"),
        ("\"/keys\", query = { as = \"x{{ admin.token }}\" }, json", "query", "admin.token"),
    ] {
        let message = at("\"/keys\", json", path);
        let expected = format!("request `create`, field `{field}`: logs of the service would keep `{name}`");
        assert!(message.contains(&expected), "{message}");
    }
    let message = at("\"/me\"", "\"/me\", query = { as = \"{{ secret.second }}\" }");
    assert!(
        message.contains("request `test`, field `query`: logs of the service would keep `secret.second`"),
        "{message}"
    );
    let named = file.replace("\"/keys\", json", "\"/keys/{{ admin.name }}/{{ secret.account }}\", json");
    ProviderFile::parse("acme.toml", &named).unwrap();
}
