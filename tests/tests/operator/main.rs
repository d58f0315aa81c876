//! What an operator does to rotations, by the command `fourstep`, against Secrets Manager, CloudTrail and Lambda over HTTP.
#![allow(clippy::unwrap_used, reason = "what tests call is a test too, which clippy only sees of their own functions")]

mod bad_input;
mod cancelling;
mod configuring;
mod examining;
mod examples;
mod fleets;
mod foreign;
mod interrupted;
mod labels;
mod local;
mod moto;
mod printed;
mod refused;
mod repairing;
mod rotated;
mod starting;
mod states;
mod world;
