use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::settings::{Endpoint, read};

/// The settings of every rotation of a user name and a password.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccountSettings {
    /// How old and new credentials take turns.
    pub strategy: StrategyChoice,
    /// Whether the clone account is given the rights of its base.
    pub grants: Grants,
    /// Where to connect to in place of the secret's `host`.
    pub endpoint: Option<Endpoint>,
    /// The endpoints that a tag may name.
    pub allowed_endpoints: Vec<Endpoint>,
    /// The id of the AWSCURRENT version whose password the administrator may reset, though no version opens the target.
    pub reset_lost: Option<String>,
    /// Whether two accounts, a base and its clone, are this secret's where only their names say so.
    pub adopt: bool,
}

/// How old and new credentials take turns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum StrategyChoice {
    /// Dual password where the server and the privileges allow it, else single user; alternating users only where the
    /// secret's versions already alternate.
    #[default]
    Auto,
    /// One account, whose password changes.
    SingleUser,
    /// Two accounts that take turns.
    AlternatingUsers,
    /// One account with two passwords.
    DualPassword,
}

/// Whether the clone account is given the rights of its base.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Grants {
    /// The clone is made equal to its base.
    #[default]
    Mirror,
    /// Both accounts are the owner's; only passwords are set.
    Leave,
}

crate::settings! { AccountSettings, check = check_endpoint;
    "fourstep:strategy", "STRATEGY",
        "auto, single-user, alternating-users or dual-password", "auto",
        "how old and new credentials take turns",
        Secret, Unset, |group, value| read::set(&mut group.strategy, read::word(value, &[
            ("auto", StrategyChoice::Auto),
            ("single-user", StrategyChoice::SingleUser),
            ("alternating-users", StrategyChoice::AlternatingUsers),
            ("dual-password", StrategyChoice::DualPassword),
        ]));
    "fourstep:grants", "GRANTS",
        "mirror or leave", "mirror",
        "whether the clone account is made equal to its base, or only gets passwords",
        Secret, Unset, |group, value| read::set(&mut group.grants, read::word(value, &[
            ("mirror", Grants::Mirror),
            ("leave", Grants::Leave),
        ]));
    "fourstep:endpoint", "ENDPOINT",
        "host or host:port, with an IPv6 address in brackets", "the secret's host",
        "where to connect to, for a proxy or a CNAME; as a tag only within ALLOWED_ENDPOINTS",
        Within("ALLOWED_ENDPOINTS"), Unset, |group, value| read::set(&mut group.endpoint, value.parse().ok().map(Some));
    "", "ALLOWED_ENDPOINTS",
        "host or host:port, several separated by commas", "none",
        "the endpoints that a tag may name; an entry without a port admits all ports of its host",
        Owner, Unset, |group, value| read::set(&mut group.allowed_endpoints, endpoints(value));
    "fourstep:reset-lost", "",
        "the version id of AWSCURRENT", "none",
        "lets the admin secret reset, once, a password that no version knows",
        Secret, Unset, |group, value| read::set(&mut group.reset_lost, version_id(value).map(Some));
    "fourstep:adopt", "",
        "true or false (or 1, y, yes, 0, n, no)", "false",
        "whether two accounts are this secret's where only their names say so",
        Secret, Unset, |group, value| read::set(&mut group.adopt, Some(value).filter(|value| !value.is_empty()).and_then(read::boolean));
}

const ENDPOINT_TAG: &str = "fourstep:endpoint";

/// Refuses an endpoint by tag that the function's owner does not allow.
fn check_endpoint(group: &mut AccountSettings, tags: &BTreeMap<String, String>) -> Result<()> {
    let named = group.endpoint.as_ref().filter(|_| tags.contains_key(ENDPOINT_TAG));
    if named.is_none_or(|named| group.allowed_endpoints.iter().any(|allowed| allowed.covers(named))) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "the tag `{ENDPOINT_TAG}` names an endpoint that the variable `ALLOWED_ENDPOINTS` does not list"
    ))
    .next("Add it to ALLOWED_ENDPOINTS of the function (host or host:port, separated by commas), or remove the tag"))
}

fn endpoints(value: &str) -> Option<Vec<Endpoint>> {
    value.split(',').map(|entry| entry.trim().parse().ok()).collect()
}

fn version_id(value: &str) -> Option<String> {
    let valid = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    read::text(value, 64).filter(|_| valid)
}
