//! Hosts by AWS Systems Manager and EC2: which there are, and where.

mod ec2;
mod instances;
mod orders;
mod parameters;

use std::collections::BTreeMap;
use std::net::IpAddr;

use aws_sdk_ssm::Client;
use aws_sdk_ssm::types::{InstanceInformationStringFilter, PingStatus, PlatformType};
use fourstep::{Error, Result};
use fourstep_aws::SdkConfig;

use crate::error::{Operation, classify};
use crate::host::{Host, Name, Presence, System};
use crate::settings::{HostNames, SshSettings};
use crate::transport::ssm::ec2::Ec2;
use crate::transport::ssm::instances::{Instance, State};

pub(crate) use parameters::pins_path;

/// How many ids one filter may name.
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DescribeInstanceInformation.html>
const MOST_IDS: usize = 50;

/// Systems Manager, and the service that knows what state an instance is in.
#[derive(Clone, Debug)]
pub(crate) struct SystemsManager {
    client: Client,
    ec2: Ec2,
}

/// Which hosts have to be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Every one, since it is decided whether a key is on enough of them.
    All,
    /// Those that can be reached: what is to be promoted is promoted, and keys are brought or taken away where they can be.
    Reachable,
}

impl SystemsManager {
    pub(crate) fn new(configuration: &SdkConfig) -> Self {
        Self { client: Client::new(configuration), ec2: Ec2::new(configuration) }
    }

    pub(crate) async fn from_environment() -> Self {
        Self::new(&fourstep_aws::configuration().await)
    }

    /// Lists the hosts that the settings mean, whether or not they run and their agents answer. What was terminated is none.
    pub(crate) async fn hosts(&self, settings: &SshSettings, needs: Needs) -> Result<Vec<Host>> {
        let (mut hosts, instances) = tokio::try_join!(self.managed(settings), self.instances(settings, needs))?;
        let is_whole = instances.is_some();
        for instance in instances.unwrap_or_default() {
            let listed = hosts.remove(&instance.id);
            if instance.state == State::Terminated {
                tracing::info!(host = instance.id, "this instance was terminated: it is no host any more");
                continue;
            }
            let mut host = listed.unwrap_or_else(|| unlisted(instance.id.clone(), instance.state));
            host.presence = match (instance.system, host.presence) {
                (_, Presence::Foreign(system)) => Presence::Foreign(system),
                // An agent that reports knows its system: an image may have been made of another's.
                (_, Presence::Online) if instance.state == State::Runs => Presence::Online,
                (Some(system), _) => Presence::Foreign(system),
                (None, _) if instance.state == State::Stopped => Presence::Stopped,
                (None, presence) => presence,
            };
            believe(&mut host, &instance.addresses);
            host.name = instance.name(&settings.host_names);
            hosts.insert(instance.id, host);
        }
        let mut hosts: Vec<_> = hosts.into_values().collect();
        leave_out_shared_names(&mut hosts);
        if settings.narrows() {
            // Whether there is such a host at all is not said: it may be somebody else's.
            let stranger = settings.hosts.iter().find(|id| !hosts.iter().any(|host| host.id == **id));
            if let Some(stranger) = stranger.filter(|_| is_whole) {
                return Err(Error::invalid(format!(
                    "the tag fourstep:hosts names `{stranger}`, which is none of the hosts with the tag"
                ))
                .next("Remove it from the tag, or give the host the tag of hosts; or let the function's owner name it in SSH_HOSTS"));
            }
            hosts.retain(|host| settings.hosts.contains(&host.id));
        }
        for id in &settings.hosts {
            if !hosts.iter().any(|host| host.id == *id) {
                // It has no agent that ever reported.
                hosts.push(Host { presence: Presence::Silent, ..unlisted(id.clone(), State::Runs) });
            }
        }
        if needs == Needs::Reachable {
            // What is promoted is not held up by a host that joined the others since.
            for host in hosts.iter().filter(|host| host.is_foreign()) {
                tracing::warn!(
                    host = host.id,
                    "the script does not run on the system of this host: take the tag of hosts away from it"
                );
            }
            hosts.retain(|host| !host.is_foreign());
        }
        Ok(hosts)
    }

