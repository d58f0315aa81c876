//! Rotates secrets held in AWS Secrets Manager: the protocol, the strategies, and the rules that keep every
//! credential alive.
//!
//! Fourstep is named after the protocol's four steps: createSecret, setSecret, testSecret, finishSecret. This crate knows
//! neither AWS nor any driver. An author says what is special about a service, by the smallest trait that fits; the crate
//! does the rest:
//!
//! | trait | for | the crate adds |
//! | --- | --- | --- |
//! | [`accounts::Accounts`] | user names and passwords of a server | the strategies of [`accounts`]: single-user, alternating-users, dual-password |
//! | [`keys::Keys`] | keys that the service makes itself | [`keys::Minted`]: names that tell strays apart, the service's limit |
//! | [`Rotator`] | anything else | labels, retries, repeated steps, other versions, redaction |
//!
//! A rotator in full, for a service that takes a new token from whoever knows the old one, and its rotation by the
//! in-memory store:
//!
//! ```
//! use std::sync::{Arc, Mutex};
//! use std::time::{Duration, SystemTime};
//!
//! use fourstep::memory::{MemoryStore, RotateSecret};
//! use fourstep::settings::Environment;
//! use fourstep::{Context, Engine, Error, Login, Result, Rotator, Sensitive, Slots, Step, StepEvent};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Token {
//!     token: Sensitive,
//! }
//!
//! /// The service keeps one token.
//! struct Service(Arc<Mutex<String>>);
//!
//! impl Rotator for Service {
//!     type Secret = Token;
//!     const NAME: &'static str = "token";
//!     const SLOTS: Slots = Slots::One;
//!
//!     async fn create(&self, _current: &Token, _login: &Login<'_, Token>, cx: &Context<'_>) -> Result<Token> {
//!         Ok(Token { token: cx.password("")? })
//!     }
//!
//!     async fn set(&self, pending: &Token, login: &Login<'_, Token>, cx: &Context<'_>) -> Result<()> {
//!         login.working().await?;
//!         // A server that has locks is locked before this.
//!         cx.fence().await?;
//!         *self.0.lock().unwrap() = pending.token.expose().to_owned();
//!         Ok(())
//!     }
//!
//!     async fn probe(&self, secret: &Token, _cx: &Context<'_>) -> Result<()> {
//!         match *self.0.lock().unwrap() == secret.token.expose() {
//!             true => Ok(()),
//!             false => Err(Error::rejected("the service refused the token")),
//!         }
//!     }
//! }
//!
//! # async fn example() -> Result<()> {
//! let store = Arc::new(MemoryStore::with_secret("app", r#"{"token":"first"}"#));
//! let service = Service(Arc::new(Mutex::new("first".to_owned())));
//! const FUNCTION: &str = "arn:aws:lambda:eu-central-1:123456789012:function:rotate-token";
//! let request = RotateSecret { lambda_arn: Some(FUNCTION), ..RotateSecret::now("app") };
//! let token = store.with(|model| model.rotate_secret(request)).answer.expect("it may be rotated");
//!
//! let engine = Engine::new(store, Environment::default());
//! for step in Step::ALL {
//!     let event = StepEvent { step, secret_id: "app".into(), token: token.clone(), rotation_token: None };
//!     engine.run(&service, &event, FUNCTION, SystemTime::now() + Duration::from_secs(30)).await.result?;
//! }
//! assert_ne!(*service.0.lock().unwrap(), "first");
//! # Ok(())
//! # }
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(example()).unwrap();
//! ```
//!
//! # What each step does
//!
//! A secret has versions, and labels on them: AWSCURRENT is on the one that clients read, AWSPENDING on the one that a
//! rotation is making, AWSPREVIOUS on the one that was AWSCURRENT before. The token of a rotation is the id of its version.
//! To *retire* a credential is to make the target refuse it.
//!
//! Secrets Manager invokes the function once for each step. [`Engine::run`] describes the secret, reads its settings,
//! asks the [`Rotation`] for this secret's rotator, and runs the step with it. A [`Rotator`] is a rotation of its own;
//! [`accounts::Strategies`] is one that chooses among strategies. The second column has the rotator's methods:
//!
//! | step | calls | does |
//! | --- | --- | --- |
//! | every step | | One DescribeSecret tells whether rotation is on, where the labels are, and the tags. Versions are read by the ids in that answer, never by label. A token that is neither AWSPENDING nor AWSCURRENT is `Invalid`. What was written a moment ago and is not visible yet is waited for |
//! | createSecret | `create` | Does nothing where the version has its value. Refuses while AWSCURRENT is younger than the setting [`min_age`](settings::EngineSettings::min_age). Makes the next value, looks once more whether a label has moved, and stores it. If another value was stored meanwhile, that one is kept and ours is retired. If the answer was lost, the version is read back |
//! | setSecret | `set` | Runs on every attempt, also if the pending credential opens already: a half-made account would be promoted otherwise. AWSCURRENT logs in first, so that the usual path has no refused login |
//! | testSecret | `test` | Proves that the pending credential opens the target and, where the rotator can tell, may do what the current one may. Without a pending value (RotateImmediately=false), it probes AWSCURRENT. It has no side effects |
//! | finishSecret | `probe`, `retire` | Tries the pending credential once more, then moves AWSCURRENT by compare-and-swap, then retires old credentials where the target still accepts some. Called again, it does that clean-up only |
//!
//! For [`Slots::Many`], createSecret first calls `retire` too: for the credential of AWSPREVIOUS and those of abandoned
//! rotations, provided that AWSCURRENT opens the target. With the new one, two are alive then.
//!
//! # When something fails
//!
//! An [`Error`] has a kind, and the kind says who acts. Where a method of the rotator is
//! [`Unavailable`](ErrorKind::Unavailable), the engine calls it again: up to four times, three to six seconds in all, and
//! only while the step has time for it. `create` is not called again where it changes the target. A refusal
//! ([`Rejected`](ErrorKind::Rejected)) makes [`Login`] try another version. Everything else ends the step.
//!
//! Secrets Manager then repeats the whole rotation several times during its window, from createSecret and with the same
//! token, so the usual cure for an outage is to wait. If it gives up, AWSPENDING stays on the version that was being made,
//! nothing is lost, and an operator finds out what works and goes on or back: see [`operator`].
//!
//! A step that hangs or panics fails as well. The caller says when the process ends (Lambda's deadline), and
//! [`Engine::TO_REPORT`] before that the step is ended and reported. A rotator may ask how long it has by
//! [`Context::remaining`].
//!
//! # The order of a write
//!
//! [`Context::fence`] reads the labels anew, and is an error if one moved since the step began: somebody else acts on this
//! secret. A fence outside the target's lock protects nothing: an invocation may sleep between the two, through a whole
//! later rotation. So every write goes: open the session, take the target's lock in it, fence, observe, write, all in
//! that session. Where a target offers no lock, as HTTP services do, that window stays, and is documented.
//!
//! # What always holds
//!
//! These hold at every instant, under any one or two faults and any interleaving of two invocations. The tests run every
//! such schedule against modelled targets, and look into the target after each write.
//!
//! - **AWSCURRENT opens the target,** with these exceptions: where the target keeps one credential ([`Slots::One`]:
//!   single-user passwords, keys pushed to a service), between setSecret and finishSecret; where the service replaces its
//!   key by itself ([`Slots::InPlace`]), from that call on; where a person changes target or labels between a fence and
//!   its write; and where a target has no lock and an invocation sleeps through a later rotation.
//! - **The live credential is in a version with a label,** or at the target under a name that carries the version's id.
//!   There are two exceptions: a key of [`Slots::InPlace`] until it is stored; and after an abandoned or cancelled rotation
//!   the credential is in a version without a label, which Secrets Manager keeps for a day, and [`Login`] finds it.
//! - **When faults stop, at most two more attempts** finish the rotation or end in an error that stays the same and says
//!   what to do.
//! - **No orphans.** After a rotation the target holds AWSCURRENT's credential and, unless [`settings::Retire`] is
//!   `AtFinish`, AWSPREVIOUS's; during one, one more at the most. Where an account loses the right for two passwords, or
//!   its strategy changes, the one that it retained stays until the next rotation by dual-password.
//! - **No secret in any output**, in any encoding.
//! - **Nothing else is touched:** no other account, host, key or right than the secret names.
//! - **A clean-up that failed is completed** by the next call.
//! - **AWSPREVIOUS works** until the next rotation needs its place, unless [`settings::Retire`] is `AtFinish` or the
//!   target keeps one credential.
//! - **A finished rotation that is run again** changes nothing in the target.
//!
//! # Where to read on
//!
//! - To write a rotator: [`Rotator`], then [`Context`] (what it may ask) and [`Login`] (with what it logs in);
//!   [`accounts`] and [`keys`] where these fit.
//! - To give it settings: [`settings`](mod@settings).
//! - To test it: [`memory`], a Secrets Manager in memory.
//! - To mend a rotation that has stopped: [`operator`], and [`ErrorKind`] for what the error means.
//!
//! # The files
//!
//! For who reads the source, in reading order; each uses only files below it, and nothing uses the crate's root.
//!
//! ```text
//! engine            runs a step or an operator's action so that it ends in time
//! └ operator        what an operator asks: diagnose, rollback, recover, retire, reconcile, reset, adopt
//!   └ invocation    one step: describe the secret, read its settings, choose the rotator, run it
//!     └ rotation    what an engine runs: one rotator, or the choice of one
//!       └ protocol  the four steps with a rotator: create, set, test, finish
//! accounts          user names and passwords: the traits, the strategies, what they share
//! keys              keys that the service makes
//! rotator           what an author implements; given login and keep
//! context           what a rotator may know and ask during one step
//! admission         which secrets and versions may be acted on
//! services          what an engine is made of: store, clock, filter, environment
//! notes             what an invocation has learnt, for the report of one that hangs or panics
//! version · report · memory
//! settings          groups of settings, and how values are read
//! store             what the engine asks of Secrets Manager
//! error · filter · step · action · argument · sensitive · clock · slots · backoff · schedule
//! ```

pub mod accounts;
mod action;
mod admission;
mod argument;
mod backoff;
mod clock;
mod context;
mod engine;
mod error;
mod filter;
mod invocation;
mod keep;
pub mod keys;
mod login;
pub mod memory;
mod notes;
pub mod operator;
mod place;
mod protocol;
mod report;
mod rotation;
mod rotator;
mod schedule;
mod sensitive;
mod services;
pub mod settings;
mod slots;
mod step;
pub mod store;
mod version;

pub use clock::{Clock, SystemClock};
pub use context::Context;
pub use engine::Engine;
pub use error::{Error, ErrorKind, Result};
pub use filter::Filter;
pub use keep::Keep;
pub use login::Login;
pub use report::{Done, Outcome, Report};
pub use rotation::{Chosen, Rotation};
pub use rotator::Rotator;
pub use sensitive::{MaybeSensitive, Sensitive};
pub use slots::Slots;
pub use step::{Step, StepEvent};
pub use store::{AWSCURRENT, AWSPENDING, AWSPREVIOUS};
pub use version::{OtherSecret, Version};
