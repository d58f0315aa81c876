//! The host keys that are pinned, in the format of OpenSSH's `known_hosts`, so that consumers use them as they are.

use std::collections::BTreeMap;

use russh::keys::ssh_key::known_hosts::{Entry, Marker};
use russh::keys::{Algorithm, PublicKey};

use crate::host::{Host, Name};
use crate::host_patterns::matches;
use crate::order;
use crate::trust::Trust;

/// The lines of the secret's `KnownHosts`.
#[derive(Clone, Debug, Default)]
pub(crate) struct KnownHosts {
    /// Lines of the owner's, as they are.
    others: Vec<Line>,
    /// What was pinned, by the ids of the hosts.
    pins: BTreeMap<String, Pin>,
}

#[derive(Clone, Debug)]
struct Line {
    text: String,
    /// What it says of which hosts, where it is more than a comment.
    entry: Option<Entry>,
}

/// The key by which a host is known, and where it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pin {
    places: Vec<String>,
    key: PublicKey,
    /// The parameter of Parameter Store in which it is, where it is not in the secret.
    parameter: Option<String>,
}

/// What stands before the id of the host for which a line was pinned.
const MARK: &str = "fourstep:";

impl KnownHosts {
    /// Reads lines. What is no pin of ours stays as it is.
    pub(crate) fn read(text: &str) -> Self {
        let mut known = Self::default();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let line = Line::read(line);
            match line.pin() {
                Some((id, pin)) => known.insert(id, pin),
                None => known.others.push(line),
            }
        }
        known
    }

    /// Adds the pins of hosts from another place. Nothing else counts there: authorities and patterns are the owner's, who writes
    /// the secret. `parameter` is the name of the place.
    pub(crate) fn add_pins(&mut self, parameter: &str, text: &str) {
        let is_place =
            |text: &String| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte));
        for (id, pin) in text.lines().filter_map(|line| Line::read(line).pin()) {
            if pin.places.iter().all(is_place) {
                self.insert(id, Pin { parameter: Some(parameter.to_owned()), ..pin });
            }
        }
    }

    /// Returns what proves that a host is the one that is meant: what was pinned for its id and, where nothing was, the
    /// owner's lines for where it is; and the authorities that the owner names for hosts of that name.
    pub(crate) fn of(&self, host: &Host) -> Trust {
        let places = places(host, host.port.unwrap_or(22));
        // Authorities sign names; a port is no part of them.
        let bare = places_without_port(host);
        let entries = self.others.iter().filter_map(|line| line.entry.as_ref());
        let (mut trust, mut by_hand) = (Trust::of(bare.clone()), Vec::new());
        for entry in entries {
            let key = entry.public_key();
            match entry.marker() {
                None if matches(entry.host_patterns(), &places) => by_hand.push(key.clone()),
                Some(Marker::CertAuthority) if matches(entry.host_patterns(), &bare) => {
                    trust.authorities.push(key.clone());
                }
                Some(Marker::Revoked) if matches(entry.host_patterns(), &bare) => trust.revoked.push(key.clone()),
                _ => {}
            }
        }
        trust.keys = match self.pins.get(&host.id) {
            Some(pin) => {
                trust.parameter.clone_from(&pin.parameter);
                vec![pin.key.clone()]
            }
            None => by_hand,
        };
        trust
    }

    /// Returns the port at which a host was pinned.
    pub(crate) fn port_of(&self, host: &Host) -> Option<u16> {
        let place = self.pins.get(&host.id)?.places.first()?;
        place.rsplit_once("]:").map_or(Some(22), |(_, port)| port.parse().ok())
    }

    /// Pins a host by the best of its keys, at its address, its names and its port.
    pub(crate) fn pin(&mut self, host: &Host, port: Option<u16>, keys: &[PublicKey]) {
        let Some(key) = keys.iter().min_by_key(|key| rank(key)) else { return };
        let pin = Pin { places: places(host, port.unwrap_or(22)), key: without_comment(key), parameter: None };
        self.pins.insert(host.id.clone(), pin);
    }

    /// Forgets the hosts of ours that are not among `hosts`, and notes where the others are by now. Lines of others stay.
    pub(crate) fn keep(&mut self, hosts: &[Host]) {
        let mut kept = BTreeMap::new();
        for host in hosts {
            let port = self.port_of(host).unwrap_or(22);
            let Some(mut pin) = self.pins.remove(&host.id) else { continue };
            if host.address != host.id {
                // Where nobody said by what name it is called, it is called as before.
                let names = pin.places.split_off(1.min(pin.places.len())).into_iter();
                pin.places = places(host, port);
                pin.places.extend(names.filter(|_| host.name == Name::Unknown));
            }
            kept.insert(host.id.clone(), pin);
        }
        self.pins = kept;
    }

    /// Returns the owner's lines.
    pub(crate) fn others(&self) -> String {
        self.others.iter().map(|line| format!("{}\n", line.text)).collect()
    }

    /// Returns a line for each pin, with the id of its host, in the order of the ids.
    pub(crate) fn pins(&self) -> impl Iterator<Item = (&str, String)> {
        self.pins.iter().filter_map(|(id, pin)| {
            let (places, blob) = (pin.places.join(","), order::blob(&pin.key).ok()?);
            Some((id.as_str(), format!("{places} {} {blob} {MARK}{id}\n", pin.key.algorithm())))
        })
    }

    /// A host has one pin: of several lines, as there were once, the best key's.
    fn insert(&mut self, id: String, pin: Pin) {
        let better = self.pins.get(&id).is_none_or(|known| rank(&pin.key) < rank(&known.key));
        if better {
            self.pins.insert(id, pin);
        }
    }
}

