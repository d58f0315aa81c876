mod check;
mod source;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use fourstep::{Error, Result};
use serde::{Deserialize, Deserializer};

pub(crate) use source::Source;

/// A provider file: how to make, list, try and revoke the keys of one service.
///
/// It is TOML. Each text in `query`, `headers`, `form`, `json` and `path` is a template of
/// [minijinja](https://docs.rs/minijinja), in which a value that is not there is an error. What may stand there:
///
/// | variable | is | in |
/// | --- | --- | --- |
/// | `secret.NAME` | a field of the secret that `parameters` or `secrets` declares | everywhere |
/// | `key` | the key that a request is made with | `auth` |
/// | `new_key` | the value to be stored at the service | `set` |
/// | `name` | the name of the new key, which tells whose it is | `create` |
/// | `idempotency_key` | a text that stays the same when the very same request is sent again | `create`, `roll` |
/// | `expires.date`, `.time`, `.unix`, `.seconds` | the end of `lifetime`, in four spellings | `create`, `roll` |
/// | `id` | the id of the key to revoke | `revoke` |
/// | `found` | the JSON that `read` was answered with | `set` |
/// | `admin.NAME` | a field of the secret that `masterarn` names | `admin.auth` |
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
    /// Says that whoever wrote this knows that a rolled key can be lost.
    #[serde(default)]
    pub loss_possible: bool,
    /// Whether the service may be at a private address, as one in a VPC is.
    #[serde(default)]
    pub private_addresses: bool,
    /// How long one request may take, as `15s`.
    #[serde(default = "default_timeout", deserialize_with = "duration")]
    #[cfg_attr(test, schemars(with = "String"))]
    pub timeout: Duration,
    /// How long the service may go on refusing a key that it just made, as `30s`.
    #[serde(default = "default_activation", deserialize_with = "duration")]
    #[cfg_attr(test, schemars(with = "String"))]
    pub activation: Duration,
    /// How long a new key is to live, as `90d`, where a request asks for `expires`.
    #[serde(default, deserialize_with = "some_duration")]
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub lifetime: Option<Duration>,
    /// Characters that a pushed value does not have, unless `EXCLUDE_CHARACTERS` says otherwise.
    #[serde(default)]
    pub exclude_characters: String,
    /// Which fields of the secret are used.
    pub secret: SecretSection,
    /// How a request is made with the key.
    pub auth: Auth,
    /// How all requests but `test` are made, where the secret names an administrator's secret in `masterarn`.
    #[serde(default)]
    pub admin: Option<AdminSection>,
    /// Makes a key.
    #[serde(default)]
    pub create: Option<RequestSection>,
    /// Lists the keys.
    #[serde(default)]
    pub list: Option<RequestSection>,
    /// Deletes a key.
    #[serde(default)]
    pub revoke: Option<RequestSection>,
    /// Reads what `set` has to repeat.
    #[serde(default)]
    pub read: Option<RequestSection>,
    /// Stores a value of ours.
    #[serde(default)]
    pub set: Option<RequestSection>,
    /// Replaces the value, and kills the old one.
    #[serde(default)]
    pub roll: Option<RequestSection>,
    /// Tries a key, and changes nothing.
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
    /// Further fields that templates use, and that are no secrets.
    #[serde(default)]
    pub parameters: Vec<String>,
    /// Further fields that templates use, and that are secrets.
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
    /// Fields of the administrator's secret that are no secrets.
    #[serde(default)]
    pub parameters: Vec<String>,
    /// Fields of the administrator's secret that are secrets.
    #[serde(default)]
    pub secrets: Vec<String>,
}

/// How a request proves who makes it.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Auth {
    /// `Authorization: Bearer …`.
    Bearer(String),
    /// A header of one's own.
    Header(Named),
    /// `Authorization: Basic …`.
    Basic(BasicAuth),
    /// A parameter in the query. Logs of the service may keep it: prefer a header.
    Query(Named),
    /// A token that the key, as a client's secret, is exchanged for.
    #[serde(rename = "oauth2")]
    OAuth2(OAuth2),
}

/// A name, and the template of its value.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// The name of the header or parameter.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// A user's name and password, as templates.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BasicAuth {
    /// The user's name.
    pub username: String,
    /// The password.
    pub password: String,
}

/// OAuth 2.0 client credentials (RFC 6749, section 4.4).
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct OAuth2 {
    /// Where tokens are given. May have `{{ env.NAME }}` in it.
    pub token_url: String,
    /// The client's id.
    pub client_id: String,
    /// The client's secret.
    pub client_secret: String,
    /// What the token is to be good for.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Further parameters, as `audience`.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
    /// Where the client's id and secret stand.
    #[serde(default)]
    pub send: SendClient,
}

/// Where the client's id and secret stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum SendClient {
    /// In the header `Authorization`, as the standard prefers.
    #[default]
    Header,
    /// In the body.
    Body,
}

