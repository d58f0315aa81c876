//! Hosts by AWS Systems Manager: which there are, and orders to their agents.

mod without_agent;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use aws_sdk_ssm::Client;
use aws_sdk_ssm::types::{
    CommandInvocation, CommandInvocationStatus, InstanceInformationStringFilter, PingStatus, Target,
};
use fourstep::{Context, Error, ErrorKind, Result};
use fourstep_aws::SdkConfig;

use crate::answer::{Answer, Failure, printable};
use crate::error::{Operation, classify};
use crate::host::{Host, Reply};
use crate::settings::SshSettings;

/// How many ids one command may name.
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_SendCommand.html>
const MOST_IDS: usize = 50;

/// The first wait before looking for answers, and the longest.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// What is kept back of the step's time, to say which hosts gave no answer.
const TO_NAME_HOSTS: Duration = Duration::from_secs(2);

/// Systems Manager, and the service that knows what has a tag.
#[derive(Clone, Debug)]
pub(crate) struct SystemsManager {
    client: Client,
    tagging: aws_sdk_resourcegroupstagging::Client,
}

impl SystemsManager {
    pub(crate) fn new(configuration: &SdkConfig) -> Self {
        Self { client: Client::new(configuration), tagging: aws_sdk_resourcegroupstagging::Client::new(configuration) }
    }

    pub(crate) async fn from_environment() -> Self {
        Self::new(&fourstep_aws::configuration().await)
    }

    /// Lists the hosts that the settings mean, whether or not their agents answer.
    pub(crate) async fn hosts(&self, settings: &SshSettings) -> Result<Vec<Host>> {
        let mut hosts = Vec::new();
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
                    let online = instance.ping_status == Some(PingStatus::Online);
                    let address = instance.ip_address.unwrap_or_else(|| id.clone());
                    hosts.push(Host { id, address, port: None, online });
                }
            }
        }
        hosts.sort_by(|one, other| one.id.cmp(&other.id));
        if settings.narrows() {
            // Whether there is such a host at all is not said: it may be somebody else's.
            if let Some(stranger) = settings.hosts.iter().find(|id| !hosts.iter().any(|host| host.id == **id)) {
                return Err(Error::invalid(format!(
                    "the tag fourstep:hosts names `{stranger}`, which is none of the hosts with the tag that Systems Manager lists"
                ))
                .next("Remove it from the tag, or give the host the tag of hosts and start its agent; or let the function's owner name it in SSH_HOSTS"));
            }
            hosts.retain(|host| settings.hosts.contains(&host.id));
        }
        for id in &settings.hosts {
            if !hosts.iter().any(|host| host.id == *id) {
                // It has no agent that ever reported.
                hosts.push(Host { id: id.clone(), address: id.clone(), port: None, online: false });
            }
        }
        Ok(hosts)
    }

    /// Sends an order to all hosts and waits for their answers, as long as the step has time. Hosts that the order
    /// reached although they were not among `hosts` are in the answer too.
    pub(crate) async fn order(
        &self,
        parameters: &HashMap<String, Vec<String>>,
        hosts: &[Host],
        cx: &Context<'_>,
    ) -> Result<Vec<(Host, Reply)>> {
        let mut commands = Vec::new();
        for batch in batches(cx.settings(), hosts) {
            commands.push(self.send(parameters, batch, cx).await?);
        }
        let mut replies = BTreeMap::new();
        let mut wait = FIRST_WAIT;
        loop {
            for id in &commands {
                self.collect(id, &mut replies).await?;
            }
            let awaited = |host: &Host| host.online && !replies.contains_key(&host.id);
            if !hosts.iter().any(awaited) || cx.remaining() < TO_NAME_HOSTS + wait {
                break;
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 3 / 2).min(LONGEST_WAIT);
        }
        let mut found: Vec<_> = hosts
            .iter()
            .map(|host| {
                let reply = replies.remove(&host.id).unwrap_or_else(|| no_answer(host));
                (host.clone(), reply)
            })
            .collect();
        // They joined after the hosts were listed.
        found.extend(
            replies.into_iter().map(|(id, reply)| (Host { address: id.clone(), id, port: None, online: true }, reply)),
        );
        Ok(found)
    }

    async fn send(&self, parameters: &HashMap<String, Vec<String>>, batch: Batch, cx: &Context<'_>) -> Result<String> {
        let left = cx.remaining().saturating_sub(TO_NAME_HOSTS).as_secs().max(1);
        // Systems Manager takes no shorter time to reach a host.
        let to_reach = i32::try_from(left.max(30)).unwrap_or(i32::MAX);
        let mut send = self
            .client
            .send_command()
            .document_name(&cx.settings::<SshSettings>().document)
            .comment(format!("fourstep {}", cx.token()).chars().take(100).collect::<String>())
            .set_parameters(Some(parameters.clone()))
            .parameters("executionTimeout", vec![left.to_string()])
            .timeout_seconds(to_reach)
            .max_concurrency("100%")
            // One host that fails must not keep the others from getting the order.
            .max_errors("100%");
        send = match batch {
            Batch::Ids(ids) => send.set_instance_ids(Some(ids)),
            Batch::Tags(targets) => send.set_targets(Some(targets)),
        };
        let answer = send.send().await.map_err(|error| classify(&error, Operation::SendCommand))?;
        answer.command.and_then(|command| command.command_id).ok_or_else(|| Error::other("SendCommand gave no id"))
    }

    /// Adds the answers that have come by now.
    async fn collect(&self, command_id: &str, replies: &mut BTreeMap<String, Reply>) -> Result<()> {
        let mut pages = self
            .client
            .list_command_invocations()
            .command_id(command_id)
            .details(true)
            .max_results(50)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = match page.map_err(|error| classify(&error, Operation::ListCommandInvocations)) {
                Ok(page) => page,
                // The next look may be answered: the order is under way whatever becomes of this call.
                Err(error) if error.kind() == ErrorKind::Unavailable => return Ok(()),
                Err(error) => return Err(error),
            };
            for invocation in page.command_invocations.unwrap_or_default() {
                let Some(id) = invocation.instance_id.clone() else { continue };
                if let Some(reply) = reply(&invocation) {
                    replies.insert(id, reply);
                }
            }
        }
        Ok(())
    }
}

