//! Accounts of a real PostgreSQL server, rotated by the engine in this process.
#![allow(clippy::unwrap_used, reason = "what tests call is a test too, which clippy only sees of their own functions")]

#[path = "postgres/acts_as.rs"]
mod acts_as;
#[path = "postgres/administrator.rs"]
mod administrator;
#[path = "postgres/alternating.rs"]
mod alternating;
#[path = "postgres/another_server.rs"]
mod another_server;
#[path = "postgres/attributes.rs"]
mod attributes;
#[path = "postgres/bad_input.rs"]
mod bad_input;
#[path = "postgres/defects.rs"]
mod defects;
#[path = "postgres/equality.rs"]
mod equality;
#[path = "postgres/faults.rs"]
mod faults;
#[path = "postgres/iam.rs"]
mod iam;
#[path = "postgres/iterations.rs"]
mod iterations;
#[path = "hosts/local.rs"]
mod local;
#[path = "postgres/md5.rs"]
mod md5;
#[path = "postgres/names.rs"]
mod names;
#[path = "postgres/network.rs"]
mod network;
#[path = "postgres/ownership.rs"]
mod ownership;
#[path = "postgres/pooler.rs"]
mod pooler;
#[path = "postgres/read_only.rs"]
mod read_only;
#[path = "postgres/replica.rs"]
mod replica;
#[path = "postgres/rights.rs"]
mod rights;
#[path = "postgres/secrecy.rs"]
mod secrecy;
#[path = "postgres/single.rs"]
mod single;
#[path = "postgres/surplus.rs"]
mod surplus;
#[path = "postgres/trust.rs"]
mod trust;
#[path = "postgres/unlisted.rs"]
mod unlisted;
#[path = "postgres/world.rs"]
mod world;
