//! Rotates the keys of HTTP services, as their provider files describe them: in this process against a service that
//! fails in every way, and by the function's binary against real servers.
// What the tests share is outside of the functions that clippy knows as tests.
#![allow(clippy::unwrap_used, reason = "what tests call is a test too, which clippy only sees of their own functions")]
#![expect(clippy::print_stdout, reason = "the number of rotations with a fault is a figure to read")]

#[path = "api_key/answers.rs"]
mod answers;
#[path = "api_key/bad_input.rs"]
mod bad_input;
#[path = "api_key/console.rs"]
mod console;
#[path = "api_key/exchanges.rs"]
mod exchanges;
#[path = "api_key/faults.rs"]
mod faults;
#[path = "api_key/gone.rs"]
mod gone;
#[path = "api_key/jupyterhub.rs"]
mod jupyterhub;
#[path = "api_key/killed.rs"]
mod killed;
#[path = "api_key/language.rs"]
mod language;
#[path = "api_key/lifetimes.rs"]
mod lifetimes;
#[path = "api_key/providers.rs"]
mod providers;
#[path = "api_key/rabbitmq.rs"]
mod rabbitmq;
#[path = "api_key/rotations.rs"]
mod rotations;
#[path = "api_key/tls.rs"]
mod tls;
#[path = "api_key/trust.rs"]
mod trust;
#[path = "api_key/world.rs"]
mod world;
