//! Tests of the whole system, from outside.

/// The README, so that its example is compiled with the doc tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
