//! Orders to agents: one command for all hosts of a tag, or for some ids, and the answers.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use aws_sdk_ssm::types::{CommandInvocation, CommandInvocationStatus, Target};
use fourstep::{Context, Error, ErrorKind, Result};

use crate::answer::{Answer, Failure, printable};
use crate::each::TO_NAME_HOSTS;
use crate::error::{Operation, classify};
use crate::host::{Host, Presence, Reply};
use crate::settings::SshSettings;
use crate::transport::ssm::instances::State;
use crate::transport::ssm::{SystemsManager, unlisted};

/// How many ids one command may name.
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_SendCommand.html>
const MOST_IDS: usize = 50;

/// The first wait before looking for answers, and the longest.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// How many answers one call gives.
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ListCommandInvocations.html>
const PAGE: usize = 50;
const PAGE_SIZE: i32 = 50;

/// How long such a call may take.
const TO_READ_A_PAGE: Duration = Duration::from_millis(200);

/// How many hosts that are still to answer are asked about one by one, rather than all of a command's again.
const FEW: usize = 5;

impl SystemsManager {
    /// Sends an order to all hosts and waits for their answers, as long as the step has time. Hosts that the order
    /// reached although they were not among `hosts` are in the answer too.
    pub(crate) async fn order(
        &self,
        parameters: &HashMap<String, Vec<String>>,
        hosts: &[Host],
        cx: &Context<'_>,
    ) -> Result<Vec<(Host, Reply)>> {
        let mut sent = Vec::new();
        for batch in batches(cx.settings(), hosts) {
            let awaited = batch.awaited(hosts);
            sent.push(Sent { id: self.send(parameters, batch, cx).await?, awaited, completed: 0 });
        }
        let mut replies = BTreeMap::new();
        let mut wait = FIRST_WAIT;
        loop {
            for command in &mut sent {
                self.look(command, &mut replies, cx).await?;
            }
            let pages = sent.iter().map(|command| command.open(&replies).count().div_ceil(PAGE)).sum::<usize>();
            let to_read = TO_READ_A_PAGE * u32::try_from(pages).unwrap_or(u32::MAX);
            if pages == 0 || cx.remaining() < TO_NAME_HOSTS + to_read + wait {
                break;
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 3 / 2).min(LONGEST_WAIT);
        }
        for command in &sent {
            if command.open(&replies).next().is_some() {
                self.collect(&command.id, None, &mut replies, cx).await?;
            }
        }
        let mut found: Vec<_> = hosts
            .iter()
            .map(|host| {
                // Whatever came of a command where the script does not run, it is no answer of the script.
                let reply = replies.remove(&host.id).filter(|_| !host.is_foreign());
                let reply = reply.unwrap_or_else(|| host.out_of_reach());
                (host.clone(), reply)
            })
            .collect();
        // They joined after the hosts were listed.
        found.extend(
            replies
                .into_iter()
                .map(|(id, reply)| (Host { presence: Presence::Online, ..unlisted(id, State::Runs) }, reply)),
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

    /// Adds the answers that have come, by the fewest calls: of a command for many hosts, it first asks how many are done.
    async fn look(&self, command: &mut Sent, replies: &mut BTreeMap<String, Reply>, cx: &Context<'_>) -> Result<()> {
        let open: Vec<_> = command.open(replies).cloned().collect();
        if command.awaited.len() > PAGE && (1..=FEW).contains(&open.len()) {
            for id in open {
                self.collect(&command.id, Some(&id), replies, cx).await?;
            }
            return Ok(());
        }
        if command.awaited.len() > PAGE && !open.is_empty() {
            let completed = self.completed(&command.id).await?;
            if completed.is_some_and(|completed| completed == command.completed || completed < command.awaited.len()) {
                return Ok(());
            }
            command.completed = completed.unwrap_or_default();
        }
        match open.is_empty() {
            true => Ok(()),
            false => self.collect(&command.id, None, replies, cx).await,
        }
    }

    /// Returns on how many hosts a command is over. `None`: the function is not told.
    async fn completed(&self, command_id: &str) -> Result<Option<usize>> {
        let answer = self.client.list_commands().command_id(command_id).send().await;
        match answer.map_err(|error| classify(&error, Operation::ListCommands)) {
            Ok(answer) => {
                let command = answer.commands.unwrap_or_default().into_iter().next();
                Ok(Some(command.and_then(|command| usize::try_from(command.completed_count).ok()).unwrap_or_default()))
            }
            // The permission is new.
            Err(error) if error.kind() == ErrorKind::Forbidden => Ok(None),
            Err(error) if error.kind() == ErrorKind::Unavailable => Ok(Some(0)),
            Err(error) => Err(error),
        }
    }

    /// Adds the answers that have come by now, of all hosts or of one.
    async fn collect(
        &self,
        command_id: &str,
        of: Option<&str>,
        replies: &mut BTreeMap<String, Reply>,
        cx: &Context<'_>,
    ) -> Result<()> {
        let mut pages = self
            .client
            .list_command_invocations()
            .command_id(command_id)
            .set_instance_id(of.map(str::to_owned))
            .details(true)
            .max_results(PAGE_SIZE)
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
            if cx.remaining() < TO_NAME_HOSTS / 2 {
                break;
            }
        }
        Ok(())
    }
}

/// A command under way.
struct Sent {
    id: String,
    /// The hosts that are to answer it.
    awaited: Vec<String>,
    /// On how many hosts it was over when all of its answers were read.
    completed: usize,
}

impl Sent {
    /// Returns the hosts whose answers are missing.
    fn open<'a>(&'a self, replies: &'a BTreeMap<String, Reply>) -> impl Iterator<Item = &'a String> {
        self.awaited.iter().filter(|id| !replies.contains_key(*id))
    }
}

enum Batch {
    Ids(Vec<String>),
    Tags(Vec<Target>),
}

impl Batch {
    /// Returns those of some hosts that are to answer.
    fn awaited(&self, hosts: &[Host]) -> Vec<String> {
        match self {
            Self::Ids(ids) => ids.clone(),
            Self::Tags(_) => hosts.iter().filter(|host| host.is_online()).map(|host| host.id.clone()).collect(),
        }
    }
}

fn batches(settings: &SshSettings, hosts: &[Host]) -> Vec<Batch> {
    if settings.hosts.is_empty() && !settings.hosts_tags.is_empty() {
        let target = |name: String, value: &str| Target::builder().key(name).values(value).build();
        let targets = settings.hosts_tags.iter().map(|tag| target(format!("tag:{}", tag.name), &tag.value));
        return vec![Batch::Tags(targets.collect())];
    }
    // A host that is not managed would make Systems Manager refuse the whole command.
    let online: Vec<_> = hosts.iter().filter(|host| host.is_online()).map(|host| host.id.clone()).collect();
    online.chunks(MOST_IDS).map(|ids| Batch::Ids(ids.to_vec())).collect()
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
        // The host joined after hosts were listed.
        _ if INVALID_PLATFORM.contains(&details) => Some(Reply::Failed(Failure::foreign("another system than Linux"))),
        _ => Some(Reply::Unreachable(format!("Systems Manager says {}", printable(details)))),
    }
}

/// The details of an invocation that did not run, since its document is for other systems.
const INVALID_PLATFORM: [&str; 2] = ["Invalid Platform", "InvalidPlatform"];

/// The details of an invocation that never ran.
/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/monitor-commands.html>
fn is_undelivered(details: &str) -> bool {
    ["Undeliverable", "Delivery Timed Out", "DeliveryTimedOut", "Terminated", "Access Denied", "AccessDenied"]
        .contains(&details)
        || INVALID_PLATFORM.contains(&details)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_on_whose_system_the_document_does_not_run_is_not_out_of_reach_for_now() {
        for details in INVALID_PLATFORM {
            let invocation =
                CommandInvocation::builder().status(CommandInvocationStatus::Failed).status_details(details).build();
            let Some(Reply::Failed(failure)) = reply(&invocation) else { panic!("{details}") };
            assert!(failure.kind == ErrorKind::Invalid && failure.what.contains("another system"), "{failure:?}");
        }
    }
}
