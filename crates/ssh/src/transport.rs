//! How orders get to the hosts, and which hosts there are: over Systems Manager or SSH itself, as each secret's settings
//! say.

mod ssh;
mod ssm;

use fourstep::{Context, Error, Result};
use fourstep_aws::SdkConfig;
use tokio::sync::OnceCell;

use crate::host::{Host, Reply};
use crate::known_hosts::KnownHosts;
use crate::order::Order;
use crate::settings::{SshSettings, TransportChoice};
use crate::transport::ssm::SystemsManager;

pub(crate) use ssm::{Needs, pins_path};

/// The ways to the hosts. The client of Systems Manager is made when a secret first needs it.
#[derive(Debug, Default)]
pub(crate) struct Transport {
    systems_manager: OnceCell<SystemsManager>,
}

impl Transport {
    /// Creates one that calls Systems Manager as a configuration says. The default takes it from the environment.
    pub(crate) fn new(configuration: &SdkConfig) -> Self {
        Self { systems_manager: OnceCell::new_with(Some(SystemsManager::new(configuration))) }
    }

    /// Lists the hosts that the settings mean: at least `MIN_HOSTS`, so that nothing is proved by no host. Where not all have to
    /// be listed, it is for the caller to see how many answer.
    pub(crate) async fn hosts(&self, needs: Needs, cx: &Context<'_>) -> Result<Vec<Host>> {
        let hosts = match cx.settings::<SshSettings>().transport {
            TransportChoice::Ssm => self.systems_manager().await.hosts(cx.settings(), needs).await?,
            TransportChoice::Ssh => ssh::hosts(cx.settings())?,
        };
        let (count, least) = (hosts.len(), cx.settings::<SshSettings>().min_hosts as usize);
        if count >= least || needs == Needs::Reachable {
            return Ok(hosts);
        }
        Err(Error::invalid(format!("{count} hosts are found, and MIN_HOSTS asks for {least}")).next(
            "Compare the tag in TAGNAME and TAGVALUE, or fourstep:hosts-tag, with the hosts' own; or lower MIN_HOSTS",
        ))
    }

    /// Adds the pins of the secret that are in Parameter Store, to what the secret itself has.
    pub(crate) async fn add_pins(&self, known: &mut KnownHosts, cx: &Context<'_>) -> Result<()> {
        for (name, text) in self.systems_manager().await.read_pins(cx).await? {
            known.add_pins(&name, &text);
        }
        Ok(())
    }

    /// Makes the pins of the secret that are in Parameter Store those of `known`.
    pub(crate) async fn store_pins(&self, known: &KnownHosts, cx: &Context<'_>) -> Result<()> {
        self.systems_manager().await.write_pins(known, cx).await
    }

    /// Sends an order to all hosts, and returns what came of each. Over SSH, each is logged in to with a version that it
    /// accepts, and `pins` say who it is. Over Systems Manager, hosts that the order reached although they were not among
    /// `hosts` are there too.
    pub(crate) async fn order(
        &self,
        order: &Order<'_>,
        hosts: &[Host],
        pins: &KnownHosts,
        cx: &Context<'_>,
    ) -> Result<Vec<(Host, Reply)>> {
        match cx.settings::<SshSettings>().transport {
            TransportChoice::Ssm => {
                let parameters = order.parameters(&cx.settings::<SshSettings>().document)?;
                self.systems_manager().await.order(&parameters, hosts, cx).await
            }
            TransportChoice::Ssh => ssh::order(&order.command()?, order.user, hosts, pins, cx).await,
        }
    }

    async fn systems_manager(&self) -> &SystemsManager {
        self.systems_manager.get_or_init(SystemsManager::from_environment).await
    }
}
