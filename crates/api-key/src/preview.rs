use std::collections::BTreeMap;

use fourstep::{Error, Result};
use minijinja::Value;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use serde::Serialize;
use url::Url;

use crate::meaning::{Meaning, meanings};
use crate::provider::ProviderFile;
use crate::provider::auth::Auth;
use crate::provider::request::RequestSection;
use crate::request::{Credential, Scope, Unfit, build, credential};

/// A request as it would be sent, with `***` in place of each secret, and the name of a parameter in place of its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Preview {
    /// The name of the request in the file.
    pub name: &'static str,
    /// The method.
    pub method: String,
    /// What follows `base_url`, with the query.
    pub path: String,
    /// The headers, but for those that every request has.
    pub headers: Vec<String>,
    /// The body, if there is one.
    pub body: Option<String>,
    /// What each answer would mean, if the secret's own key makes the request.
    pub answers: Vec<Meaning>,
}

const MASK: &str = "***";
const NAME: &str = "fourstep-0123456789ab-00000000-0000-4000-8000-000000000000-1800000000";

impl ProviderFile {
    /// Shows the requests that would be sent, in the order of a rotation.
    ///
    /// # Errors
    ///
    /// `Invalid` if one cannot be sent whatever the secret holds, naming the request and the field.
    pub fn previews(&self) -> Result<Vec<Preview>> {
        let order = ["list", "create", "read", "set", "roll", "test", "disable", "revoke"];
        let requests: BTreeMap<_, _> = self.requests().collect();
        order.into_iter().filter_map(|name| Some(self.preview(name, requests.get(name)?))).collect()
    }

    fn preview(&self, name: &'static str, request: &RequestSection) -> Result<Preview> {
        let scope = self.placeholders(request);
        let (auth, whose) = match &self.admin {
            Some(admin) if name != "test" => (&admin.auth, " (the administrator's, where the secret has `masterarn`)"),
            _ => (&self.auth, ""),
        };
        let base = Url::parse("https://base.invalid/").expect("it is a URL");
        // What no placeholder can show is told in words.
        let told = match auth {
            Auth::Basic(basic) => Some(format!("{AUTHORIZATION}: Basic of `{}` and {MASK}", basic.username)),
            Auth::OAuth2(oauth2) => {
                Some(format!("{AUTHORIZATION}: Bearer {MASK}, by client credentials from {}", oauth2.token_url))
            }
            _ => None,
        };
        let unfit = |Unfit { field, message }: Unfit| {
            Error::invalid(format!("request `{name}`, field `{field}`: {message}")).next("Correct the file")
        };
        let credential = credential(auth, &scope).map_err(unfit)?.filter(|_| told.is_none());
        let of_auth = match &credential {
            Some(Credential::Headers(headers)) => headers.keys().cloned().collect(),
            _ => Vec::new(),
        };
        let outgoing = build(&base, request, credential.as_ref(), &scope).map_err(unfit)?;
        let query = outgoing.url.query().map_or_else(String::new, |query| format!("?{query}"));
        let own = |name: &HeaderName| {
            !["accept", "content-type"].contains(&name.as_str())
                || request.headers.keys().any(|own| own.eq_ignore_ascii_case(name.as_str()))
        };
        let line = |(name, value): (&HeaderName, &HeaderValue)| {
            let whose = if of_auth.contains(name) { whose } else { "" };
            format!("{name}: {}{whose}", String::from_utf8_lossy(value.as_bytes()))
        };
        let mut headers: Vec<_> = outgoing.headers.iter().filter(|(name, _)| own(name)).map(line).collect();
        headers.extend(told.map(|told| told + whose));
        Ok(Preview {
            name,
            method: reqwest::Method::from(outgoing.method).to_string(),
            path: format!("{}{query}", outgoing.url.path()),
            headers,
            body: outgoing.body.map(|body| String::from_utf8_lossy(&body).into_owned()),
            answers: meanings(name, request),
        })
    }

    fn placeholders(&self, request: &RequestSection) -> Scope {
        let names = |parameters: &[String], secrets: &[String]| -> Value {
            let parameters = parameters.iter().map(|name| (name.clone(), Value::from(name.as_str())));
            Value::from_pairs(parameters.chain(secrets.iter().map(|name| (name.clone(), Value::from(MASK)))))
        };
        let admin = self.admin.as_ref().map(|admin| names(&admin.parameters, &admin.secrets));
        let expires = minijinja::context! { date => "2030-01-31", time => "2030-01-31T00:00:00Z", unix => 1_896_048_000, seconds => 7_776_000 };
        Scope::default()
            .with("secret", names(&self.secret.parameters, &self.secret.secrets))
            .with("admin", admin.unwrap_or_default())
            .with("key", MASK)
            .with("key_id", "key_id")
            .with("new_key", MASK)
            .with("name", NAME)
            .with("idempotency_key", NAME)
            .with("id", "id")
            .with("expires", expires)
            .with("found", found(request))
    }
}

/// Completes what `read` found with all that a request takes.
fn found(request: &RequestSection) -> Value {
    let mut root = serde_json::Value::Null;
    for path in request.variables() {
        let Some(path) = path.strip_prefix("found.") else { continue };
        let mut place = &mut root;
        for part in path.split('.') {
            if !place.is_object() {
                *place = serde_json::json!({});
            }
            place = &mut place[part];
        }
        *place = format!("found.{path}").into();
    }
    Value::from(minijinja::value::Serde(root))
}
