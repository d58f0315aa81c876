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
