//! Fourstep.
