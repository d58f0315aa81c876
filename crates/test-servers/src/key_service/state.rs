use axum::http::{HeaderMap, Method, Uri, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

/// What a service holds.
#[derive(Clone, Debug)]
pub struct ServiceState {
    /// The keys that are alive.
    pub keys: Vec<ServiceKey>,
    /// How many keys there may be.
    pub limit: usize,
    /// How many keys a page of the list has.
    pub page_size: usize,
    /// How many times a new key is refused before it works.
    pub early_refusals: usize,
    /// When the first key was made, in seconds since 1970; each other one a second after the one before it.
    pub first_made: usize,
    /// When new keys end, in the answer that makes them.
    pub expires_at: Value,
    /// The value that was pushed or rolled last.
    pub value: String,
    /// The key of an administrator, who may do everything.
    pub administrator: String,
    made: usize,
    rolled: usize,
}

/// A key that is alive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceKey {
    /// Its id.
    pub id: String,
    /// The name that it was given.
    pub name: String,
    /// Its value.
    pub value: String,
    /// When it was made, in seconds since 1970.
    pub created_at: usize,
    early_refusals: usize,
}

/// When the first key was made: 2023-11-14T22:13:20Z.
const FIRST_MADE: usize = 1_700_000_000;

impl ServiceState {
    pub(super) fn new(key: &str, value: &str) -> Self {
        let first = ServiceKey {
            id: "key-0".to_owned(),
            name: "made by hand".to_owned(),
            value: key.to_owned(),
            created_at: FIRST_MADE,
            early_refusals: 0,
        };
        Self {
            keys: vec![first],
            limit: 2,
            page_size: 100,
            early_refusals: 0,
            first_made: FIRST_MADE,
            expires_at: Value::Null,
            value: value.to_owned(),
            administrator: "administrators-key-1".to_owned(),
            made: 0,
            rolled: 0,
        }
    }

    /// Returns whether a key is alive and active.
    #[must_use]
    pub fn accepts(&self, key: &str) -> bool {
        self.keys.iter().any(|known| known.value == key && known.early_refusals == 0)
    }

    /// Makes a key for somebody else, and returns its id.
    pub fn add(&mut self, name: &str, value: &str) -> String {
        let id = format!("key-of-{name}");
        let created_at = self.first_made;
        self.keys.push(ServiceKey {
            id: id.clone(),
            name: name.to_owned(),
            value: value.to_owned(),
            created_at,
            early_refusals: 0,
        });
        id
    }

    pub(super) fn act(&mut self, method: &Method, uri: &Uri, headers: &HeaderMap, body: &Value) -> (u16, Value) {
        let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let bearer = bearer.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
        let administers = bearer == self.administrator;
        let is_key = self.accepts(bearer);
        if let Some(key) = self.keys.iter_mut().find(|key| key.value == bearer) {
            key.early_refusals = key.early_refusals.saturating_sub(1);
        }
        let is_value = bearer == self.value || bearer == format!("token-of-{}", self.value);
        if uri.path() == "/token" {
            return self.token(headers);
        }
        if !(administers || is_key || is_value) {
            return (401, json!({"error": "unknown key"}));
        }
        let owns_keys = is_key || administers;
        match (method.as_str(), uri.path()) {
            ("GET", "/me") => {
                let id = self.keys.iter().find(|key| key.value == bearer).map(|key| &key.id);
                (200, json!({"you": "are known", "id": id}))
            }
            ("GET", "/keys") if owns_keys => (200, self.list(uri.query().unwrap_or_default())),
            ("POST", "/keys") if owns_keys => self.mint(body["name"].as_str().unwrap_or_default()),
            ("DELETE", path) if owns_keys && path.starts_with("/keys/") => self.delete(&path["/keys/".len()..]),
            ("PUT", "/value") if is_value || administers => match body["value"].as_str() {
                Some(value) => {
                    self.value = value.to_owned();
                    (204, Value::Null)
                }
                None => (400, json!({"error": "no value"})),
            },
            ("POST", "/roll") if is_value || administers => {
                self.rolled += 1;
                self.value = format!("slot-value-{}-rolled", self.rolled);
                (200, json!({"value": self.value}))
            }
            ("GET" | "POST" | "PUT" | "DELETE", "/me" | "/keys" | "/value" | "/roll") => {
                (403, json!({"error": "not yours"}))
            }
            _ => (404, json!({"error": "no such thing"})),
        }
    }

    fn list(&self, query: &str) -> Value {
        let page = query.split('&').find_map(|pair| pair.strip_prefix("page=")?.parse().ok()).unwrap_or(1);
        let keys = self.keys.iter().skip((page - 1) * self.page_size).take(self.page_size);
        let keys: Vec<_> = keys.map(listed).collect();
        json!({ "keys": keys })
    }

    fn mint(&mut self, name: &str) -> (u16, Value) {
        if self.keys.iter().any(|key| key.name == name) {
            return (409, json!({"error": "there is a key of that name"}));
        }
        if self.keys.len() >= self.limit {
            return (422, json!({"code": "limit"}));
        }
        self.made += 1;
        let key = ServiceKey {
            id: format!("key-{}", self.made),
            name: name.to_owned(),
            value: format!("key-value-{}-minted", self.made),
            created_at: self.first_made + self.made,
            early_refusals: self.early_refusals,
        };
        let answer = json!({"id": key.id, "key": key.value, "expires_at": self.expires_at});
        self.keys.push(key);
        (201, answer)
    }

    fn delete(&mut self, id: &str) -> (u16, Value) {
        let before = self.keys.len();
        self.keys.retain(|key| key.id != id);
        if self.keys.len() == before { (404, json!({"error": "no such key"})) } else { (204, Value::Null) }
    }

    /// Returns a token for the value, as the secret of the client `app`.
    fn token(&self, headers: &HeaderMap) -> (u16, Value) {
        let basic = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Basic "));
        let client = basic.and_then(|basic| String::from_utf8(STANDARD.decode(basic).ok()?).ok()).unwrap_or_default();
        // RFC 6749 encodes both as in a form before.
        if percent_decode_str(&client).decode_utf8_lossy() == format!("app:{}", self.value) {
            let token = format!("token-of-{}", self.value);
            (200, json!({"access_token": token, "token_type": "bearer", "expires_in": 3600}))
        } else {
            (401, json!({"error": "invalid_client"}))
        }
    }
}

fn listed(key: &ServiceKey) -> Value {
    json!({"id": key.id, "name": key.name, "created_at": key.created_at, "alive": true})
}
