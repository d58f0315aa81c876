//! The template, the functions, the settings and the README: what one has, the others have. And what `cargo xtask
//! package` made of them, deployed on an emulation of AWS.
// What the tests share is outside of the functions that clippy knows as tests.
#![allow(clippy::unwrap_used)]

mod access;
mod cdk;
mod deployed;
mod document;
mod examples;
mod packages;
mod parameters;
mod permissions;
mod policies;
mod resolved;
mod security;
mod settings;
mod specification;
mod template;
mod terraform;
