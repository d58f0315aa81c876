use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use fourstep_server::Reach;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// To which addresses requests may go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowed {
    /// Those of a private network, as the provider file allows.
    pub(crate) private: bool,
    /// This very machine, for tests.
    pub(crate) loopback: bool,
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