    /// Lists the hosts whose agents Systems Manager knows, and which are not stopped.
    async fn managed(&self, settings: &SshSettings) -> Result<BTreeMap<String, Host>> {
        let mut hosts = BTreeMap::new();
        for filters in filters(settings)? {
            let mut pages = self
                .client
                .describe_instance_information()
                .set_filters(Some(filters))
                .max_results(50)
                .into_paginator()
                .send();
            while let Some(page) = pages.next().await {
                let page = page.map_err(|error| classify(&error, Operation::DescribeInstanceInformation))?;
                for instance in page.instance_information_list.unwrap_or_default() {
                    let Some(id) = instance.instance_id else { continue };
                    let presence = match (instance.platform_type, instance.ping_status) {
                        (Some(PlatformType::Windows), _) => Presence::Foreign(System::Windows),
                        (Some(PlatformType::Macos), _) => Presence::Foreign(System::MacOs),
                        (_, Some(PingStatus::Online)) => Presence::Online,
                        _ => Presence::Silent,
                    };
                    // An agent tells its address itself: nothing but an address is taken from it.
                    let address = instance.ip_address.and_then(|text| text.parse::<IpAddr>().ok());
                    let address = address.map_or_else(|| id.clone(), |address| address.to_string());
                    // EC2 knows the names of instances alone.
                    let nameless = settings.host_names == HostNames::None || id.starts_with("mi-");
                    let name = if nameless { Name::None } else { Name::Unknown };
                    hosts.insert(id.clone(), Host { id, address, name, user: None, port: None, presence });
                }
            }
        }
        Ok(hosts)
    }

    /// Lists the instances that the settings mean, as EC2 knows them. Hosts that are named are hosts whatever EC2 says of
    /// them, so there it is asked only to tell why one is out of reach, and by what name it is called. `None`: EC2 does not
    /// say, and it may go on without.
    async fn instances(&self, settings: &SshSettings, needs: Needs) -> Result<Option<Vec<Instance>>> {
        let by_tag = settings.hosts.is_empty() || settings.narrows();
        let answer = if by_tag {
            let tags = settings.hosts_tags.iter().map(|tag| (tag.name.as_str(), tag.value.as_str()));
            self.ec2.with_tags(&tags.collect::<Vec<_>>()).await
        } else {
            let ids: Vec<_> = settings.hosts.iter().filter(|id| id.starts_with("i-")).cloned().collect();
            self.ec2.with_ids(&ids).await
        };
        match answer {
            Err(error) if !by_tag => tracing::warn!(%error, "the state of instances cannot be told"),
            Err(error) if needs == Needs::Reachable => tracing::warn!(
                %error,
                "which instances have the tag cannot be told: hosts that Systems Manager does not list, as stopped ones, are left for the next reconcile or rotation"
            ),
            answer => return answer.map(Some),
        }
        Ok(None)
    }
}

fn filters(settings: &SshSettings) -> Result<Vec<Vec<InstanceInformationStringFilter>>> {
    let filter = |key: String, values: Vec<String>| {
        InstanceInformationStringFilter::builder()
            .key(key)
            .set_values(Some(values))
            .build()
            .map_err(|_| Error::other("a filter of hosts lacks a part"))
    };
    if let Some(name) = settings.hosts.iter().find(|id| !id.starts_with("i-") && !id.starts_with("mi-")) {
        return Err(Error::invalid(format!("`{name}` is no id of an instance (i-…) or of a managed node (mi-…)"))
            .next("Correct the tag fourstep:hosts or the variable SSH_HOSTS, or set SSH_TRANSPORT to ssh"));
    }
    if !settings.hosts.is_empty() && !settings.narrows() {
        return settings
            .hosts
            .chunks(MOST_IDS)
            .map(|ids| Ok(vec![filter("InstanceIds".to_owned(), ids.to_vec())?]))
            .collect();
    }
    if settings.hosts_tags.is_empty() {
        return Err(Error::invalid("nothing says on which hosts the key is rotated")
            .next("Set the variables TAGNAME and TAGVALUE, or HOSTS_TAG, or SSH_HOSTS; or give the secret the tag fourstep:hosts-tag, within the variable ALLOWED_HOSTS_TAGS"));
    }
    let tags = settings.hosts_tags.iter().map(|tag| filter(format!("tag:{}", tag.name), vec![tag.value.clone()]));
    Ok(vec![tags.collect::<Result<_>>()?])
}

/// Takes EC2's word for where an instance is, unless its agent names another of its own addresses.
fn believe(host: &mut Host, addresses: &[IpAddr]) {
    let own = host.address.parse().is_ok_and(|address| addresses.contains(&address));
    if let Some(primary) = addresses.first().filter(|_| !own) {
        host.address = primary.to_string();
    }
}

/// Takes names away that several hosts have: under such a name, each would be taken for the other.
fn leave_out_shared_names(hosts: &mut [Host]) {
    let mut owners = BTreeMap::<String, usize>::new();
    for host in hosts.iter() {
        if let Name::Is(name) = &host.name {
            *owners.entry(name.clone()).or_default() += 1;
        }
    }
    for host in hosts {
        let Name::Is(name) = &host.name else { continue };
        if owners.get(name).is_some_and(|owners| *owners > 1) {
            tracing::warn!(host = host.id, name, "another host has the same name: KnownHosts has neither by it");
            host.name = Name::None;
        }
    }
}

/// Returns a host that Systems Manager did not list.
fn unlisted(id: String, state: State) -> Host {
    let presence = if state == State::Stopped { Presence::Stopped } else { Presence::WithoutAgent };
    Host { address: id.clone(), id, name: Name::Unknown, user: None, port: None, presence }
}