impl Line {
    fn read(text: &str) -> Self {
        let words: Vec<_> = text.split_whitespace().collect();
        let entry = words.join(" ").parse().ok().filter(|_| !text.starts_with('#'));
        Self { text: text.to_owned(), entry }
    }

    /// Returns the pin of ours that the line is, and the id of its host.
    fn pin(&self) -> Option<(String, Pin)> {
        let entry = self.entry.as_ref().filter(|entry| entry.marker().is_none())?;
        let id = entry.public_key().comment().as_str_lossy().strip_prefix(MARK)?.to_owned();
        let places = self.text.split_whitespace().next()?.split(',').map(str::to_owned).collect();
        Some((id, Pin { places, key: without_comment(entry.public_key()), parameter: None }))
    }
}

/// The order in which OpenSSH's clients of today prefer keys of hosts.
fn rank(key: &PublicKey) -> u8 {
    match key.algorithm() {
        Algorithm::Ed25519 => 0,
        Algorithm::Ecdsa { .. } => 1,
        _ => 2,
    }
}

fn without_comment(key: &PublicKey) -> PublicKey {
    PublicKey::new(key.key_data().clone(), "")
}

/// Returns where a host is, as OpenSSH writes it: by its address, and by its names.
fn places(host: &Host, port: u16) -> Vec<String> {
    let place = |name: String| if port == 22 { name } else { format!("[{name}]:{port}") };
    places_without_port(host).into_iter().map(place).collect()
}

