//! Rotates the keys and tokens of HTTP APIs. What is special about a service is in a provider file, not in code.
//!
//! [`ApiKeys`] is the rotation of a function. It takes the provider of each secret from the function's configuration. A
//! provider file is TOML, of the shape of [`ProviderFile`]. There are three kinds of keys:
//!
//! | kind | who makes the value | old and new | requests |
//! | --- | --- | --- | --- |
//! | `minted` | the service | both work; the old one is revoked later | `create`, `test`, `revoke`, and `list` if there is one |
//! | `pushed` | Fourstep, by the password policy | the new one replaces the old one | `set`, `test`, and `read` if `set` needs it |
//! | `rolled` | the service | **the old one dies in the call that makes the new one** | `roll`, `test` |
//!
//! **A rolled key can be lost**: if the reply to `roll` is lost, nobody has the key that works, and a person has to issue
//! another one. The file must say `loss_possible = true`. Prefer another kind where the service has one.
//!
//! To read the code, begin at the top of this picture. Each file uses only files further down.
//!
//! ```text
//! rotator                      which provider a secret has, and so which of the three rotations:
//!   rotator/minted               of keys that the service makes, and revokes on request
//!   rotator/pushed               of values that Fourstep makes, and the service stores
//!   rotator/rolled               of keys that the service replaces
//! service/list                 the keys that a service has, page by page
//! service                      a service during a step: as whom a request is made, and what its answer gives
//! preview                      the requests of a provider file, shown without secrets
//! oauth2                       exchanges a client's id and secret for a token
//! request                      a request, filled in from its templates
//! session                      sends requests: to which hosts, for how long, how often
//! tls                          whose certificates are trusted
//! error                        what each answer means, and what it means that there is none
//! answer                       what is read of an answer
//! address                      to which addresses requests may go
//! call                         a request, as messages name it
//! settings                     the settings of API keys
//! secret                       the fields of the secret
//! provider/source              finds provider files, and reads them
//!   provider/check               what serde cannot check
//! provider                     a provider file as a type
//!   provider/auth, request       its parts
//! base_url                     where a service is, by the file and the function's variables
//! template                     fills templates in
//! place                        keeps a value in its place in a request
//! ```
//!
//! # Example
//!
//! ```
//! use fourstep::settings::Environment;
//! use fourstep_api_key::ApiKeys;
//!
//! let rotation = ApiKeys::new(Environment::from_process());
//! ```
//!
//! # What it needs
//!
//! - A provider file: one that comes with this crate, named in `API_PROVIDER`, or one of your own in the function's zip or
//!   a layer.
//! - A secret whose AWSCURRENT holds a key that works, in the field that the file names; for a minted key also its id.
//! - A service that speaks HTTPS, with a certificate that Mozilla's authorities or those of `TLS_CA_BUNDLE` vouch for.
//!
//! # Where requests go
//!
//! To the hosts that the configuration names, and to no other: nothing in a secret, a response or a redirect can change
//! that. Only by HTTPS, and only to public addresses, unless the file says `private_addresses = true`. Never to
//! link-local addresses, where machines in AWS find their credentials.
//!
//! # What is left open
//!
//! HTTP services offer no lock. An invocation that sleeps between its last look at the labels and its request, through
//! a whole later rotation, may leave a minted key behind until the next rotation sweeps it, or push an old value over
//! a newer one. Without `list`, Fourstep cannot ask a service which keys it has: if the reply with a new key is lost,
//! that key stays at the service, and nobody knows of it. The log says so each time.

mod address;
mod answer;
mod base_url;
mod call;
mod error;
mod oauth2;
mod place;
mod preview;
mod provider;
mod request;
mod rotator;
mod secret;
mod service;
mod session;
mod settings;
mod template;
mod tls;

pub use preview::Preview;
pub use provider::auth::{Auth, BasicAuth, Named, OAuth2, SendClient};
pub use provider::request::{AnswerSection, ExpectedAnswer, Means, Method, PagesSection, RequestSection};
pub use provider::{AdminSection, Kind, ProviderFile, SecretSection};
pub use rotator::ApiKeys;
pub use secret::Secret;
pub use settings::ApiKeySettings;
