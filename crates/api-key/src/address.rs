use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// To which addresses requests may go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowed {
    /// Those of a private network, as the provider file allows.
    pub(crate) private: bool,
    /// This very machine, for tests.
    pub(crate) loopback: bool,
}

/// What an address is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The whole internet.
    Public,
    /// A private network.
    Private,
    /// This very machine, where Lambda has its Runtime API.
    Loopback,
    /// Nobody: link-local, where machines in AWS find their credentials, and what is no address of a host.
    Never,
}

/// Reports that a host's addresses are all refused. It is found again in the error of the HTTP client.
#[derive(Debug)]
pub(crate) struct Refused(pub(crate) Reach);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the address is not allowed")
    }
}

impl std::error::Error for Refused {}

impl Allowed {
    pub(crate) fn admits(self, address: IpAddr) -> Result<(), Refused> {
        let reach = Reach::of(address);
        let admitted = match reach {
            Reach::Public => true,
            Reach::Private => self.private,
            Reach::Loopback => self.loopback,
            Reach::Never => false,
        };
        if admitted { Ok(()) } else { Err(Refused(reach)) }
    }
}

impl Reach {
    /// <https://www.iana.org/assignments/iana-ipv4-special-registry/>,
    /// <https://www.iana.org/assignments/iana-ipv6-special-registry/>
    pub(crate) fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => Self::of_v6(address),
        }
    }

    fn of_v4(address: Ipv4Addr) -> Self {
        match address.octets() {
            [127, ..] => Self::Loopback,
            [10, ..] | [192, 168, ..] | [172, 16..=31, ..] | [100, 64..=127, ..] => Self::Private,
            // This network; link-local; IETF's own; documentation; benchmarks; multicast; reserved and broadcast.
            [0, ..]
            | [169, 254, ..]
            | [192, 0, 0 | 2, _]
            | [198, 51, 100, _]
            | [203, 0, 113, _]
            | [198, 18..=19, ..]
            | [224..=255, ..] => Self::Never,
            _ => Self::Public,
        }
    }

    fn of_v6(address: Ipv6Addr) -> Self {
        if let Some(inner) = address.to_ipv4_mapped() {
            return Self::of_v4(inner);
        }
        let embedded = |high: u16, low: u16| {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            Self::of_v4(Ipv4Addr::new(a, b, c, d))
        };
        match address.segments() {
            [0, 0, 0, 0, 0, 0, 0, 1] => Self::Loopback,
            // NAT64 and 6to4 lead to the IPv4 address that is in them.
            [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
            [0x2002, high, low, ..] => embedded(high, low),
            // Where machines in AWS find their credentials.
            [0xfd00, 0xec2, ..] => Self::Never,
            [0xfc00..=0xfdff, ..] => Self::Private,
            // All that is unicast and global is in 2000::/3, but for documentation and Teredo.
            [0x2001, 0xdb8 | 0, ..] | [0x3fff, ..] => Self::Never,
            [0x2000..=0x3fff, ..] => Self::Public,
            _ => Self::Never,
        }
    }
}

/// Looks names up and returns only addresses that are allowed, so that requests go to the addresses that were checked.
impl Resolve for Allowed {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = *self;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let mut refused = None;
            let mut admitted = Vec::new();
            for address in found {
                match allowed.admits(address.ip()) {
                    Ok(()) => admitted.push(address),
                    Err(refusal) => refused = Some(refusal),
                }
            }
            match refused {
                Some(refusal) if admitted.is_empty() => Err(refusal.into()),
                _ => Ok(Box::new(admitted.into_iter()) as Addrs),
            }
        })
    }
}

impl Allowed {
    pub(crate) fn resolver(self) -> Arc<Self> {
        Arc::new(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_address_is_known() {
        for (reach, addresses) in [
            (Reach::Public, &["1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8"][..]),
            (
                Reach::Private,
                &[
                    "10.0.0.1",
                    "172.16.0.1",
                    "172.31.255.1",
                    "192.168.1.1",
                    "100.64.0.1",
                    "fc00::1",
                    "fd12::1",
                    "::ffff:10.0.0.1",
                ],
            ),
            (Reach::Loopback, &["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"]),
            (
                Reach::Never,
                &[
                    "0.0.0.0",
                    "169.254.169.254",
                    "169.254.170.2",
                    "224.0.0.1",
                    "255.255.255.255",
                    "192.0.2.1",
                    "::",
                    "fe80::1",
                    "ff02::1",
                    "fd00:ec2::254",
                    "64:ff9b::a9fe:a9fe",
                    "2002:a9fe:a9fe::1",
                    "::ffff:169.254.169.254",
                    "2001:db8::1",
                    "198.18.0.1",
                ],
            ),
        ] {
            for address in addresses {
                assert_eq!(Reach::of(address.parse().unwrap()), reach, "{address}");
            }
        }
    }

    #[test]
    fn nothing_lets_link_local_addresses_in() {
        let all = Allowed { private: true, loopback: true };
        all.admits("169.254.169.254".parse().unwrap()).unwrap_err();
        all.admits("10.0.0.1".parse().unwrap()).unwrap();
        let public = Allowed { private: false, loopback: false };
        public.admits("10.0.0.1".parse().unwrap()).unwrap_err();
        public.admits("127.0.0.1".parse().unwrap()).unwrap_err();
    }

    #[tokio::test]
    async fn a_name_that_leads_to_this_machine_is_refused() {
        let look_up = |allowed: Allowed| async move { allowed.resolve("localhost".parse().unwrap()).await };
        let error = look_up(Allowed { private: true, loopback: false }).await.err().unwrap();
        assert_eq!(error.downcast_ref::<Refused>().unwrap().0, Reach::Loopback);
        assert!(look_up(Allowed { private: false, loopback: true }).await.unwrap().count() > 0);
    }
}