fn places_without_port(host: &Host) -> Vec<String> {
    let name = match &host.name {
        Name::Is(name) => Some(name.clone()),
        Name::None | Name::Unknown => None,
    };
    [host.address.clone()].into_iter().chain(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Presence;
    use crate::order::tests::{KEY, key};

    impl KnownHosts {
        pub(crate) fn write(&self) -> String {
            self.others() + &self.pins().map(|(_, line)| line).collect::<String>()
        }
    }

    fn host(id: &str, address: &str) -> Host {
        Host {
            id: id.to_owned(),
            address: address.to_owned(),
            port: None,
            name: Name::None,
            user: None,
            presence: Presence::Online,
        }
    }

    const ECDSA: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQEezOmxkZMy7opKgwFB9nkt5YRrYMjNuG5N87uRgg6CLrbo5wAdT/y6v0mKV0U2w0WZ2YB/++Tpockg=";

    #[test]
    fn from_another_place_come_pins_of_hosts_and_nothing_else() {
        let mut known = KnownHosts::read("");
        let (bare, _) = KEY.rsplit_once(' ').unwrap();
        let pin = |place: &str, id: &str| format!("{place} {bare} {MARK}{id}\n");
        known.add_pins(
            "/p",
            &format!("@cert-authority * {KEY}\n* {KEY}\n{}{}", pin("*", "i-1"), pin("!x,10.0.0.9", "i-2")),
        );
        assert_eq!(known.write(), "");
        known.add_pins("/p", &pin("10.0.0.5,[host.internal]:2222", "i-3"));
        assert_eq!(known.pins().count(), 1);
    }

    #[test]
    fn a_pin_follows_the_host_and_not_its_address() {
        let mut known = KnownHosts::read("# mine\nbastion ssh-ed25519 AAAA\n");
        let named = Host { name: Name::Is("web.internal".to_owned()), ..host("i-1", "10.0.0.1") };
        known.pin(&named, Some(2222), &[key(ECDSA), key(KEY)]);
        let blob = KEY.split(' ').nth(1).unwrap();
        let text = format!(
            "# mine\nbastion ssh-ed25519 AAAA\n[10.0.0.1]:2222,[web.internal]:2222 ssh-ed25519 {blob} fourstep:i-1\n"
        );
        assert_eq!(known.write(), text, "one key of a host, the best");
        let mut known = KnownHosts::read(&text);
        assert_eq!(known.of(&host("i-1", "10.0.0.9")).keys.len(), 1, "its address changed");
        assert_eq!(known.port_of(&host("i-1", "10.0.0.9")), Some(2222));
        assert!(known.of(&host("i-2", "10.0.0.1")).keys.is_empty(), "another host has its address now");
        let unasked = Host { name: Name::Unknown, ..host("i-1", "10.0.0.8") };
        known.keep(&[unasked]);
        assert!(known.write().contains("\n[10.0.0.8]:2222,[web.internal]:2222 ssh-ed25519 "), "{}", known.write());
        known.keep(&[host("i-1", "10.0.0.9")]);
        assert!(known.write().contains("\n[10.0.0.9]:2222 ssh-ed25519 "), "{}", known.write());
    }

    #[test]
    fn of_three_lines_for_a_host_the_best_is_kept() {
        let line =
            |key: &str| format!("10.0.0.1 {} fourstep:i-1\n", key.split(' ').take(2).collect::<Vec<_>>().join(" "));
        for text in [line(ECDSA) + &line(KEY), line(KEY) + &line(ECDSA)] {
            assert_eq!(KnownHosts::read(&text).write(), line(KEY));
        }
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
        assert_eq!(known.of(&host("web", "10.0.0.3")).keys.len(), 1, "pinned by hand, by its address");
    }

    #[test]
    fn the_owners_lines_count_by_pattern_hash_and_marker() {
        let hashed = "|1|MH+THBPJW5YFj7xwxYEL+7sE03g=|ShKC08hZw/cdolfg2xOGhHwBTk0=";
        let text = format!(
            "{hashed} {KEY}\n10.0.1.*,!10.0.1.7\t{KEY}\n@cert-authority *.internal {ECDSA}\n@revoked * {ECDSA}\n@nonsense * {KEY}\n"
        );
        let known = KnownHosts::read(&text);
        assert_eq!(known.write(), text);
        let keys = |address: &str| known.of(&host("web", address)).keys.len();
        assert_eq!([keys("192.168.1.61"), keys("10.0.1.9"), keys("10.0.1.7"), keys("10.0.2.9")], [1, 1, 0, 0]);
        let trust = known.of(&host("web", "a.internal"));
        assert_eq!((trust.authorities.len(), trust.revoked.len()), (1, 1));
        assert!(known.of(&host("web", "a.example")).authorities.is_empty());
    }
}
