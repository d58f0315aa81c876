//! What Fourstep's tests and demo run against: AWS over HTTP, a Lambda Runtime API, real servers, and the suites that
//! hold all of them to the same rules.

pub mod actions;
pub mod aws;
pub mod captured;
mod certificates;
pub mod function;
mod http;
mod json_api;
pub mod jupyterhub;
pub mod key_service;
mod listening;
mod lock;
pub mod ministack;
mod moto;
pub mod mysql;
pub mod mysql_router;
mod names;
pub mod pgbouncer;
pub mod postgres;
mod process;
pub mod proxy;
pub mod rabbitmq;
pub mod runtime_api;
pub mod script;
pub mod secrecy;
mod shared;
pub mod sshd;
pub mod ssm;
pub mod store_suite;
pub mod tls;
mod tools;
mod wire;
pub mod world;

pub use json_api::{HttpApi, JsonApi};
pub use moto::Moto;
pub use tools::{skip, tool, tools_dir};
