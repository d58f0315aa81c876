//! Agents without hosts, for fleets of thousands: they answer as the script does, and remember whether they have keys.

use std::net::Ipv4Addr;
use std::sync::Mutex;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::lock::lock;

/// A host that is there in name only.
pub(super) struct Simulated {
    number: u32,
    /// The last order that it followed.
    order: Mutex<Option<String>>,
}

impl Simulated {
    pub(super) fn new(number: u32) -> Self {
        Self { number, order: Mutex::default() }
    }

    /// Returns its address, in 10/8.
    pub(super) fn address(&self) -> Ipv4Addr {
        let [_, high, middle, low] = (self.number + 1).to_be_bytes();
        Ipv4Addr::new(10, high, middle, low)
    }

    /// Returns how long its agent takes: up to two seconds, as the agents of a busy fleet do.
    pub(super) fn delay(&self) -> Duration {
        Duration::from_millis(u64::from(self.number) * 7 % 2_000)
    }

    /// Returns what the script would print.
    pub(super) fn answer(&self, script: &str) -> String {
        let mut order = lock(&self.order);
        let result = match (script.contains(&BASE64_STANDARD.encode("look")), order.as_deref()) {
            (true, None) => "lacks",
            (true, Some(_)) => "holds",
            (false, Some(known)) if known == script => "same",
            (false, _) => {
                *order = Some(script.to_owned());
                "changed"
            }
        };
        format!("fourstep 1 {result}\nport 22\nhostkey ssh-ed25519 {}\nend\n", self.key())
    }

    /// Returns a public key: any 32 bytes are one.
    fn key(&self) -> String {
        let mut key = b"\0\0\0\x0bssh-ed25519\0\0\0\x20".to_vec();
        key.extend([0x42; 28]);
        key.extend(self.number.to_be_bytes());
        BASE64_STANDARD.encode(key)
    }
}
