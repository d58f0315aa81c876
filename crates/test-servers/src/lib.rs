//! The real servers and products that Fourstep's own tests, demo and benchmarks run against.
//!
//! All of them are thrown away with the test: they listen on 127.0.0.1, on a free port, with their files in a temporary
//! folder. `cargo xtask setup` installs them. A test whose server is not installed says that it is skipped; where `CI` is
//! set, it fails. What a rotator from outside this repository is tested with is in [`fourstep_testkit`], which starts no
//! server and has no driver.
//!
//! ```text
//! postgres  mysql            databases, one for each test or shared by many
//! pgbouncer  mysql_router    poolers and proxies before them
//! sshd  ssm                  hosts with users, and Systems Manager with an agent on each of them
//! key_service                an HTTP service with keys, and faults
//! rabbitmq  jupyterhub       products whose keys a provider file rotates
//! moto  ministack            emulations of AWS that others wrote
//!   names  shared              a test's own names on a server that it shares
//!   process  listening         a server's process, which ends with the test
//!   tools                      where its programs are
//!   http  lock
//! ```

mod http;
pub mod jupyterhub;
pub mod key_service;
mod listening;
mod lock;
pub mod ministack;
pub mod moto;
pub mod mysql;
pub mod mysql_router;
mod names;
pub mod pgbouncer;
pub mod postgres;
mod process;
pub mod rabbitmq;
mod shared;
pub mod sshd;
pub mod ssm;
pub mod tools;