enum Batch {
    Ids(Vec<String>),
    Tags(Vec<Target>),
}

fn batches(settings: &SshSettings, hosts: &[Host]) -> Vec<Batch> {
    if settings.hosts.is_empty() && !settings.hosts_tags.is_empty() {
        let target = |name: String, value: &str| Target::builder().key(name).values(value).build();
        let targets = settings.hosts_tags.iter().map(|tag| target(format!("tag:{}", tag.name), &tag.value));
        return vec![Batch::Tags(targets.collect())];
    }
    // A host that is not managed would make Systems Manager refuse the whole command.
    let online: Vec<_> = hosts.iter().filter(|host| host.online).map(|host| host.id.clone()).collect();
    online.chunks(MOST_IDS).map(|ids| Batch::Ids(ids.to_vec())).collect()
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

/// Reads what became of an order on a host. `None`: it is under way.
fn reply(invocation: &CommandInvocation) -> Option<Reply> {
    let details = invocation.status_details.as_deref().unwrap_or_default();
    match invocation.status.as_ref()? {
        CommandInvocationStatus::Pending
        | CommandInvocationStatus::InProgress
        | CommandInvocationStatus::Delayed
        | CommandInvocationStatus::Cancelling => None,
        CommandInvocationStatus::Success | CommandInvocationStatus::Failed if !is_undelivered(details) => {
            let plugin = invocation.command_plugins.iter().flatten().next();
            let output = plugin.and_then(|plugin| plugin.output.as_deref()).unwrap_or_default();
            Some(Answer::read(output).map_or_else(
                || Reply::Failed(Failure::unreadable(plugin.map_or(-1, |plugin| plugin.response_code))),
                Reply::Answer,
            ))
        }
        _ => Some(Reply::Unreachable(format!("Systems Manager says {}", printable(details)))),
    }
}

/// The details of an invocation that never ran.
/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/monitor-commands.html>
fn is_undelivered(details: &str) -> bool {
    [
        "Undeliverable",
        "Delivery Timed Out",
        "DeliveryTimedOut",
        "Terminated",
        "Invalid Platform",
        "InvalidPlatform",
        "Access Denied",
        "AccessDenied",
    ]
    .contains(&details)
}

fn no_answer(host: &Host) -> Reply {
    Reply::Unreachable(match host.online {
        true => "its agent gave no answer in time".to_owned(),
        false => "Systems Manager does not hear of its agent".to_owned(),
    })
}
