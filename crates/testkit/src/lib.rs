//! What a rotator is tested with, from inside this repository or from outside: Secrets Manager over HTTP, a Lambda
//! Runtime API, faults, and a world in which an engine rotates a secret in this process.

pub mod actions;
pub mod aws;
pub mod captured;
pub mod certificates;
pub mod function;
mod json_api;
pub mod kill;
mod lock;
pub mod proxy;
pub mod runtime_api;
pub mod script;
pub mod secrecy;
pub mod secret;
pub mod store_suite;
pub mod tls;
pub mod wire;
pub mod world;

pub use json_api::{HttpApi, JsonApi};