/// One request, and how its answer is read.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RequestSection {
    /// The method.
    pub method: Method,
    /// What follows the path of `base_url`. A value in it is one segment, or a part of one.
    pub path: String,
    /// The query.
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    /// Headers beside that of `auth`.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// A body of JSON. A text that is nothing but `{{ … }}` becomes the value itself, be it a list or a number.
    #[serde(default)]
    pub json: Option<serde_json::Value>,
    /// A body of form fields.
    #[serde(default)]
    pub form: Option<BTreeMap<String, String>>,
    /// Statuses that mean success. Without it, every 2xx does.
    #[serde(default)]
    pub expect: Vec<u16>,
    /// Answers that mean something else than their status says.
    #[serde(default)]
    pub answers: Vec<ExpectedAnswer>,
    /// Where in the JSON of the answer things are.
    #[serde(default)]
    pub answer: AnswerSection,
    /// How a list goes on.
    #[serde(default)]
    pub pages: Option<PagesSection>,
}

/// The method of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// GET.
    Get,
    /// POST.
    Post,
    /// PUT.
    Put,
    /// PATCH.
    Patch,
    /// DELETE.
    Delete,
}

/// An answer that means something else than its status says.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ExpectedAnswer {
    /// The status.
    pub status: u16,
    /// Where in the JSON a value has to be for this line to hold.
    #[serde(default)]
    pub pointer: Option<String>,
    /// The value that has to be there.
    #[serde(default)]
    pub equals: Option<serde_json::Value>,
    /// What it means.
    pub means: Means,
}

/// What an answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Means {
    /// It was done.
    Success,
    /// The service refused the key.
    Rejected,
    /// The key works, but may not do this.
    Forbidden,
    /// There may be no more keys.
    LimitReached,
    /// Not now.
    Later,
}

/// Where in the JSON of an answer things are: JSON Pointers (RFC 6901). The empty one is the whole answer.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AnswerSection {
    /// The new key. In `create` and `roll`.
    #[serde(default)]
    pub value: Option<String>,
    /// The key's id. In `create` and `roll`, and within each item of a list.
    #[serde(default)]
    pub id: Option<String>,
    /// When the key ends: RFC 3339, a date, or seconds since 1970. In `create` and `roll`.
    #[serde(default)]
    pub expires: Option<String>,
    /// What else is stored in the secret: its field, and where it is in the answer. In `create` and `roll`.
    #[serde(default)]
    pub save: BTreeMap<String, String>,
    /// The list of keys. In `list`.
    #[serde(default)]
    pub keys: Option<String>,
    /// The key's name, within each item of a list. Without it, only keys that a version names are ever deleted.
    #[serde(default)]
    pub name: Option<String>,
    /// When the key was made, within each item of a list that shows no names: RFC 3339, a date, or seconds since 1970.
    /// The log then names the keys that a lost answer may have left. In `list`.
    #[serde(default)]
    pub created: Option<String>,
    /// What an item has to have to count, as `{ "/revoked" = false }`. In `list`.
    #[serde(default, rename = "where")]
    pub matching: BTreeMap<String, serde_json::Value>,
}

/// How a list goes on: by the number of a page, or by a cursor.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PagesSection {
    /// The query's parameter that gives the page, from 1, or the cursor.
    pub parameter: String,
    /// Where in the answer the next cursor is. Without it, pages are numbered.
    #[serde(default)]
    pub cursor: Option<String>,
    /// How many keys a full page has: a shorter one is the last. Without it, an empty one is.
    #[serde(default)]
    pub size: Option<usize>,
}

impl ProviderFile {
    /// Reads a provider file and checks all that can be checked without the service.
    ///
    /// # Errors
    ///
    /// `Invalid`, naming the file, the request, the field and the fix.
    pub fn read(path: &Path) -> Result<Self> {
        let shown = path.display();
        let text = std::fs::read_to_string(path).map_err(|error| {
            Error::invalid(format!("the provider file {shown} cannot be read: {}", error.kind()))
                .next("Correct its path; a path that is not absolute begins in the function's folder")
        })?;
        Self::parse(&shown.to_string(), &text)
    }

    /// Reads a provider file's text, as [`read`](Self::read) does. `file` is its name for messages.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn parse(file: &str, text: &str) -> Result<Self> {
        let invalid = |place: &str, message: &str| {
            Error::invalid(format!("provider file {file}{place}: {message}"))
                .next("Correct the file; `fourstep provider check` shows what it would send")
        };
        let line = |error: &toml::de::Error| {
            let line = error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            line.map_or_else(String::new, |line| format!(", line {line}"))
        };
        let toml = toml::Deserializer::parse(text).map_err(|error| invalid(&line(&error), error.message()))?;
        let provider: Self = serde_path_to_error::deserialize(toml).map_err(|error| {
            let path = match error.path().to_string() {
                path if path == "." => String::new(),
                path => format!(", field `{path}`"),
            };
            invalid(&format!("{}{path}", line(error.inner())), error.inner().message())
        })?;
        check::check(&provider).map_err(|fault| invalid(&fault.place, &fault.message))?;
        Ok(provider)
    }

    /// Gives the requests that the file has, by name.
    pub(crate) fn requests(&self) -> impl Iterator<Item = (&'static str, &RequestSection)> {
        let optional = [
            ("create", &self.create),
            ("list", &self.list),
            ("revoke", &self.revoke),
            ("read", &self.read),
            ("set", &self.set),
            ("roll", &self.roll),
        ];
        let present = optional.into_iter().filter_map(|(name, request)| Some((name, request.as_ref()?)));
        present.chain([("test", &self.test)])
    }
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
