//! The ready-made provider files, each against an exchange that was written from the service's own documentation.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fourstep::{AWSCURRENT, Step};
use fourstep_testkit::script::{Exchange, Script};
use serde_json::{Value, json};

use crate::world::World;

fn provider(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/api-key/providers").join(name)
}

/// Runs one rotation of a secret by a ready-made file, and returns the new version. The service says what the exchanges
/// say, and nothing else may be asked of it.
async fn rotated(file: &str, variable: &str, secret: Value, exchanges: Vec<Exchange>) -> Value {
    let script = Script::start(exchanges).await.unwrap();
    let text = std::fs::read_to_string(provider(file)).unwrap();
    let owner = (
        "API_ADMIN_PARAMETERS",
        "app/key:policies=*, app/key:project=group/app, app/key:scopes=read_*, app/key:access_level=20, app/key:service_account=2",
    );
    let mut world = World::with(&text, &secret, &[(variable, script.url()), owner]).await;
    if variable.is_empty() {
        let keys = Arc::into_inner(world.inner.rotation).unwrap();
        world.inner.rotation = Arc::new(keys.only(provider(file), Some(script.url().to_owned())));
    }
    world.begin();
    for step in Step::ALL {
        world.step(step).await.unwrap_or_else(|error| panic!("{file}: {error}; {:?}", script.mismatches()));
    }
    script.finish();
    world.labelled(AWSCURRENT).unwrap()
}

