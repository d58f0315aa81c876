//! Rotates the keys and tokens of HTTP APIs. What is special about a service is in a provider file, not in code.
//!
//! [`ApiKeys`] is the rotation of a function. It takes the provider of each secret from the function's configuration:
//!
//! ```
//! use fourstep::Environment;
//! use fourstep_api_key::ApiKeys;
//!
//! let rotation = ApiKeys::new(Environment::from_process());
//! ```
//!
//! A provider file is TOML, of the shape of [`ProviderFile`]. There are three kinds of keys:
//!
//! | kind | who makes the value | old and new | requests |
//! | --- | --- | --- | --- |
//! | `minted` | the service | both work; the old one is revoked later | `create`, `test`, `revoke`, and `list` if there is one |
//! | `pushed` | Fourstep, by the password policy | the new one replaces the old one | `set`, `test`, and `read` if `set` needs it |
//! | `rolled` | the service | **the old one dies in the call that makes the new one** | `roll`, `test` |
//!
//! **A rolled key can be lost**: if the answer to `roll` does not arrive, nobody has the key that works, and a person
//! has to issue another one. The file must say `loss_possible = true`. Prefer another kind where the service has one.
//!
//! # What is left open
//!
//! HTTP services offer no lock. An invocation that sleeps between its last look at the labels and its request, through
//! a whole later rotation, may leave a minted key behind until the next rotation sweeps it, or push an old value over
//! a newer one. A provider without `list` cannot be asked what it holds: a key whose value was lost on the way stays
//! there, and nobody knows of it. The log says so each time.
//!
//! # Where requests go
//!
//! To the hosts that the configuration names, and to no other: no secret, no answer and no redirect changes that. Only
//! by HTTPS, and only to public addresses, unless the file says `private_addresses = true`. Never to link-local
//! addresses, where machines in AWS find their credentials.

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
mod template;
mod tls;

pub use preview::Preview;
pub use provider::auth::{Auth, BasicAuth, Named, OAuth2, SendClient};
pub use provider::request::{AnswerSection, ExpectedAnswer, Means, Method, PagesSection, RequestSection};
pub use provider::{AdminSection, Kind, ProviderFile, SecretSection};
pub use rotator::ApiKeys;
pub use secret::Secret;
