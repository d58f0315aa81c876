//! Rotates the SSH key pair of a user on a fleet of hosts.
#![cfg_attr(not(test), expect(dead_code, reason = "the rotator comes next"))]

#[cfg(test)]
mod against_hosts;
mod answer;
mod edit;
