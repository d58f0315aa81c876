use std::net::IpAddr;
use std::path::PathBuf;

use fourstep::settings::{Patterns, read};

use crate::address::Reach;

/// Which certificate authorities are trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsSettings {
    /// A PEM file with roots that are trusted beside the built-in ones.
    pub tls_ca_bundle: Option<PathBuf>,
}

fourstep::settings! { TlsSettings;
    "", "TLS_CA_BUNDLE",
        "the path of a PEM file", "none",
        "roots that are trusted beside the built-in Amazon roots",
        Owner, Unset, |group, value| read::set(&mut group.tls_ca_bundle, Some(Some(PathBuf::from(value))));
}

/// To which addresses sessions go beside those of the internet and of private networks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AddressSettings {
    /// Addresses as RFC 5952 writes them, of this very machine or link-local.
    pub local_addresses: Patterns,
}

fourstep::settings! { AddressSettings;
    "", "LOCAL_ADDRESSES",
        "addresses with `*` for any characters, separated by commas, as 127.*, ::1", "none",
        "the addresses of the function's own machine, or link-local ones, to which sessions with databases and SSH hosts may go: for tests, and for a proxy on the same machine",
        Owner, Unset, |group, value| read::set(&mut group.local_addresses, addresses(value));
}

impl AddressSettings {
    /// Returns whether a session may go to an address. An IPv4 address in the form of IPv6 counts as the former.
    #[must_use]
    pub fn admits(&self, address: IpAddr) -> bool {
        match Reach::of(address) {
            Reach::Public | Reach::Private => true,
            Reach::Loopback | Reach::Never => self.local_addresses.list(&address.to_canonical().to_string()),
        }
    }
}

/// A name among them would list nothing, since addresses are compared.
fn addresses(value: &str) -> Option<Patterns> {
    let value = value.to_ascii_lowercase();
    let plain = |sign: u8| sign.is_ascii_hexdigit() || b".:*, ".contains(&sign);
    Patterns::parse(&value).filter(|_| value.bytes().all(plain))
}

#[cfg(test)]
mod tests {
    use fourstep_testkit::settings::{Case, group, hold};

    use super::*;

    #[test]
    fn each_setting_is_read_and_refused() {
        let cases: &[Case<TlsSettings>] = &[Case {
            tag: None,
            variable: Some("TLS_CA_BUNDLE"),
            look: |group| format!("{:?}", group.tls_ca_bundle),
            default: "None",
            good: &[("/opt/ca.pem", "Some(\"/opt/ca.pem\")")],
            bad: &[],
        }];
        hold::<TlsSettings>(cases, &[]);
    }

    #[test]
    fn each_setting_of_addresses_is_read_and_refused() {
        let cases: &[Case<AddressSettings>] = &[Case {
            tag: None,
            variable: Some("LOCAL_ADDRESSES"),
            look: |group| group.local_addresses.to_string(),
            default: "",
            good: &[("127.*, ::1", "127.*, ::1"), ("FE80::*", "fe80::*"), ("*", "*")],
            bad: &["localhost", "127.0.0.1,", "127.0.0.1/8", "127.0.0.1;::1"],
        }];
        hold::<AddressSettings>(cases, &[]);
    }

    #[test]
    fn only_listed_addresses_of_this_machine_are_admitted() {
        let admits = |listed: &str, address: &str| {
            let settings = group::<AddressSettings>(&[("LOCAL_ADDRESSES", listed)], &[]).unwrap();
            settings.admits(address.parse().unwrap())
        };
        for address in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", "::", "169.254.169.254", "fd00:ec2::254"] {
            assert!(!admits("", address) && !admits("10.*", address) && admits("*", address), "{address}");
        }
        assert!(admits("127.*, ::1", "127.0.0.1") && admits("127.*, ::1", "::ffff:127.9.9.9"));
        assert!(admits("127.*, ::1", "::1") && !admits("127.*, ::1", "169.254.169.254"));
        for address in ["10.0.0.1", "192.168.1.1", "fd12::1", "1.1.1.1", "2606:4700::1111"] {
            assert!(admits("", address), "{address}");
        }
    }
}
