use std::collections::BTreeMap;

use serde::Deserialize;

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
    /// Statuses that mean success. If there are none, every 2xx does.
    #[serde(default)]
    pub expect: Vec<u16>,
    /// Answers that mean something other than their status says.
    #[serde(default)]
    pub answers: Vec<ExpectedAnswer>,
    /// Where to find things in the JSON of the answer.
    #[serde(default)]
    pub answer: AnswerSection,
    /// How a list continues.
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

/// An answer that means something other than its status says. A page of HTML never is one: it is a proxy's, or a firewall's.
/// The first line that holds counts.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ExpectedAnswer {
    /// The status.
    pub status: u16,
    /// Where in the JSON a value has to be for this line to hold.
    #[serde(default)]
    pub pointer: Option<String>,
    /// The value that has to be there. A text may be a template, with the variables of the request; a number is as good as
    /// its text.
    #[serde(default)]
    pub equals: Option<serde_json::Value>,
    /// Whether anything has to be there, or nothing may be: null is nothing. In place of `equals`.
    #[serde(default)]
    pub present: Option<bool>,
    /// What it means.
    pub means: Means,
    /// Of which kind the answer is, for a line without a pointer.
    #[serde(default)]
    pub body: Body,
    /// What whoever reads the error is to do. It is for lines that mean an error.
    #[serde(default)]
    pub text: Option<String>,
}

/// The kind of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Body {
    /// JSON, as a service's own answers are.
    #[default]
    Json,
    /// Any but a page of HTML: for a service that answers with plain text, or with nothing.
    Any,
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
    /// The request is wrong: the file or the secret has to be corrected.
    Invalid,
    /// There may be no more keys.
    LimitReached,
    /// Not now.
    Later,
}

/// Where to find things in the JSON of an answer: JSON Pointers (RFC 6901). The empty one is the whole answer.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AnswerSection {
    /// The new key. In `create` and `roll`.
    #[serde(default)]
    pub value: Option<String>,
    /// The key's id. In `create` and `roll`, and within each item of a list. In `test`, the id of the key that is tried: an
    /// administrator deletes an old key only if its name is Fourstep's, or if it says that id itself.
    #[serde(default)]
    pub id: Option<String>,
    /// When the key ends: RFC 3339, a date, or seconds or milliseconds since 1970. In `create` and `roll`.
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
    /// When the key was made, within each item of a list that shows no names: RFC 3339, a date, or seconds or milliseconds
    /// since 1970. The log then names the keys that a lost answer may have left. In `list`.
    #[serde(default)]
    pub created: Option<String>,
    /// What an item must have to count, such as `{ "/revoked" = false }`. In `list`.
    #[serde(default, rename = "where")]
    pub matching: BTreeMap<String, serde_json::Value>,
}

impl AnswerSection {
    /// Returns whether a list shows which keys a lost answer may have left.
    pub(crate) fn tells_keys_apart(&self) -> bool {
        self.name.is_some() || self.created.is_some()
    }
}

/// How a list continues: by the number of a page, by a cursor, or by the header `Link`.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PagesSection {
    /// The query's parameter that gives the number of the page, or the cursor.
    #[serde(default)]
    pub parameter: Option<String>,
    /// The number of the first page.
    #[serde(default = "one")]
    pub first: usize,
    /// Whether the header `Link` of each answer names the next page, by `rel="next"` (RFC 8288). Only its query is taken over.
    #[serde(default)]
    pub link: bool,
    /// Where in the answer the next cursor is. Without it, pages are numbered.
    #[serde(default)]
    pub cursor: Option<String>,
    /// How many keys a full page has: a shorter one is the last. Without it, an empty one is.
    #[serde(default)]
    pub size: Option<usize>,
}

fn one() -> usize {
    1
}
