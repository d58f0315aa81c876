//! Instances as Amazon EC2 describes them: what state they are in, and where they are. Systems Manager lists none that is
//! stopped, and none whose agent never reported.

use std::collections::BTreeMap;
use std::net::IpAddr;

use aws_smithy_xml::decode::{Document, ScopedDecoder, XmlDecodeError, try_data};

use crate::host::{Name, System};
use crate::settings::HostNames;

/// An instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Instance {
    pub(super) id: String,
    pub(super) state: State,
    /// Its system, where that is one on which the script does not run.
    pub(super) system: Option<System>,
    /// Its own addresses in the VPC, the primary one first.
    pub(super) addresses: Vec<IpAddr>,
    /// Its name in the VPC's own DNS.
    private_dns: String,
    tags: BTreeMap<String, String>,
}

/// The state of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It runs, or begins to.
    Runs,
    /// It is stopped, or stops, and may be started again.
    Stopped,
    /// It is gone for good. EC2 shows it for less than an hour more.
    Terminated,
}

/// One part of the list.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) instances: Vec<Instance>,
    /// What asks for the next part.
    pub(super) next: Option<String>,
}

impl Page {
    pub(super) fn read(text: &str) -> Result<Self, XmlDecodeError> {
        let mut document = Document::new(text);
        let mut root = document.root_element()?;
        let mut page = Self::default();
        while let Some(mut part) = root.next_tag() {
            match name(&part).as_str() {
                "nextToken" => page.next = Some(try_data(&mut part)?.into_owned()).filter(|token| !token.is_empty()),
                "reservationSet" => {
                    while let Some(mut reservation) = part.next_tag() {
                        while let Some(mut list) = reservation.next_tag() {
                            while name(&list) == "instancesSet"
                                && let Some(mut item) = list.next_tag()
                            {
                                page.instances.extend(Instance::read(&mut item)?);
                            }
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(page)
    }
}

impl Instance {
    /// Reads an item of the list. `None`: it has no id.
    fn read(item: &mut ScopedDecoder<'_, '_>) -> Result<Option<Self>, XmlDecodeError> {
        let (mut id, mut state, mut addresses) = (None, State::Runs, Vec::<IpAddr>::new());
        let mut system = None;
        let (mut private_dns, mut tags) = (String::new(), BTreeMap::new());
        while let Some(mut part) = item.next_tag() {
            let found = match name(&part).as_str() {
                "instanceId" => {
                    id = Some(try_data(&mut part)?.into_owned());
                    continue;
                }
                "instanceState" => {
                    let mut found = Vec::new();
                    collect(&mut part, &["name"], &mut found)?;
                    state = found.first().map_or(State::Runs, |(_, state)| State::of(state));
                    continue;
                }
                // It is `windows`, or is not there.
                "platform" => {
                    system = try_data(&mut part)?.eq_ignore_ascii_case("windows").then_some(System::Windows).or(system);
                    continue;
                }
                // Nothing but macOS runs on those, as `mac2.metal`.
                "instanceType" => {
                    let is_mac = try_data(&mut part)?.split(['-', '.']).next().is_some_and(is_mac);
                    system = system.or(is_mac.then_some(System::MacOs));
                    continue;
                }
                "privateDnsName" => {
                    private_dns = try_data(&mut part)?.into_owned();
                    continue;
                }
                "tagSet" => {
                    while let Some(mut item) = part.next_tag() {
                        let mut found = Vec::new();
                        collect(&mut item, &["key", "value"], &mut found)?;
                        let text =
                            |name: &str| found.iter().find(|(known, _)| known == name).map(|(_, text)| text.clone());
                        tags.extend(text("key").map(|key| (key, text("value").unwrap_or_default())));
                    }
                    continue;
                }
                "privateIpAddress" | "ipv6Address" => vec![(String::new(), try_data(&mut part)?.into_owned())],
                "networkInterfaceSet" => {
                    let mut found = Vec::new();
                    collect(&mut part, &["privateIpAddress", "ipv6Address"], &mut found)?;
                    found
                }
                _ => continue,
            };
            for address in found.iter().filter_map(|(_, text)| text.parse().ok()) {
                if !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
        }
        Ok(id.map(|id| Self { id, state, system, addresses, private_dns, tags }))
    }
}

impl Instance {
    /// Returns the name by which people call it. Whoever may tag an instance chooses what its tags say: what is no name of a
    /// host, or is an address, is none.
    pub(super) fn name(&self, names: &HostNames) -> Name {
        let name = match names {
            HostNames::None => return Name::None,
            HostNames::PrivateDns => self.private_dns.as_str(),
            HostNames::Tag(key) => self.tags.get(key).map_or("", String::as_str),
        };
        // As OpenSSH looks for it.
        let name = name.to_ascii_lowercase();
        let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
        let fits = !name.is_empty() && name.len() <= 253 && plain && !name.starts_with(['-', '.']);
        if !fits || name.parse::<IpAddr>().is_ok() {
            if !name.is_empty() {
                tracing::warn!(
                    host = self.id,
                    "what stands for its name is no name of a host: KnownHosts has its address alone"
                );
            }
            return Name::None;
        }
        Name::Is(name)
    }
}

impl State {
    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceState.html>
    fn of(name: &str) -> Self {
        match name {
            "stopping" | "stopped" => Self::Stopped,
            "shutting-down" | "terminated" => Self::Terminated,
            _ => Self::Runs,
        }
    }
}

/// Returns whether a family of types of instances is of Macs: `mac`, and a number.
fn is_mac(family: &str) -> bool {
    family.strip_prefix("mac").is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn name(part: &ScopedDecoder<'_, '_>) -> String {
    part.start_el().local().to_owned()
}

/// Returns all texts of some names, wherever they are in a document.
pub(super) fn leaves(text: &str, names: &[&str]) -> Result<Vec<(String, String)>, XmlDecodeError> {
    let mut document = Document::new(text);
    let mut found = Vec::new();
    collect(&mut document.root_element()?, names, &mut found)?;
    Ok(found)
}

fn collect(
    part: &mut ScopedDecoder<'_, '_>,
    names: &[&str],
    found: &mut Vec<(String, String)>,
) -> Result<(), XmlDecodeError> {
    while let Some(mut inner) = part.next_tag() {
        let name = name(&inner);
        match names.contains(&name.as_str()) {
            true => found.push((name, try_data(&mut inner)?.into_owned())),
            false => collect(&mut inner, names, found)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_as_the_service_writes_it() {
        let text = r#"<?xml version="1.0" encoding="UTF-8"?>
            <DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId>
            <reservationSet><item><reservationId>r-1</reservationId><groupSet/><instancesSet>
              <item><instanceId>i-1</instanceId><instanceState><code>16</code><name>running</name></instanceState>
                <privateDnsName>ip-10-0-0-1.eu-central-1.compute.internal</privateDnsName>
                <tagSet><item><key>Name</key><value>Web-1.example</value></item><item><key>Bad</key><value>*</value></item>
                  <item><key>Address</key><value>10.0.0.7</value></item><item><key>Two</key><value>a,b</value></item>
                  <item><key>Mark</key><value>@cert-authority</value></item><item><key>Empty</key><value/></item></tagSet>
                <privateIpAddress>10.0.0.1</privateIpAddress><stateReason><code>c</code></stateReason>
                <networkInterfaceSet><item><privateIpAddressesSet><item><privateIpAddress>10.0.0.1</privateIpAddress></item>
                  <item><privateIpAddress>10.0.0.7</privateIpAddress></item></privateIpAddressesSet></item></networkInterfaceSet></item>
              <item><instanceId>i-2</instanceId><instanceState><code>80</code><name>stopped</name></instanceState>
                <instanceType>mac2-m2pro.metal</instanceType></item>
            </instancesSet></item><item><instancesSet>
              <item><instanceId>i-3</instanceId><instanceState><code>48</code><name>terminated</name></instanceState>
                <instanceType>m7i.large</instanceType><platform>windows</platform></item>
            </instancesSet></item></reservationSet><nextToken>more</nextToken></DescribeInstancesResponse>"#;
        let page = Page::read(text).unwrap();
        let found: Vec<_> = page.instances.iter().map(|found| (found.id.as_str(), found.state)).collect();
        assert_eq!(found, [("i-1", State::Runs), ("i-2", State::Stopped), ("i-3", State::Terminated)]);
        let systems: Vec<_> = page.instances.iter().map(|found| found.system).collect();
        assert_eq!(systems, [None, Some(System::MacOs), Some(System::Windows)]);
        let name = |names: HostNames| page.instances[0].name(&names);
        let is = |name: &str| Name::Is(name.to_owned());
        assert_eq!(name(HostNames::PrivateDns), is("ip-10-0-0-1.eu-central-1.compute.internal"));
        assert_eq!(name(HostNames::Tag("Name".to_owned())), is("web-1.example"));
        for tag in ["Bad", "Address", "Two", "Mark", "Empty", "Missing"] {
            assert_eq!(name(HostNames::Tag(tag.to_owned())), Name::None, "{tag}");
        }
        let addresses = ["10.0.0.1", "10.0.0.7"].map(|address| address.parse::<IpAddr>().unwrap());
        assert_eq!((page.instances[0].addresses.as_slice(), page.next.as_deref()), (&addresses[..], Some("more")));
    }
}
