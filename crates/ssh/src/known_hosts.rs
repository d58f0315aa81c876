//! The host keys that are pinned, in the format of OpenSSH's `known_hosts`, so that consumers use them as they are.

use russh::keys::{HashAlg, PublicKey};

use crate::host::Host;
use crate::order;

/// The lines of the secret's `KnownHosts`.
#[derive(Clone, Debug)]
pub(crate) struct KnownHosts(Vec<Line>);

#[derive(Clone, Debug)]
struct Line {
    text: String,
    /// The key of the line, if it is one: where it holds, and for which host it was pinned.
    pinned: Option<Pinned>,
}

#[derive(Clone, Debug)]
struct Pinned {
    places: String,
    key: PublicKey,
    host: Option<String>,
}

/// What stands before the id of the host for which a line was pinned.
const MARK: &str = "fourstep:";

impl KnownHosts {
    /// Reads lines. What is no key of a host stays as it is.
    pub(crate) fn read(text: &str) -> Self {
        Self(text.lines().filter(|line| !line.trim().is_empty()).map(Line::read).collect())
    }

    /// Returns the keys that are pinned for a host: by its id, or where nobody pinned one by that, by its address.
    pub(crate) fn of(&self, host: &Host) -> Vec<PublicKey> {
        let pinned = || self.0.iter().filter_map(|line| line.pinned.as_ref());
        let by_id: Vec<_> = pinned()
            .filter(|pinned| pinned.host.as_deref() == Some(&host.id))
            .map(|pinned| pinned.key.clone())
            .collect();
        if !by_id.is_empty() {
            return by_id;
        }
        let place = place(&host.address, host.port.unwrap_or(22));
        let here = |pinned: &&Pinned| pinned.host.is_none() && pinned.places.split(',').any(|at| at == place);
        pinned().filter(here).map(|pinned| pinned.key.clone()).collect()
    }

    /// Returns the port at which a host was pinned.
    pub(crate) fn port_of(&self, host: &Host) -> Option<u16> {
        let pinned = self.0.iter().filter_map(|line| line.pinned.as_ref());
        let line = pinned.into_iter().find(|pinned| pinned.host.as_deref() == Some(&host.id))?;
        line.places.rsplit_once("]:").map_or(Some(22), |(_, port)| port.parse().ok())
    }

    /// Pins the keys of a host, at its address and port.
    pub(crate) fn pin(&mut self, host: &Host, port: Option<u16>, keys: &[PublicKey]) {
        self.0.retain(|line| line.host() != Some(&host.id));
        let place = place(&host.address, port.unwrap_or(22));
        for key in keys {
            let Ok(blob) = order::blob(key) else { continue };
            self.0.push(Line::read(&format!("{place} {} {blob} {MARK}{}", key.algorithm(), host.id)));
        }
    }

    /// Forgets the hosts of ours that are not among `hosts`. Lines of others stay.
    pub(crate) fn keep(&mut self, hosts: &[Host]) {
        self.0.retain(|line| line.host().is_none_or(|id| hosts.iter().any(|host| host.id == *id)));
    }

    /// Returns the text of all lines.
    pub(crate) fn write(&self) -> String {
        self.0.iter().map(|line| format!("{}\n", line.text)).collect()
    }
}

impl Line {
    fn read(text: &str) -> Self {
        Self { text: text.to_owned(), pinned: Self::pinned(text) }
    }

    fn pinned(text: &str) -> Option<Pinned> {
        // A line with a marker names an authority, or a key that is revoked.
        if text.starts_with(['#', '@', '|']) {
            return None;
        }
        let (places, key) = text.trim().split_once(char::is_whitespace)?;
        let key = PublicKey::from_openssh(key.trim()).ok()?;
        let host = key.comment().as_str_lossy().strip_prefix(MARK).map(str::to_owned);
        Some(Pinned { places: places.to_owned(), key, host })
    }

    fn host(&self) -> Option<&String> {
        self.pinned.as_ref()?.host.as_ref()
    }
}

/// Writes a place as OpenSSH does.
fn place(address: &str, port: u16) -> String {
    if port == 22 { address.to_owned() } else { format!("[{address}]:{port}") }
}

/// Returns whether a host shows one of the keys that are pinned.
pub(crate) fn is_one_of(key: &PublicKey, pins: &[PublicKey]) -> bool {
    pins.iter().any(|pin| pin.key_data() == key.key_data())
}

/// Names keys as `ssh-keygen -l` does.
pub(crate) fn fingerprints(keys: &[PublicKey]) -> String {
    keys.iter().map(|key| key.fingerprint(HashAlg::Sha256).to_string()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::tests::{KEY, key};

    fn host(id: &str, address: &str) -> Host {
        Host { id: id.to_owned(), address: address.to_owned(), port: None, online: true }
    }

    #[test]
    fn a_pin_follows_the_host_and_not_its_address() {
        let mut known = KnownHosts::read("# mine\nbastion ssh-ed25519 AAAA\n");
        known.pin(&host("i-1", "10.0.0.1"), Some(2222), &[key(KEY)]);
        let blob = KEY.split(' ').nth(1).unwrap();
        let text = format!("# mine\nbastion ssh-ed25519 AAAA\n[10.0.0.1]:2222 ssh-ed25519 {blob} fourstep:i-1\n");
        assert_eq!(known.write(), text);
        let known = KnownHosts::read(&text);
        assert_eq!(known.of(&host("i-1", "10.0.0.9")).len(), 1, "its address changed");
        assert_eq!(known.port_of(&host("i-1", "10.0.0.9")), Some(2222));
        assert_eq!(known.of(&host("i-2", "10.0.0.1")).len(), 0, "another host has its address now");
    }

    #[test]
    fn lines_of_others_stay_and_hosts_that_are_gone_go() {
        let mut known = KnownHosts::read(&format!("# mine\n10.0.0.3 {KEY}\n"));
        known.pin(&host("i-1", "10.0.0.1"), None, &[key(KEY)]);
        known.pin(&host("i-2", "10.0.0.2"), None, &[key(KEY)]);
        known.keep(&[host("i-2", "10.0.0.2")]);
        let text = known.write();
        assert!(text.starts_with(&format!("# mine\n10.0.0.3 {KEY}\n10.0.0.2 ssh-ed25519 ")), "{text}");
        assert_eq!(text.lines().count(), 3);
        assert_eq!(known.of(&host("web", "10.0.0.3")).len(), 1, "pinned by hand, by its address");
    }
}
