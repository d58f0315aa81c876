//! Rotates secrets held in AWS Secrets Manager: the protocol, the strategies, and the rules that keep every
//! credential alive.

mod account;
mod accounts;
mod alternating_users;
mod backoff;
mod clock;
mod context;
mod document;
mod engine;
mod error;
mod filter;
mod keep;
mod keys;
mod login;
pub mod memory;
mod minted;
mod password;
mod protocol;
mod rotation;
mod rotator;
mod sensitive;
mod settings;
mod single_user;
mod step;
mod store;
mod strategies;

pub use account::AccountSecret;
pub use accounts::Accounts;
pub use alternating_users::AlternatingUsers;
pub use clock::{Clock, SystemClock};
pub use context::Context;
pub use document::Version;
pub use engine::{Done, Engine, Outcome, Report};
pub use error::{Error, ErrorKind, Result};
pub use filter::Filter;
pub use keep::Keep;
pub use keys::{Key, KeyName, Keys, Mint};
pub use login::Login;
pub use memory::MemoryStore;
pub use minted::Minted;
pub use password::PasswordPolicy;
pub use rotation::Rotation;
pub use rotator::{Lives, Rotator};
pub use sensitive::Sensitive;
pub use settings::{
    Endpoint, Environment, Grants, HostsTag, Retire, SETTINGS, Setting, Settings, SshTest, StrategyChoice,
};
pub use single_user::SingleUser;
pub use step::{Step, StepEvent};
pub use store::{
    AWSCURRENT, AWSPENDING, AWSPREVIOUS, Description, Put, SecretStore, StoredContent, StoredValue, UnlabelledVersion,
};
pub use strategies::Strategies;
