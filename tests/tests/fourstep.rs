//! The command `fourstep provider check`, as its user runs it.
#![allow(clippy::unwrap_used, reason = "what tests call is a test too, which clippy only sees of their own functions")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use fourstep_test_servers::key_service::{FIRST_KEY, KeyService};
use fourstep_testkit::function;
use serde_json::{Value, json};

const MINTED: &str = r#"
service = "Keys"
kind = "minted"
base_url = "https://keys.example"
secret = { value = "key", id = "key_id", parameters = ["note"] }
auth = { bearer = "{{ key }}" }
create = { method = "POST", path = "/keys", json = { name = "{{ name }}" }, answer = { value = "/key", id = "/id" } }
revoke = { method = "DELETE", path = "/keys/{{ id }}" }
test = { method = "GET", path = "/me" }
"#;

fn fourstep(arguments: &[&str]) -> (i32, String, String) {
    let program = function::binary_of("fourstep-cli", "fourstep").unwrap();
    let Output { status, stdout, stderr } = Command::new(program).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

fn file(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[test]
fn every_ready_made_file_is_shown_with_its_requests() {
    let providers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/api-key/providers");
    for (name, parts) in [
        ("jupyterhub", ["POST /users/user/tokens", "authorization: token ***"]),
        ("rabbitmq", ["PUT /users/username", "{\"password\":\"***\",\"tags\":\"found.tags\"}"]),
        ("cloudflare", ["GET /user/tokens/verify", "authorization: Bearer *** (the administrator's"]),
        ("gitlab", ["POST /projects/project/access_tokens", "private-token: ***"]),
        ("grafana", ["POST /serviceaccounts/service_account/tokens", "\"secondsToLive\":7776000"]),
    ] {
        let (code, out, error) =
            fourstep(&["provider", "check", providers.join(format!("{name}.toml")).to_str().unwrap()]);
        assert_eq!((code, error.as_str()), (0, ""), "{name}");
        parts.iter().for_each(|part| assert!(out.contains(part), "no `{part}` in:\n{out}"));
    }
}

#[test]
fn a_wrong_file_fails_and_a_wrong_usage_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = file(folder.path(), "wrong.toml", &MINTED.replace("path = \"/me\"", "path = \"/{{ secret.note2 }}\""));
    let (code, out, error) = fourstep(&["provider", "check", &wrong]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(error.contains("wrong.toml, request `test`, field `path`: `secret.note2` is not known here"), "{error}");
    assert_eq!(fourstep(&["provider", "check"]).0, 2);
    assert_eq!(fourstep(&["provider", "check", &wrong, "--against", "https://x"]).0, 2, "--secret is missing");
    assert_eq!(fourstep(&["provider", "check", "none.toml"]).0, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_rotation_is_run_against_a_service_and_the_new_key_is_kept() {
    let service = KeyService::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let provider = file(folder.path(), "keys.toml", MINTED);
    let secret =
        file(folder.path(), "secret.json", &json!({"key": FIRST_KEY, "key_id": "key-0", "note": "n"}).to_string());
    let arguments = ["provider", "check", &provider, "--against", service.url(), "--secret", &secret];
    let (code, out, error) = fourstep(&arguments);
    assert_eq!((code, error.as_str()), (0, ""), "{out}");
    assert!(out.contains("The key with some characters changed is refused, as it has to be"), "{out}");
    let new = PathBuf::from(format!("{secret}.rotated"));
    let value: Value = serde_json::from_str(&std::fs::read_to_string(&new).unwrap()).unwrap();
    assert!(service.state().accepts(value["key"].as_str().unwrap()) && service.state().accepts(FIRST_KEY));
    assert_eq!(value["note"], "n");
    assert!(!out.contains(value["key"].as_str().unwrap()) && !out.contains(FIRST_KEY), "{out}");
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(new.metadata().unwrap().permissions().mode() & 0o777, 0o600);

    // A second check would write over the only copy of a key that works.
    let (code, _, error) = fourstep(&arguments);
    assert!(code == 3 && error.contains("Move it away; nothing was done"), "{code} {error}");
    assert_eq!(service.state().keys.len(), 2);

    std::fs::remove_file(&new).unwrap();
    file(folder.path(), "secret.json", r#"{"key": "a-dead-key", "key_id": "key-9"}"#);
    let (code, _, error) = fourstep(&arguments);
    assert!(code == 1 && error.contains("refused the key (401)") && !error.contains("a-dead-key"), "{code} {error}");
    assert!(!new.exists());
}

#[test]
fn the_check_shows_where_each_request_goes_and_what_each_answer_would_mean() {
    let providers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/api-key/providers");
    let (code, out, _) = fourstep(&["provider", "check", providers.join("cloudflare.toml").to_str().unwrap()]);
    assert_eq!(code, 0);
    for part in [
        "base_url  https://api.cloudflare.com/client/v4\n",
        "to https://api.cloudflare.com/client/v4/user/tokens/verify\n",
        "answer 400 with JSON: the key is refused\n",
        "answer 200 with \"disabled\" at /result/status: the key is refused\n",
        "answer otherwise 200-299: done\n",
        "answer otherwise 402-403: the key works, and may not do this\n",
        "answer a page of HTML, whatever its status: no answer",
    ] {
        assert!(out.contains(part), "no `{part}` in:\n{out}");
    }
}

#[test]
fn a_header_and_a_path_that_cannot_be_sent_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    for (from, to, part) in [
        ("\"GET\"", "\"GET\", headers = { X-Team = \"\u{e4}\" }", "request `test`, field `headers.X-Team`"),
        ("\"/me\"", "\"/a b\"", "request `test`, field `path`"),
        ("\"/me\"", "\"/a/./b\"", "request `test`, field `path`"),
    ] {
        let wrong = file(folder.path(), "wrong.toml", &MINTED.replace(from, to));
        let (code, out, error) = fourstep(&["provider", "check", &wrong]);
        assert_eq!((code, out.as_str()), (1, ""), "{to}: {error}");
        assert!(error.contains(part), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn json_is_json_with_and_without_a_rotation_and_where_it_fails() {
    let service = KeyService::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let provider = file(folder.path(), "keys.toml", MINTED);
    let secret = file(folder.path(), "secret.json", &json!({"key": FIRST_KEY, "key_id": "key-0"}).to_string());
    let shown = |arguments: &[&str]| -> (i32, Value) {
        let (code, out, error) = fourstep(&[&["provider", "check", "--output", "json", &provider], arguments].concat());
        (code, serde_json::from_str(&out).unwrap_or_else(|_| panic!("no JSON: {out} {error}")))
    };
    let (code, checked) = shown(&[]);
    assert_eq!((code, &checked["service"], &checked["base_url"]), (0, &json!("Keys"), &json!("https://keys.example")));
    assert_eq!(checked["requests"][0]["name"], "create");
    assert!(checked["requests"][0]["answers"].as_array().unwrap().len() > 5 && checked.get("rotation").is_none());
    let against = ["--against", service.url(), "--secret", &secret];
    let (code, checked) = shown(&against);
    assert_eq!((code, &checked["rotation"]["spoiled_key"]), (0, &json!("refused")));
    assert_eq!(checked["rotation"]["steps"].as_array().unwrap().len(), 4);
    assert!(checked["rotation"]["new_secret"].as_str().unwrap().ends_with(".rotated"));
    let (code, checked) = shown(&against);
    assert_eq!((code, checked["rotation"]["steps"].as_array().unwrap().len()), (3, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_that_takes_a_spoiled_key_for_a_good_one_is_told_and_nothing_is_rotated() {
    let service = KeyService::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let secret = file(folder.path(), "secret.json", &json!({"key": FIRST_KEY, "key_id": "key-0"}).to_string());
    let check = |from: &str, to: &str| {
        let provider = file(folder.path(), "keys.toml", &MINTED.replace(from, to));
        fourstep(&["provider", "check", &provider, "--against", service.url(), "--secret", &secret])
    };
    let me = "path = \"/me\"";
    let (code, _, error) = check(me, "path = \"/me\", answers = [{ status = 401, means = \"success\" }]");
    assert_eq!(code, 1);
    assert!(
        error.contains("cannot tell a spoiled key from a good one") && error.contains("Nothing was rotated"),
        "{error}"
    );
    assert_eq!(service.state().keys.len(), 1);
    // One that is taken for something else than refused is told, and the rotation goes on.
    let (code, out, error) = check(me, "path = \"/me\", answers = [{ status = 401, means = \"forbidden\" }]");
    assert_eq!((code, error.as_str()), (0, ""), "{out}");
    assert!(out.contains("is not taken for one that is refused") && out.contains("means = \"rejected\""), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_404_names_the_path_of_the_base_url_and_the_check_ends_in_time() {
    let service = KeyService::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let provider =
        file(folder.path(), "keys.toml", &MINTED.replace("https://keys.example", "{{ env.KEYS_URL }}/api/v4"));
    let secret = file(folder.path(), "secret.json", &json!({"key": FIRST_KEY, "key_id": "key-0"}).to_string());
    let wrong = format!("{}/elsewhere", service.url());
    let arguments = |url: &str| -> Vec<String> {
        ["provider", "check", &provider, "--against", url, "--secret", &secret].map(str::to_owned).to_vec()
    };
    let run = |arguments: &[String]| fourstep(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let (code, _, error) = run(&arguments(&wrong));
    assert_eq!(code, 1);
    let whole = format!("the file's has the path /api/v4: give {}/api/v4", service.url());
    assert!(error.contains("takes the place of the whole `base_url`") && error.contains(&whole), "{error}");
    assert_eq!(service.state().keys.len(), 1);
    // A service that never answers.
    service.on_request(|_, _| true);
    let started = std::time::Instant::now();
    let (code, _, error) = run(&[arguments(service.url()), vec!["--within".to_owned(), "3s".to_owned()]].concat());
    assert!(
        code == 1 && started.elapsed() < std::time::Duration::from_secs(8),
        "{error} after {:?}",
        started.elapsed()
    );
}
