use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fourstep::Sensitive;
use minijinja::Value;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use url::Url;
use url::form_urlencoded::Serializer;
use zeroize::Zeroizing;

use crate::place::Place;
use crate::provider::auth::Auth;
use crate::provider::request::{ExpectedAnswer, Method, RequestSection};
use crate::session::{Outgoing, Repeat};
use crate::template::{self, Fault};

/// Why a request cannot be sent, and in which of its fields the fault is.
#[derive(Debug)]
pub(crate) struct Unfit {
    pub(crate) field: String,
    pub(crate) message: String,
}

/// What templates are filled in with.
#[derive(Clone, Default)]
pub(crate) struct Scope(BTreeMap<&'static str, Value>);

/// How a request proves who makes it: what `auth` comes to.
#[derive(Clone)]
pub(crate) enum Credential {
    /// The request shows it by itself.
    None,
    Headers(HeaderMap),
    Query(String, Sensitive),
}

impl Scope {
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.0.insert(name, value.into());
        self
    }

    pub(crate) fn value(&self) -> Value {
        Value::from_pairs(self.0.iter().map(|(name, value)| (*name, value.clone())))
    }
}

impl RequestSection {
    /// Returns a request that expects any 2xx.
    pub(crate) fn of(method: Method) -> Self {
        Self {
            method,
            path: "/".to_owned(),
            query: BTreeMap::new(),
            headers: BTreeMap::new(),
            json: None,
            form: None,
            expect: Vec::new(),
            answers: Vec::new(),
            answer: Default::default(),
            pages: None,
        }
    }

    /// Returns whether the request itself tells the service that it came before.
    pub(crate) fn is_idempotent(&self) -> bool {
        self.sent_variables().contains("idempotency_key")
    }

    /// Returns the variables that its templates ask for, as `secret.user`.
    pub(crate) fn variables(&self) -> BTreeSet<String> {
        let mut texts = Vec::new();
        self.answers.iter().flat_map(|line| &line.equals).for_each(|value| texts_of(value, &mut texts));
        variables(texts).into_iter().chain(self.sent_variables()).collect()
    }

    /// Returns those that the service gets to see: not what only lines of `answers` compare with.
    pub(crate) fn sent_variables(&self) -> BTreeSet<String> {
        let mut texts = vec![(self.path.as_str(), Place::Path)];
        texts.extend(self.query.values().map(|text| (text.as_str(), Place::Query)));
        texts.extend(self.headers.values().map(|text| (text.as_str(), Place::Header)));
        texts.extend(self.form.iter().flat_map(BTreeMap::values).map(|text| (text.as_str(), Place::Form)));
        self.json.iter().for_each(|json| texts_of(json, &mut texts));
        variables(texts)
    }
}

impl Auth {
    /// Returns the variables that its templates ask for, as `secret.user`.
    pub(crate) fn variables(&self) -> BTreeSet<String> {
        let texts: Vec<_> = match self {
            Self::None => vec![],
            Self::Bearer(text) => vec![text],
            Self::Headers(headers) => headers.values().collect(),
            Self::Header(named) | Self::Query(named) => vec![&named.value],
            Self::Basic(basic) => vec![&basic.username, &basic.password],
            Self::OAuth2(oauth2) => {
                [&oauth2.client_id, &oauth2.client_secret].into_iter().chain(oauth2.parameters.values()).collect()
            }
        };
        variables(texts.into_iter().map(|text| (text.as_str(), Place::Credential)))
    }
}

fn variables<'a>(texts: impl IntoIterator<Item = (&'a str, Place)>) -> BTreeSet<String> {
    // What cannot be read was refused with the file.
    texts.into_iter().flat_map(|(text, place)| template::variables(text, place).unwrap_or_default()).collect()
}

fn texts_of<'a>(json: &'a serde_json::Value, texts: &mut Vec<(&'a str, Place)>) {
    match json {
        serde_json::Value::String(text) => texts.push((text, Place::Json)),
        serde_json::Value::Array(items) => items.iter().for_each(|item| texts_of(item, texts)),
        serde_json::Value::Object(fields) => fields.values().for_each(|value| texts_of(value, texts)),
        _ => {}
    }
}

