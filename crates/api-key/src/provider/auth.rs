use std::collections::BTreeMap;

use serde::Deserialize;

/// How a request proves who makes it.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Auth {
    /// `Authorization: Bearer …`.
    Bearer(String),
    /// None: the body of a request shows the key. For services of which `test` sends the key as `{{ key }}`.
    None,
    /// Another header.
    Header(Named),
    /// Several headers: their names, with the templates of their values.
    Headers(BTreeMap<String, String>),
    /// `Authorization: Basic …`.
    Basic(BasicAuth),
    /// A parameter in the query. Logs of the service may keep it: prefer a header.
    Query(Named),
    /// A token, for which the key is exchanged as a client's secret.
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
    /// Where tokens are issued. May have `{{ env.NAME }}` in it.
    pub token_url: String,
    /// The client's id.
    pub client_id: String,
    /// The client's secret.
    pub client_secret: String,
    /// The scopes to ask for.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Further parameters, such as `audience`.
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
