//! What a rotator is tested with, in this repository or in yours.
//!
//! - A [`World`](world::World) rotates a secret in this process, with the real engine and the labels of Secrets Manager.
//! - [`Aws`](aws::Aws) is Secrets Manager over HTTP: it counts calls, and it fails in every way a network can.
//! - A [`Sandbox`](runtime_api::Sandbox) runs the binary of a function as Lambda does, and [`kill`] kills it at each
//!   point of its rotations.
//! - [`store_suite`] holds a store to the rules of Secrets Manager.
//!
//! No server is started, and there is no driver: those that Fourstep's own tests need are in `fourstep-test-servers`.
//!
//! # The files, in the order in which to read them
//!
//! ```text
//! world, world/       a secret, and the engine that rotates it in this process
//!   secret            a secret, and what Secrets Manager and its owner do to it
//!   denying           a store that denies access to one secret
//! kill                a function that is killed at each point of its rotations
//!   runtime_api       what Lambda runs a function in
//!   function          where the binaries of functions are
//! aws, aws/           Secrets Manager over HTTP, and the little of other services that rotations ask for
//!   json_api          the same, called by the names and the JSON of its API
//!   store_suite       the rules that every Secrets Manager keeps
//! proxy, proxy/       before a database: counts messages, breaks connections
//! settings            the rules of every group of settings
//! script              an HTTP service that expects a fixed series of requests
//! tls                 TLS before a service of plain HTTP
//! captured, secrecy   what was logged, and the search of it for what must not be there
//!   actions           which actions of AWS the functions called
//!   certificates, wire, lock
//! ```
//!
//! # A rotator, rotated
//!
//! ```
//! use std::sync::Mutex;
//!
//! use fourstep::{Context, Error, Login, Result, Rotator, Slots};
//! use fourstep_testkit::world::World;
//! use serde::{Deserialize, Serialize};
//! use serde_json::json;
//!
//! /// A door that one password opens.
//! struct Door(Mutex<String>);
//!
//! #[derive(Serialize, Deserialize)]
//! struct Key {
//!     password: String,
//! }
//!
//! impl Rotator for Door {
//!     type Secret = Key;
//!     const NAME: &'static str = "door";
//!     const SLOTS: Slots = Slots::One;
//!
//!     async fn create(&self, _current: &Key, _login: &Login<'_, Key>, cx: &Context<'_>) -> Result<Key> {
//!         Ok(Key { password: cx.password("")?.expose().to_owned() })
//!     }
//!
//!     async fn set(&self, pending: &Key, login: &Login<'_, Key>, cx: &Context<'_>) -> Result<()> {
//!         login.working().await?;
//!         cx.fence().await?;
//!         self.0.lock().unwrap().clone_from(&pending.password);
//!         Ok(())
//!     }
//!
//!     async fn probe(&self, secret: &Key, _cx: &Context<'_>) -> Result<()> {
//!         let opens = *self.0.lock().unwrap() == secret.password;
//!         if opens { Ok(()) } else { Err(Error::rejected("the door refuses the password")) }
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<()> {
//! let mut world = World::new(Door(Mutex::new("first".to_owned())), &json!({ "password": "first" }));
//! world.rotate().await?;
//! assert_eq!(world.previous()["password"], "first");
//! assert_eq!(world.current()["password"], *world.rotation.0.lock().unwrap());
//! # Ok(()) }
//! ```

pub mod actions;
pub mod aws;
pub mod captured;
pub mod certificates;
mod denying;
pub mod function;
mod json_api;
pub mod kill;
mod lock;
pub mod proxy;
pub mod runtime_api;
pub mod script;
pub mod secrecy;
pub mod secret;
pub mod settings;
pub mod store_suite;
pub mod tls;
pub mod wire;
pub mod world;

pub use json_api::{HttpApi, JsonApi};
