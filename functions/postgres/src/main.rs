//! Fourstep.

fn main() {}
