//! Rotates the keys and tokens of HTTP APIs. What is special about a service is in a provider file, not in code.
//!
//! [`ApiKeys`] is the rotation of a function. It takes the provider of each secret from the function's configuration. A
//! provider file is TOML, of the shape of [`ProviderFile`]. There are three kinds of keys:
//!
//! | kind | who makes the value | old and new | requests |
//! | --- | --- | --- | --- |
//! | `minted` | the service | both work; the old one is revoked later | `create`, `test`, `revoke`, and `list` and `disable` if there are any |
//! | `pushed` | Fourstep, by the password policy | the new one replaces the old one | `set`, `test`, and `read` if `set` needs it |
//! | `rolled` | the service | **the old one dies in the call that makes the new one** | `roll`, `test` |
//!
//! **A rolled key can be lost**: if the reply to `roll` is lost, nobody has the key that works, and a person has to issue
//! another one. The file must say `loss_possible = true`. Prefer another kind where the service has one.
//!
//! The type that users name is in the file of what it implements: `rotator.rs`. The files, in the order to read them; each
//! uses only files below it, and a parent and its children count as one.
//!
//! ```text
//! rotator.rs            ApiKeys: which provider a secret has, and so which of the three rotations
//!   rotator/minted.rs     of keys that the service makes, and revokes on request
//!   rotator/pushed.rs     of values that Fourstep makes, and the service stores
//!   rotator/rolled.rs     of keys that the service replaces
//! service.rs            a service during a step: as whom a request is made, and what its answer gives
//!   service/list.rs       the keys that a service has, page by page
//!   service/lifetime.rs   how long a new key lives, and whether the schedule replaces it before
//!   service/proof.rs      for whom the administrator acts
//! preview.rs            the requests of a provider file, shown without secrets
//! meaning.rs            what each answer to them would mean
//! oauth2.rs             exchanges a client's id and secret for a token, and what its errors mean
//! request.rs            a request, filled in from its templates
//! session.rs            sends requests: to which hosts, for how long, how often
//! tls.rs                whose certificates are trusted
//! error.rs              what each answer means, and what it means that there is none
//! answer.rs             what is read of an answer
//! address.rs            to which addresses requests may go
//! call.rs               a request, as messages name it
//! settings.rs           the settings of API keys
//! provider_secrets.rs   which secrets each provider is for
//! admin_parameters.rs   on what administrators may act
//! secret.rs             the secret's JSON as a type: Secret
//! provider.rs           a provider file as a type
//!   provider/source.rs    finds provider files, and reads them
//!   provider/check.rs     what serde cannot check
//!   provider/auth.rs      how requests are authorized
//!   provider/request.rs   a request, and what its answers mean
//! base_url.rs           where a service is, by the file and the function's variables
//! template.rs           fills templates in
//! place.rs              keeps a value in its place in a request
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
//! # Which provider a secret has
//!
//! The function's owner says it, never the secret alone. Where the function has one provider, every secret of the function
//! uses it. Where it has several, `API_PROVIDER_SECRETS` says which secrets each is for, and the tag `fourstep:provider`
//! chooses among those only: see [`ProviderSecrets`]. The same holds for the administrator's secret that `masterarn` names:
//! its credential goes to no service whose provider is not for it.
//!
//! # What an administrator does
//!
//! Where the secret names an administrator's secret in `masterarn`, and the provider file has `admin`, it makes all requests
//! but `test`. It acts for a secret only if one of the secret's versions works at the service, and only on fields that this
//! proves, by `test_proves` of the file, or that the function's owner allows: see [`AdminParameters`]. Where no version works,
//! an operator lets it act, by the action `reset`.
//!
//! # Where requests go
//!
//! To the hosts that the configuration names, and to no other: nothing in a secret, a response or a redirect can change
//! that. Only by HTTPS, and only to public addresses, unless the file says `private_addresses = true`. Never to
//! link-local addresses, where machines in AWS find their credentials.
//!
//! # Keys that end by themselves
//!
//! Where the file has a `lifetime`, or the service says when a key ends, the secret's schedule has to replace the key before:
//! createSecret makes none that would end earlier, and warns where no schedule can be read. The tag `fourstep:lifetime` makes the
//! lifetime of one secret's keys shorter, never longer than the file says.
//!
//! # What is left open
//!
//! HTTP services offer no lock. An invocation that sleeps between its last look at the labels and its request, through
//! a whole later rotation, may leave a minted key behind until the next rotation sweeps it, or push an old value over
//! a newer one. Without `list`, Fourstep cannot ask a service which keys it has: if the reply with a new key is lost,
//! that key stays at the service, and nobody knows of it. The log says so each time.

mod address;
mod admin_parameters;
mod answer;
mod base_url;
mod call;
mod error;
mod meaning;
mod oauth2;
mod place;
mod preview;
mod provider;
mod provider_secrets;
mod request;
mod rotator;
mod secret;
mod service;
mod session;
mod settings;
mod template;
mod tls;

pub use admin_parameters::AdminParameters;
pub use meaning::Meaning;
pub use preview::Preview;
pub use provider::auth::{Auth, BasicAuth, Named, OAuth2, SendClient};
pub use provider::request::{AnswerSection, ExpectedAnswer, Means, Method, PagesSection, RequestSection};
pub use provider::{AdminSection, Kind, ProviderFile, SecretSection};
pub use provider_secrets::ProviderSecrets;
pub use rotator::ApiKeys;
pub use secret::Secret;
pub use settings::ApiKeySettings;
