pub(crate) mod auth;
mod check;
pub(crate) mod request;
pub(crate) mod source;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Deserializer};

use crate::provider::auth::Auth;
use crate::provider::request::RequestSection;

/// A provider file: how to make, list, try and revoke the keys of one service.
///
/// It is TOML. Each text in `query`, `headers`, `form`, `json` and `path` is a template of
/// [minijinja](https://docs.rs/minijinja), in which a value that is not there is an error. What may stand there:
///
/// | variable | is | in |
/// | --- | --- | --- |
/// | `secret.NAME` | a field of the secret that `parameters` or `secrets` declares | everywhere |
/// | `key` | the key that a request is made with | `auth`; headers and body of `test` |
/// | `key_id` | the id of that key, where `secret.id` names its field | everywhere but `admin.auth`, `disable` and `revoke` |
/// | `new_key` | the value to be stored at the service | `set` |
/// | `name` | the name of the new key, which tells whose it is | `create` |
/// | `idempotency_key` | a text that stays the same when the very same request is sent again | `create`, `roll` |
/// | `expires.date`, `.time`, `.unix`, `.seconds` | the end of `lifetime`, in four spellings | `create`, `roll` |
/// | `id` | the id of the key to revoke | `disable`, `revoke` |
/// | `found` | the JSON that `read` was answered with | `set` |
/// | `admin.NAME` | a field of the secret that `masterarn` names | `admin.auth`; all requests but `test`, where it makes them |
/// | `env.NAME` | a variable of the function | `base_url`, `token_url` |
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ProviderFile {
    /// The name of the service, for messages.
    pub service: String,
    /// Where the service documents these requests, and when that was read.
    #[serde(default)]
    pub documentation: Vec<String>,
    /// Who makes the value, and what becomes of the old one.
    pub kind: Kind,
    /// Where the service is: scheme, host, and the beginning of every path. May have `{{ env.NAME }}` in it.
    pub base_url: String,
    /// Records that the author accepts that a rolled key can be lost.
    #[serde(default)]
    pub loss_possible: bool,
    /// Whether the service may be at a private address, such as one in a VPC.
    #[serde(default)]
    pub private_addresses: bool,
    /// How long one request may take, such as `15s`.
    #[serde(default = "default_timeout", deserialize_with = "duration")]
    #[cfg_attr(test, schemars(with = "String"))]
    pub timeout: Duration,
    /// How long the service may go on refusing a key that it just made, such as `30s`.
    #[serde(default = "default_activation", deserialize_with = "duration")]
    #[cfg_attr(test, schemars(with = "String"))]
    pub activation: Duration,
    /// How long a new key lives at the longest, such as `90d`: what a request asks for by `expires`, or what the service
    /// sets by itself. It has to be longer than the secret's schedule lets pass; the tag `fourstep:lifetime` may shorten it.
    #[serde(default, deserialize_with = "some_duration")]
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub lifetime: Option<Duration>,
    /// Characters that a pushed value must not have, unless `EXCLUDE_CHARACTERS` says otherwise.
    #[serde(default)]
    pub exclude_characters: String,
    /// Which fields of the secret are used.
    pub secret: SecretSection,
    /// How a request is made with the key.
    pub auth: Auth,
    /// How all requests but `test` are made, where the secret names an administrator's secret in `masterarn`.
    #[serde(default)]
    pub admin: Option<AdminSection>,
    /// Creates a key.
    #[serde(default)]
    pub create: Option<RequestSection>,
    /// Lists the keys.
    #[serde(default)]
    pub list: Option<RequestSection>,
    /// Is made before `revoke`, for a service that deletes only keys that were disabled. Where `revoke` fails, both are made again;
    /// so `revoke` follows also where the service refuses to disable what is disabled.
    #[serde(default)]
    pub disable: Option<RequestSection>,
    /// Deletes a key.
    #[serde(default)]
    pub revoke: Option<RequestSection>,
    /// Reads what `set` has to repeat.
    #[serde(default)]
    pub read: Option<RequestSection>,
    /// Stores a value that Fourstep made.
    #[serde(default)]
    pub set: Option<RequestSection>,
    /// Replaces the value. The old one stops working at once.
    #[serde(default)]
    pub roll: Option<RequestSection>,
    /// Tries a key, without changing anything.
    pub test: RequestSection,
}

