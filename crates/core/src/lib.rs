//! Rotates secrets held in AWS Secrets Manager: the protocol, the strategies, and the rules that keep every
//! credential alive.
//!
//! Fourstep is named after the protocol: createSecret, setSecret, testSecret, finishSecret. This crate knows neither AWS
//! nor any driver. An author says what is special about a service, by the smallest trait that fits:
//!
//! | trait | for | the engine and the strategies add |
//! | --- | --- | --- |
//! | [`Accounts`] | user names and passwords of a server | [`SingleUser`], [`AlternatingUsers`], [`DualPassword`], or [`Strategies`], which choose by the secret's tags |
//! | [`Keys`] | keys that the service makes itself | [`Minted`] |
//! | [`Rotator`] | anything else | labels, retries, repeated steps, older versions, redaction |
//!
//! [`Engine::run`] runs one step of one of them on a [`SecretStore`]. [`MemoryStore`] is one for tests.
//! [`SETTINGS`] lists what can be set, and [`ErrorKind`] what can go wrong and who acts on it.
//!
//! # What each step does
//!
//! | step | does |
//! | --- | --- |
//! | every step | One DescribeSecret tells whether rotation is on, where the labels are, and the tags. Versions are read by the ids in that answer, never by label. A token that is neither AWSPENDING nor AWSCURRENT is `Invalid`. What was written a moment ago and is not visible yet is waited for |
//! | createSecret | Does nothing where the version has its value. Refuses while AWSCURRENT is younger than `min-age`. For [`Slots::Many`], first retires what AWSPREVIOUS opened and what dropped rotations left, if AWSCURRENT opens the target. Then: create, fence, store. If another value was stored meanwhile, that one is kept and ours is retired. If the answer was lost, the version is read back |
//! | setSecret | Runs on every attempt, also if the pending credential opens already: a half-made account would be promoted otherwise. AWSCURRENT logs in first, so that the usual path has no refused login |
//! | testSecret | Proves that the pending credential opens the target and may do what the other may. Without a pending value (RotateImmediately=false), it tests AWSCURRENT. It has no side effects |
//! | finishSecret | Tests the pending credential once more, then moves AWSCURRENT by compare-and-swap. Then it retires what is named as gone. Called again, it does that clean-up only |
//!
//! # The order of a write
//!
//! A fence that is not inside of a lock is no fence: an invocation may sleep between the two, through a whole later
//! rotation. So every write goes: open the session, take the target's lock in it, [`Context::fence`], observe, write, all
//! in that session. Where a target offers no lock, as HTTP services do, that window stays, and is documented.
//!
//! # What always holds
//!
//! These hold at every instant, under any one or two faults and any interleaving of two invocations. The tests run every
//! such schedule against modelled targets, and look into the target after each write.
//!
//! - **AWSCURRENT opens the target.** Except for single-user passwords and pushed keys between setSecret and finishSecret;
//!   for rolled keys from the roll on; where a person changes target or labels between a fence and its write; and where a
//!   target has no lock and an invocation sleeps through a later rotation.
//! - **The live credential is in a version with a label**, or at the target under a name that carries the version's id.
//!   Except for rolled keys until they are stored; after an abandoned or cancelled rotation it is in a version without a
//!   label, which Secrets Manager keeps for a day, and [`Login`] finds it.
//! - **When faults stop, at most two more attempts** finish the rotation or end in an error that stays the same and says
//!   what to do.
//! - **No orphans.** After a rotation the target holds AWSCURRENT's credential and, where promised, AWSPREVIOUS's; during
//!   one, one more at the most. Where an account loses the right for two passwords, or its strategy changes, the one
//!   that it retained stays until the next rotation by dual-password.
//! - **No secret in any output**, in any encoding.
//! - **Nothing else is touched:** no other account, host, key or right than the secret names.
//! - **A clean-up that failed is completed** by the next call.
//! - **AWSPREVIOUS works** until the next rotation needs its place, unless `retire` is `at-finish`.
//! - **A finished rotation that is run again** changes nothing in the target.

mod account;
mod accounts;
mod alternating_users;
mod backoff;
mod clock;
mod context;
mod document;
mod dual_password;
mod engine;
mod error;
mod filter;
mod keep;
mod keys;
mod login;
pub mod memory;
mod minted;
mod operator;
mod password;
mod protocol;
pub mod roots;
mod rotation;
mod rotator;
mod sensitive;
#[cfg(feature = "server")]
mod server;
mod server_lookup;
mod settings;
mod single_user;
mod step;
mod store;
mod strategies;

pub use account::{AccountSecret, same_name};
pub use accounts::{Accounts, Claim, Mirrored, Passwords};
pub use alternating_users::{AlternatingUsers, clone_of};
pub use clock::{Clock, SystemClock};
pub use context::Context;
pub use document::Version;
pub use dual_password::DualPassword;
pub use engine::{Done, Engine, Outcome, Report};
pub use error::{Error, ErrorKind, Result};
pub use filter::Filter;
pub use keep::Keep;
pub use keys::{Key, KeyName, Keys, Mint};
pub use login::Login;
pub use memory::MemoryStore;
pub use minted::Minted;
pub use operator::{Action, OperatorEvent, Reply, Tried};
pub use password::PasswordPolicy;
pub use rotation::Rotation;
pub use rotator::{Rotator, Slots};
pub use sensitive::{MaybeSensitive, Sensitive};
#[cfg(feature = "server")]
pub use server::{Deadline, Operation, Server};
pub use server_lookup::{FoundServer, ServerLookup};
pub use settings::{
    Endpoint, Environment, Grants, HostsTag, Retire, SETTINGS, Setting, Settings, SshKeyFormat, SshKeyType, SshTest,
    SshTransport, StrategyChoice,
};
pub use single_user::SingleUser;
pub use step::{Step, StepEvent};
pub use store::{
    AWSCURRENT, AWSPENDING, AWSPREVIOUS, Description, Put, SecretStore, StoredContent, StoredValue, UnlabelledVersion,
};
pub use strategies::Strategies;
