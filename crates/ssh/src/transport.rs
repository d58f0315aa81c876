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

    /// Lists the hosts that the settings mean: at least `MIN_HOSTS`, so that nothing is proved by no host.
    pub(crate) async fn hosts(&self, cx: &Context<'_>) -> Result<Vec<Host>> {
        let hosts = match cx.settings::<SshSettings>().transport {
            TransportChoice::Ssm => self.systems_manager().await.hosts(cx.settings()).await?,
            TransportChoice::Ssh => ssh::hosts(cx.settings())?,
        };
        let (count, least) = (hosts.len(), cx.settings::<SshSettings>().min_hosts as usize);
        if count >= least {
            return Ok(hosts);
        }
        let without_agent = match self.without_agent(&hosts, cx).await {
            ids if ids.is_empty() => String::new(),
            ids => format!("; {} with the tag have no agent: {}", ids.len(), ids.join(", ")),
        };
        Err(Error::invalid(format!("{count} hosts are found, and MIN_HOSTS asks for {least}{without_agent}"))
            .next("Compare the tag in TAGNAME and TAGVALUE, or fourstep:hosts-tag, with the hosts in Fleet Manager: only those with an agent are found; or lower MIN_HOSTS"))
    }

    /// Logs the instances that bear the tag and have no agent, and returns their ids. They hold no key of the secret, so
    /// none of them keeps a rotation from going on; nor does a failure to look.
    pub(crate) async fn without_agent(&self, hosts: &[Host], cx: &Context<'_>) -> Vec<String> {
        if cx.settings::<SshSettings>().transport == TransportChoice::Ssh {
            return Vec::new();
        }
        let ids = self.systems_manager().await.without_agent(hosts, cx.settings()).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "instances with the tag and without an agent cannot be looked for");
            Vec::new()
        });
        for id in &ids {
            tracing::warn!(
                host = id,
                "this instance has the tag and no agent of Systems Manager: it gets no key. Install the agent, or take the tag away; if it was terminated, nothing is to be done"
            );
        }
        ids
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
