//! What Fourstep's tests and demo run against: AWS over HTTP, a Lambda Runtime API, real servers, and the suites that
//! hold all of them to the same rules.

pub mod aws;
mod certificates;
pub mod function;
mod json_api;
mod moto;
pub mod mysql;
mod names;
pub mod postgres;
mod process;
pub mod proxy;
pub mod runtime_api;
mod shared;
pub mod sshd;
pub mod store_suite;
mod tools;
pub mod world;

pub use json_api::{HttpApi, JsonApi};
pub use moto::Moto;
pub use tools::{skip, tool, tools_dir};
