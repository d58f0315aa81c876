//! Instances that bear the tag and have no agent: Systems Manager does not list them, and no key gets to them.

use std::time::Duration;

use aws_sdk_resourcegroupstagging::types::TagFilter;
use fourstep::{Error, Result};

use crate::error::classify_tags;
use crate::host::Host;
use crate::settings::SshSettings;
use crate::transport::ssm::SystemsManager;

/// How long to wait for the answer. A private subnet often has no end point of this service, and drops what is sent
/// there.
const LONGEST_LOOK: Duration = Duration::from_secs(3);

/// What has the tag and may have an agent.
/// <https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html>
const KINDS: [&str; 2] = ["ec2:instance", "ssm:managed-instance"];

impl SystemsManager {
    /// Returns the ids of instances that bear the tags of the settings and are not among `hosts`, which Systems Manager
    /// listed. An instance that was terminated bears its tags for about an hour more.
    pub(crate) async fn without_agent(&self, hosts: &[Host], settings: &SshSettings) -> Result<Vec<String>> {
        if !settings.hosts.is_empty() {
            // The ids are in the settings, and all of them are hosts.
            return Ok(Vec::new());
        }
        let mut ids = tokio::time::timeout(LONGEST_LOOK, self.tagged(settings)).await.unwrap_or_else(|_| {
            Err(Error::unavailable("the service of tags gave no answer")
                .next("If the function is in a VPC, give its subnets a VPC endpoint for it (com.amazonaws.<region>.tagging) or a NAT gateway"))
        })?;
        ids.retain(|id| hosts.iter().all(|host| host.id != *id));
        Ok(ids)
    }

    /// Lists the ids of all instances and managed nodes that bear the tags.
    async fn tagged(&self, settings: &SshSettings) -> Result<Vec<String>> {
        let tags = settings.hosts_tags.iter().map(|tag| TagFilter::builder().key(&tag.name).values(&tag.value).build());
        let mut pages = self
            .tagging
            .get_resources()
            .set_tag_filters(Some(tags.collect()))
            .set_resource_type_filters(Some(KINDS.map(str::to_owned).to_vec()))
            .into_paginator()
            .send();
        let mut ids = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| classify_tags(&error))?;
            let arns = page.resource_tag_mapping_list.unwrap_or_default().into_iter();
            // arn:aws:ec2:<region>:<account>:instance/<id>
            ids.extend(arns.filter_map(|found| Some(found.resource_arn?.rsplit_once('/')?.1.to_owned())));
        }
        ids.sort();
        Ok(ids)
    }
}
