//! The SSH function's binary, with Systems Manager over HTTP and hosts with a real sshd.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "what tests call is a test too, which clippy only sees of their own functions"
)]

#[path = "ssh/diagnose.rs"]
mod diagnose;
#[path = "ssh/direct.rs"]
mod direct;
#[path = "ssh/fleet.rs"]
mod fleet;
#[path = "ssh/kill.rs"]
mod kill;
#[path = "ssh/known_hosts.rs"]
mod known_hosts;
#[path = "ssh/logins.rs"]
mod logins;
#[path = "ssh/reconcile.rs"]
mod reconcile;
#[path = "ssh/refusals.rs"]
mod refusals;
#[path = "ssh/repaired.rs"]
mod repaired;
#[path = "ssh/retired.rs"]
mod retired;
#[path = "ssh/rotation.rs"]
mod rotation;
#[path = "ssh/stopped.rs"]
mod stopped;
#[path = "ssh/systems.rs"]
mod systems;
#[path = "ssh/trust.rs"]
mod trust;
#[path = "ssh/unlisted.rs"]
mod unlisted;
#[path = "ssh/users.rs"]
mod users;
#[path = "ssh/weaknesses.rs"]
mod weaknesses;
#[path = "ssh/world.rs"]
mod world;