/// Fills a request in. Whatever the values are, it goes to the host of `base`, below its path.
pub(crate) fn build(
    base: &Url,
    request: &RequestSection,
    credential: Option<&Credential>,
    scope: &Scope,
) -> Result<Outgoing, Unfit> {
    let values = scope.value();
    let fill = |field: &str, source: &str, place| {
        template::render(source, place, &values).map_err(|Fault(message)| Unfit { field: field.to_owned(), message })
    };
    let path = fill("path", &request.path, Place::Path)?;
    let mut url = below(base, path.expose())?;
    {
        let mut query = url.query_pairs_mut();
        for (name, value) in &request.query {
            query.append_pair(name, fill(&format!("query.{name}"), value, Place::Query)?.expose());
        }
        if let Some(Credential::Query(name, value)) = credential {
            query.append_pair(name, value.expose());
        }
    }
    if url.query() == Some("") {
        url.set_query(None);
    }
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    for (name, value) in &request.headers {
        let field = format!("headers.{name}");
        let value = fill(&field, value, Place::Header)?;
        let (name, value) = header(&field, name, value.expose())?;
        headers.insert(name, value);
    }
    if let Some(Credential::Headers(own)) = credential {
        own.iter().for_each(|(name, value)| drop(headers.insert(name, value.clone())));
    }
    let body = if let Some(json) = &request.json {
        let json = template::render_json(json, &values)
            .map_err(|Fault(message)| Unfit { field: "json".to_owned(), message })?;
        headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
        Some(Zeroizing::new(json.to_string().into_bytes()))
    } else if let Some(form) = &request.form {
        let mut body = Serializer::new(String::new());
        for (name, value) in form {
            body.append_pair(name, fill(&format!("form.{name}"), value, Place::Form)?.expose());
        }
        headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/x-www-form-urlencoded"));
        Some(Zeroizing::new(body.finish().into_bytes()))
    } else {
        None
    };
    let repeat = if request.is_idempotent() { Repeat::Always } else { Repeat::IfNotDone };
    Ok(Outgoing { method: request.method, url, headers, body, repeat })
}

/// Joins a path, in which all values are encoded, to the base.
fn below(base: &Url, path: &str) -> Result<Url, Unfit> {
    let full = format!("{}{path}", base.path().trim_end_matches('/'));
    let mut url = base.clone();
    url.set_path(&full);
    // `url` resolves dot segments, which a template may make of parts that are none by themselves.
    if url.path() != full || url.origin() != base.origin() {
        let message = "the path would lead somewhere else than it says".to_owned();
        return Err(Unfit { field: "path".to_owned(), message });
    }
    Ok(url)
}

/// Fills `auth` in, for all but OAuth 2.0, whose token has to be asked for.
pub(crate) fn credential(auth: &Auth, scope: &Scope) -> Result<Option<Credential>, Unfit> {
    let values = scope.value();
    let fill = |field: &str, source: &str, place| {
        template::render(source, place, &values)
            .map_err(|Fault(message)| Unfit { field: format!("auth.{field}"), message })
    };
    Ok(Some(match auth {
        Auth::Bearer(token) => bearer(&fill("bearer", token, Place::Header)?)?,
        Auth::Header(named) => {
            let value = fill("header.value", &named.value, Place::Header)?;
            Credential::header("auth.header", &named.name, value.expose())?
        }
        Auth::Headers(named) => {
            let mut headers = HeaderMap::new();
            for (name, value) in named {
                let field = format!("headers.{name}");
                let (name, value) =
                    header(&format!("auth.{field}"), name, fill(&field, value, Place::Header)?.expose())?;
                headers.insert(name, value);
            }
            Credential::Headers(headers)
        }
        Auth::None => Credential::None,
        Auth::Basic(basic) => {
            let username = fill("basic.username", &basic.username, Place::Credential)?;
            let password = fill("basic.password", &basic.password, Place::Credential)?;
            if username.expose().contains(':') {
                let message = "a user name with a colon cannot be sent: the password would begin there".to_owned();
                return Err(Unfit { field: "auth.basic.username".to_owned(), message });
            }
            let both = Zeroizing::new(format!("{}:{}", username.expose(), password.expose()));
            let text = Zeroizing::new(format!("Basic {}", STANDARD.encode(both.as_bytes())));
            Credential::header("auth.basic", AUTHORIZATION.as_str(), &text)?
        }
        Auth::Query(named) => Credential::Query(named.name.clone(), fill("query.value", &named.value, Place::Query)?),
        Auth::OAuth2(_) => return Ok(None),
    }))
}

/// Creates the header of a token.
pub(crate) fn bearer(token: &Sensitive) -> Result<Credential, Unfit> {
    let text = Zeroizing::new(format!("Bearer {}", token.expose()));
    Credential::header("auth.bearer", AUTHORIZATION.as_str(), &text)
}

impl Credential {
    fn header(field: &str, name: &str, value: &str) -> Result<Self, Unfit> {
        Ok(Self::Headers(HeaderMap::from_iter([header(field, name, value)?])))
    }
}

