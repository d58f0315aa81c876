use std::fmt;
use std::net::SocketAddr;

use crate::settings::AddressSettings;

/// Why there is no address to connect to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoAddress {
    /// The name has none.
    Unresolved,
    /// One is not for sessions: see [`look_up`].
    Refused,
}

impl NoAddress {
    /// What to do about an address that is refused.
    pub const TO_ALLOW: &'static str = "Correct the host; or if it is meant, as for a proxy on the function's own machine, let the function's owner list the address in the variable `LOCAL_ADDRESSES`";
}

impl fmt::Display for NoAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unresolved => "does not resolve to an address",
            Self::Refused => {
                "leads to an address that this function does not connect to: of its own machine, link-local, or of no host"
            }
        })
    }
}

/// Looks a host's name up, and returns its addresses, with the port. What is an address already is not looked up.
///
/// Whoever writes a secret names a host, and may control its DNS. So no session goes to this very machine, where Lambda
/// has its Runtime API, nor to link-local addresses, where machines in AWS find their credentials, nor to what is no
/// address of a host, unless the owner lists it in [`AddressSettings::local_addresses`]. Private networks are admitted:
/// databases are there. **Where a name has several addresses, all have to be admitted.** The result does not tell which
/// was not.
///
/// A session that goes to one of these addresses is safe from a name that changes meanwhile. Of one that looks the name
/// up again, see [`Destination::log_in`](crate::Destination::log_in).
///
/// # Errors
///
/// The name has no address, or one is refused.
pub async fn look_up(host: &str, port: u16, settings: &AddressSettings) -> Result<Vec<SocketAddr>, NoAddress> {
    let found = tokio::net::lookup_host((host, port)).await.map_err(|_| NoAddress::Unresolved)?;
    admitted(found.collect(), settings)
}

fn admitted(found: Vec<SocketAddr>, settings: &AddressSettings) -> Result<Vec<SocketAddr>, NoAddress> {
    if found.is_empty() {
        return Err(NoAddress::Unresolved);
    }
    match found.iter().all(|address| settings.admits(address.ip())) {
        true => Ok(found),
        false => Err(NoAddress::Refused),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_refused_if_one_of_its_addresses_is() {
        let of = |addresses: &[&str]| {
            let found = addresses.iter().map(|address| SocketAddr::new(address.parse().unwrap(), 5432)).collect();
            admitted(found, &AddressSettings::default()).map(|admitted| admitted.len())
        };
        assert_eq!(of(&["10.0.0.1", "fd12::1", "1.1.1.1"]), Ok(3));
        assert_eq!(of(&["10.0.0.1", "127.0.0.1"]), Err(NoAddress::Refused));
        assert_eq!(of(&["::ffff:169.254.169.254", "10.0.0.1"]), Err(NoAddress::Refused));
        assert_eq!(of(&[]), Err(NoAddress::Unresolved));
    }

    #[tokio::test]
    async fn a_name_is_judged_by_what_it_leads_to() {
        let settings = AddressSettings::default();
        for host in ["localhost", "127.1", "2130706433", "0x7f.1", "0", "::1"] {
            assert_eq!(look_up(host, 1, &settings).await, Err(NoAddress::Refused), "{host}");
        }
        assert_eq!(look_up("no-such-host.invalid", 1, &settings).await, Err(NoAddress::Unresolved));
        assert_eq!(look_up("10.0.0.1", 1, &settings).await, Ok(vec!["10.0.0.1:1".parse().unwrap()]));
    }
}