fn get(path: &str, key: (&'static str, &str), answer: Value) -> Exchange {
    Exchange::new("GET", path).header(key.0, key.1).answer(200, answer)
}

#[tokio::test]
async fn cloudflare_tokens() {
    let policies = json!([{
        "effect": "allow",
        "resources": {"com.cloudflare.api.account.zone.eb78d65290b24279ba6f44721b3ea3c4": "*"},
        "permission_groups": [{"id": "c8fed203ed3043cba015a93ad1616f1f"}],
    }]);
    let token = |id: &str, name: &str| json!({"id": id, "name": name, "status": "active"});
    let page = |tokens: Value| json!({"success": true, "errors": [], "messages": [], "result": tokens, "result_info": {"page": 1, "per_page": 50}});
    let verified =
        |id: &str| json!({"success": true, "errors": [], "messages": [], "result": {"id": id, "status": "active"}});
    let (old, new) = (("authorization", "Bearer old-token"), ("authorization", "Bearer new-token"));
    let admin = ("authorization", "Bearer administrators-key-1");
    let list = "/user/tokens?page=1&per_page=50";
    let secret = json!({"token": "old-token", "token_id": "old-id", "policies": policies, "masterarn": "admin"});
    let made = json!({"success": true, "errors": [], "messages": [], "result": {"id": "new-id", "name": "x", "status": "active", "value": "new-token"}});
    let current = rotated(
        "cloudflare.toml",
        "",
        secret,
        vec![
            get("/user/tokens/verify", old, verified("old-id")),
            get(list, admin, page(json!([token("old-id", "by hand")]))),
            get(list, admin, page(json!([token("old-id", "by hand")]))),
            Exchange::new("POST", "/user/tokens")
                .header(admin.0, admin.1)
                .body(json!({"name": "*", "policies": policies}))
                .answer(200, made),
            get(list, admin, page(json!([token("old-id", "by hand"), token("new-id", "x")]))),
            get("/user/tokens/verify", new, verified("new-id")),
            get("/user/tokens/verify", new, verified("new-id")),
            get("/user/tokens/verify", new, verified("new-id")),
            get(list, admin, page(json!([token("old-id", "by hand"), token("new-id", "x")]))),
        ],
    )
    .await;
    assert_eq!((&current["token"], &current["token_id"]), (&json!("new-token"), &json!("new-id")));
    assert_eq!(current["policies"], policies);
}

#[tokio::test]
async fn gitlab_project_access_tokens() {
    let (old, new) = (("private-token", "glpat-old"), ("private-token", "glpat-new"));
    let admin = ("private-token", "administrators-key-1");
    let list = "/api/v4/projects/group%2Fapp/access_tokens?page=1&per_page=100&state=active";
    let token = |id: u32, name: &str, revoked: bool| json!({"user_id": 141, "scopes": ["read_api"], "name": name, "expires_at": "2999-01-31", "id": id, "active": !revoked, "revoked": revoked, "access_level": 20});
    let own = |id| json!({"id": id, "name": "x", "revoked": false, "active": true});
    let mut made = token(58, "x", false);
    made["token"] = json!("glpat-new");
    let secret = json!({
        "token": "glpat-old", "token_id": 42, "project": "group/app", "scopes": ["read_api"], "access_level": 20,
        "masterarn": "admin",
    });
    let current = rotated(
        "gitlab.toml",
        "GITLAB_URL",
        secret,
        vec![
            get("/api/v4/personal_access_tokens/self", old, own(42)),
            get(list, admin, json!([token(42, "by hand", false), token(41, "older", true)])),
            get(list, admin, json!([token(42, "by hand", false)])),
            Exchange::new("POST", "/api/v4/projects/group%2Fapp/access_tokens")
                .header(admin.0, admin.1)
                .body(json!({"name": "*", "scopes": ["read_api"], "access_level": 20, "expires_at": "*"}))
                .answer(201, made),
            get(list, admin, json!([token(42, "by hand", false), token(58, "x", false)])),
            // A token without the scope to look at itself.
            Exchange::new("GET", "/api/v4/personal_access_tokens/self")
                .header(new.0, new.1)
                .answer(403, json!({"error": "insufficient_scope"})),
            get("/api/v4/personal_access_tokens/self", new, own(58)),
            get("/api/v4/personal_access_tokens/self", new, own(58)),
            get(list, admin, json!([token(42, "by hand", false), token(58, "x", false)])),
        ],
    )
    .await;
    assert_eq!((&current["token"], &current["token_id"]), (&json!("glpat-new"), &json!("58")));
    assert_eq!((&current["scopes"], &current["project"]), (&json!(["read_api"]), &json!("group/app")));
}

#[tokio::test]
async fn grafana_service_account_tokens() {
    let (old, new) = (("authorization", "Bearer glsa_old"), ("authorization", "Bearer glsa_new"));
    let admin = ("authorization", "Bearer administrators-key-1");
    let list = "/api/serviceaccounts/2/tokens";
    let token = |id: u32, name: &str| json!({"id": id, "name": name, "role": "Viewer", "created": "2022-03-23T10:31:02Z", "expiration": null, "secondsUntilExpiration": 0, "hasExpired": false});
    let account = json!({"id": 2, "name": "app", "login": "sa-app", "orgId": 1, "role": "Viewer"});
    let current = rotated(
        "grafana.toml",
        "GRAFANA_URL",
        json!({"token": "glsa_old", "token_id": "1", "service_account": 2, "masterarn": "admin"}),
        vec![
            get("/api/serviceaccounts/2", old, account.clone()),
            get(list, admin, json!([token(1, "grafana")])),
            get(list, admin, json!([token(1, "grafana")])),
            Exchange::new("POST", list)
                .header(admin.0, admin.1)
                .body(json!({"name": "*", "secondsToLive": 7_776_000}))
                .answer(200, json!({"id": 7, "name": "x", "key": "glsa_new"})),
            get(list, admin, json!([token(1, "grafana"), token(7, "x")])),
            get("/api/serviceaccounts/2", new, account.clone()),
            Exchange::new("GET", "/api/serviceaccounts/2")
                .header(new.0, new.1)
                .answer(403, json!({"message": "You'll need additional permissions"})),
            get("/api/serviceaccounts/2", new, account.clone()),
            get(list, admin, json!([token(1, "grafana"), token(7, "x")])),
        ],
    )
    .await;
    assert_eq!((&current["token"], &current["token_id"]), (&json!("glsa_new"), &json!("7")));
}