/// Fills in what the lines of `answers` compare with. `None`: there is nothing to fill in.
pub(crate) fn expecting(request: &RequestSection, scope: &Scope) -> Result<Option<RequestSection>, Unfit> {
    let is_template =
        |line: &ExpectedAnswer| line.equals.as_ref().is_some_and(|value| value.to_string().contains("{{"));
    if !request.answers.iter().any(is_template) {
        return Ok(None);
    }
    let values = scope.value();
    let mut filled = request.clone();
    for value in filled.answers.iter_mut().filter_map(|line| line.equals.as_mut()) {
        *value = template::render_json(value, &values)
            .map_err(|Fault(message)| Unfit { field: "answers.equals".to_owned(), message })?;
    }
    Ok(Some(filled))
}

fn header(field: &str, name: &str, value: &str) -> Result<(HeaderName, HeaderValue), Unfit> {
    let unfit = |message: &str| Unfit { field: field.to_owned(), message: message.to_owned() };
    let name = name.parse().map_err(|_| unfit("that is no name of a header"))?;
    let mut value: HeaderValue = value.parse().map_err(|_| unfit("the value cannot stand in a header"))?;
    // It is left out of what the HTTP library prints.
    value.set_sensitive(true);
    Ok((name, value))
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn base() -> Url {
        Url::parse("https://api.example.com/v1").unwrap()
    }

    fn section(text: &str) -> RequestSection {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn each_value_stays_in_its_place() {
        let request = section(
            "method = \"POST\"\npath = \"/users/{{ user }}/keys\"\nquery = { q = \"is {{ user }}\" }\n\
             headers = { X-User = \"u {{ plain }}\" }\nform = { note = \"{{ user }}\", b = \"1\" }",
        );
        let scope = Scope::default().with("user", "a/b&c=d e").with("plain", "x");
        let outgoing = build(&base(), &request, None, &scope).unwrap();
        assert_eq!(
            outgoing.url.as_str(),
            "https://api.example.com/v1/users/a%2Fb%26c%3Dd%20e/keys?q=is+a%2Fb%26c%3Dd+e"
        );
        assert_eq!(outgoing.headers["x-user"].to_str().unwrap(), "u x");
        assert_eq!(outgoing.body.unwrap().as_slice(), b"b=1&note=a%2Fb%26c%3Dd+e");
    }

    #[test]
    fn a_value_that_would_break_out_is_refused_by_the_name_of_its_field() {
        let request = section("method = \"GET\"\npath = \"/x/.{{ user }}\"\nheaders = { X-User = \"{{ user }}\" }");
        let unfit = |user: &str| build(&base(), &request, None, &Scope::default().with("user", user)).err().unwrap();
        assert_eq!(unfit("a\r\nX-Admin: 1").field, "headers.X-User");
        assert_eq!(unfit(".").field, "path");
        assert_eq!(unfit("..").field, "path");
        assert_eq!(
            unfit("").message,
            "a value of the template is empty, `.` or `..`, which cannot be a part of a path"
        );
    }

    #[test]
    fn basic_authentication_takes_any_password_and_no_colon_in_the_name() {
        let auth: Auth = serde_json::from_str(r#"{"basic":{"username":"{{ user }}","password":"{{ key }}"}}"#).unwrap();
        let scope = Scope::default().with("user", "a").with("key", "p\"\u{e4}:\n");
        let Some(Credential::Headers(headers)) = credential(&auth, &scope).unwrap() else { panic!() };
        assert_eq!(headers[AUTHORIZATION].to_str().unwrap(), format!("Basic {}", STANDARD.encode("a:p\"\u{e4}:\n")));
        credential(&auth, &scope.with("user", "a:b")).err().unwrap();
    }

    proptest! {
        /// Whatever a secret holds, the request goes to the host that the configuration names, below its path.
        #[test]
        fn no_value_changes_the_host(user in "\\PC{0,40}", other in "[./\\\\:@?#%a-z0-9]{0,40}") {
            let request = section(
                "method = \"GET\"\npath = \"/u/{{ user }}/{{ other }}/x{{ other }}{{ user }}\"\nquery = { a = \"{{ other }}\" }",
            );
            let scope = Scope::default().with("user", user).with("other", other);
            if let Ok(outgoing) = build(&base(), &request, None, &scope) {
                prop_assert_eq!(outgoing.url.origin(), base().origin());
                prop_assert!(outgoing.url.path().starts_with("/v1/u/"));
                prop_assert_eq!(outgoing.url.path_segments().unwrap().count(), 5);
                prop_assert!(outgoing.url.username().is_empty() && outgoing.url.fragment().is_none());
            }
        }
    }
}
