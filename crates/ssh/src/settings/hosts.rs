//! The hosts on which keys are rotated, by tag or by name, and which of them a secret's tags may choose.

use fourstep::settings::{Patterns, read};
use fourstep::{Error, Result};

/// A tag that marks hosts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostsTag {
    /// The tag's key.
    pub name: String,
    /// The tag's value.
    pub value: String,
}

/// By which name a host is known to those who log in, beside its address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum HostNames {
    /// Its name in the VPC's own DNS, as EC2 tells it.
    #[default]
    PrivateDns,
    /// What the instance's tag with this key says.
    Tag(String),
    /// By no name.
    None,
}

impl HostNames {
    pub(super) fn parse(value: &str) -> Option<Self> {
        Some(match value {
            "private-dns" => Self::PrivateDns,
            "none" => Self::None,
            key => Self::Tag(read::text(key, 128)?),
        })
    }
}

/// How many hosts may be out of reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MaxUnreachable {
    /// So many hosts.
    Hosts(u32),
    /// So many of a hundred hosts, rounded down.
    Percent(u8),
}

impl MaxUnreachable {
    /// Reads a number, or one of 0 to 100 with `%`.
    pub(super) fn parse(value: &str) -> Option<Self> {
        match value.strip_suffix('%') {
            Some(percent) => {
                read::number(percent, 0, 100).and_then(|percent| u8::try_from(percent).ok()).map(Self::Percent)
            }
            None => read::number(value, 0, u32::MAX).map(Self::Hosts),
        }
    }

    /// Returns how many of so many hosts may be out of reach.
    pub(crate) fn of(self, hosts: usize) -> usize {
        match self {
            Self::Hosts(count) => count as usize,
            Self::Percent(percent) => hosts * usize::from(percent) / 100,
        }
    }

    /// Returns what the setting says, with how many that are where it is a percentage.
    pub(crate) fn display(self, hosts: usize) -> String {
        match self {
            Self::Hosts(count) => count.to_string(),
            Self::Percent(percent) => format!("{percent}%, which is {hosts}"),
        }
    }
}

/// Tags of hosts, all of which a secret's tag has to name at least: with further ones it reaches fewer hosts.
pub(super) type AllowedTags = Vec<(String, Patterns)>;

/// The tag of a secret that names the tag of its hosts.
pub(super) const HOSTS_TAG: &str = "fourstep:hosts-tag";

/// The tag of a secret that names its hosts.
pub(super) const HOSTS: &str = "fourstep:hosts";

/// Reads `name=value`, or several joined by ` + `. `None` also where a name comes twice: no host has both values, and a
/// service that took hosts with either would reach more than one of them alone.
pub(super) fn hosts_tags(value: &str) -> Option<Vec<HostsTag>> {
    let tags: Vec<_> = value.split(" + ").map(hosts_tag).collect::<Option<_>>()?;
    let distinct = |at: usize, tag: &HostsTag| tags.iter().take(at).all(|before| before.name != tag.name);
    tags.iter().enumerate().all(|(at, tag)| distinct(at, tag)).then_some(tags)
}

fn hosts_tag(value: &str) -> Option<HostsTag> {
    let (name, value) = value.split_once('=')?;
    Some(HostsTag { name: read::text(name, 128)?, value: read::text(value, 256)? })
}

/// Reads what [`hosts_tags`] reads, several separated by commas, each value as a pattern.
pub(super) fn allowed_tags(value: &str) -> Option<Vec<AllowedTags>> {
    let pattern = |tag: HostsTag| {
        let values = Patterns::parse(&tag.value).filter(|_| !tag.name.contains('*'))?;
        Some((tag.name, values))
    };
    value.split(',').map(|entry| hosts_tags(entry.trim())?.into_iter().map(pattern).collect()).collect()
}

/// Refuses hosts by a tag of theirs that the function's owner does not allow. `owners`: what the variables say.
pub(super) fn check_tags(chosen: &[HostsTag], owners: &[HostsTag], allowed: &[AllowedTags]) -> Result<()> {
    let narrows_owners = !owners.is_empty() && owners.iter().all(|tag| chosen.contains(tag));
    let covers =
        |(name, values): &(String, Patterns)| chosen.iter().any(|tag| tag.name == *name && values.list(&tag.value));
    if narrows_owners || allowed.iter().any(|tags| tags.iter().all(covers)) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "the tag `{HOSTS_TAG}` names hosts that the variable `ALLOWED_HOSTS_TAGS` does not list"
    ))
    .next(format!(
        "Remove the tag; or let the function's owner add ALLOWED_HOSTS_TAGS={} to its variables (several are separated \
         by commas)",
        display(chosen)
    )))
}

/// Refuses hosts by name that the function's owner does not name. `owners`: what the variable says.
pub(super) fn check_names(chosen: &[String], owners: &[String]) -> Result<()> {
    let Some(stranger) = chosen.iter().find(|name| !owners.contains(name)) else { return Ok(()) };
    Err(Error::invalid(format!(
        "the tag `{HOSTS}` names the host `{stranger}`, which the variable `SSH_HOSTS` does not name"
    ))
    .next(format!(
        "Remove it from the tag; or let the function's owner add it to its variables: SSH_HOSTS={} (names are separated \
         by spaces)",
        chosen.join(" ")
    )))
}

/// Returns tags as a setting has them.
pub(super) fn display(tags: &[HostsTag]) -> String {
    let tags = tags.iter().map(|HostsTag { name, value }| format!("{name}={value}"));
    tags.collect::<Vec<_>>().join(" + ")
}

pub(super) fn host(value: &str) -> Option<String> {
    let valid = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte));
    read::text(value, 255).filter(|_| valid)
}
