//! Rotates secrets held in AWS Secrets Manager: the protocol, the strategies, and the rules that keep every
//! credential alive.

mod clock;
mod error;
mod filter;
pub mod memory;
mod password;
mod sensitive;
mod settings;
mod step;
mod store;

pub use clock::{Clock, SystemClock};
pub use error::{Error, ErrorKind, Result};
pub use filter::Filter;
pub use memory::MemoryStore;
pub use password::PasswordPolicy;
pub use sensitive::Sensitive;
pub use settings::{
    Endpoint, Environment, Grants, HostsTag, Retire, SETTINGS, Setting, Settings, SshTest, StrategyChoice,
};
pub use step::{Step, StepEvent};
pub use store::{
    AWSCURRENT, AWSPENDING, AWSPREVIOUS, Description, Put, SecretStore, StoredContent, StoredValue, UnlabelledVersion,
};
