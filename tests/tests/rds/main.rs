//! Administrators whose server only Amazon RDS knows: against moto, and the real function with the real server.
// What the tests share is outside of the functions that clippy knows as tests.
#![allow(clippy::unwrap_used)]

mod clusters;
mod function;
mod moto;
