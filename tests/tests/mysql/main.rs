//! Accounts of real MySQL and MariaDB servers, rotated by the engine in this process.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "what tests call is a test too, which clippy only sees of their own functions"
)]

mod alternating;
mod codes;
mod defects;
mod dual;
mod entries;
mod equality;
mod expiry;
mod function;
#[path = "../hosts/local.rs"]
mod local;
mod names;
mod network;
mod overlap;
mod proxy;
mod read_only;
mod refusals;
mod rights;
mod secrecy;
mod single;
mod trust;
mod unlisted;
mod versions;
mod world;