/// Who makes the value, and what becomes of the old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The service makes it, and the old one works until it is revoked.
    Minted,
    /// Fourstep makes it, and it replaces the old one.
    Pushed,
    /// The service makes it, and the old one dies in that moment.
    Rolled,
}

/// Which fields of the secret are used. All others are carried over unread.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SecretSection {
    /// The field that holds the key.
    pub value: String,
    /// The field that holds the id by which the service knows the key. Minted keys need it.
    #[serde(default)]
    pub id: Option<String>,
    /// Further fields that templates use, and that are not secret.
    #[serde(default)]
    pub parameters: Vec<String>,
    /// Further fields that templates use, and that are secret.
    #[serde(default)]
    pub secrets: Vec<String>,
}

/// The administrator, whose secret is named by the field `masterarn`.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AdminSection {
    /// How requests are made as the administrator.
    pub auth: Auth,
    /// Fields of the administrator's secret that are not secret.
    #[serde(default)]
    pub parameters: Vec<String>,
    /// Fields of the administrator's secret that are secret.
    #[serde(default)]
    pub secrets: Vec<String>,
    /// Fields of the rotated secret that are the key's own wherever `test` succeeds, such as the name of the user that
    /// logs in. The administrator acts on no other value of theirs, and on other fields only as `API_ADMIN_PARAMETERS` allows.
    #[serde(default)]
    pub test_proves: Vec<String>,
}

impl ProviderFile {
    /// Returns the requests that the file has, by name.
    pub(crate) fn requests(&self) -> impl Iterator<Item = (&'static str, &RequestSection)> {
        let optional = [
            ("create", &self.create),
            ("list", &self.list),
            ("disable", &self.disable),
            ("revoke", &self.revoke),
            ("read", &self.read),
            ("set", &self.set),
            ("roll", &self.roll),
        ];
        let present = optional.into_iter().filter_map(|(name, request)| Some((name, request.as_ref()?)));
        present.chain([("test", &self.test)])
    }

    /// Returns how long a key of this lifetime lives with certainty: one that ends on a day ends when that day begins.
    #[must_use]
    pub fn certain(&self, lifetime: Duration) -> Duration {
        let by_date = self.requests().any(|(_, request)| request.sent_variables().contains("expires.date"));
        if by_date { lifetime.saturating_sub(DAY) } else { lifetime }
    }

    /// Returns the fields of the secret that say what the administrator acts on: those that its requests use.
    pub(crate) fn administered(&self) -> BTreeSet<&str> {
        let changing = self.requests().filter(|(name, _)| *name != "test");
        let used: BTreeSet<_> = changing.flat_map(|(_, request)| request.variables()).collect();
        let fields = self.secret.parameters.iter().chain(&self.secret.secrets).map(String::as_str);
        let id = self.secret.id.as_deref().filter(|_| used.contains(KEY_ID));
        fields.filter(|field| uses(&used, field)).chain(id).collect()
    }
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The variable of the key's id.
pub(crate) const KEY_ID: &str = "key_id";

/// Returns whether a template asks for a field of the secret, or for a part of it.
pub(crate) fn uses(variables: &BTreeSet<String>, field: &str) -> bool {
    let part = |name: &str| {
        name.strip_prefix("secret.")?.strip_prefix(field).map(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    // `secret` as a whole gives any of them.
    variables.iter().any(|name| name == "secret" || part(name) == Some(true))
}

fn default_timeout() -> Duration {
    Duration::from_secs(15)
}

fn default_activation() -> Duration {
    Duration::from_secs(30)
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    humantime::parse_duration(&text).map_err(|_| serde::de::Error::custom("expected a duration such as `15s` or `90d`"))
}

fn some_duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    duration(deserializer).map(Some)
}
