use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::settings::{Endpoint, Patterns, read};

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
    /// The accounts that an administrator may touch.
    pub admin_accounts: AdminAccounts,
    /// The clones, as `account@host` or `account@host:port`, that are one secret's with their base where nothing but their names says so.
    pub adopted_clones: Patterns,
}

/// The accounts that an administrator may touch. Never its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdminAccounts {
    /// Those that are listed. Empty: all.
    listed: Patterns,
    excluded: Patterns,
}

impl AdminAccounts {
    /// Reads patterns that commas separate. A `!` before one excludes it.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let (excluded, listed): (Vec<_>, Vec<_>) =
            value.split(',').map(str::trim).partition(|entry| entry.starts_with('!'));
        let patterns = |entries: &[&str]| match entries {
            [] => Some(Patterns::default()),
            entries => Patterns::parse(&entries.join(",")),
        };
        let excluded: Vec<_> = excluded.iter().map(|entry| entry[1..].trim()).collect();
        Some(Self { listed: patterns(&listed)?, excluded: patterns(&excluded)? })
    }

    /// Returns whether an account may be touched.
    #[must_use]
    pub fn admit(&self, account: &str) -> bool {
        (self.listed.is_empty() || self.listed.list(account)) && !self.excluded.list(account)
    }
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
    "", "ADMIN_ACCOUNTS",
        "names of accounts, with * for any characters, several separated by commas; ! before one excludes it", "all but the administrator's own",
        "the accounts that an administrator may touch",
        Owner, Unset, |group, value| read::set(&mut group.admin_accounts, AdminAccounts::parse(value));
    "", "ADOPTED_CLONES",
        "clones as account@host or account@host:port, with * for any characters, several separated by commas", "none",
        "the clone accounts that are one secret's with their base where no mark says so, as on MariaDB",
        Owner, Unset, |group, value| read::set(&mut group.adopted_clones, Patterns::parse(value));
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
