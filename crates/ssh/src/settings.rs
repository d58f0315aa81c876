mod hosts;
mod keys;
mod users;

use std::collections::BTreeMap;

use fourstep::settings::read;
use fourstep::{Error, Result};

use crate::order::AWS_DOCUMENT;

pub use hosts::{HostNames, HostsTag, MaxUnreachable};
pub use keys::{KeyFormat, KeyType};

use hosts::{AllowedTags, HOSTS, HOSTS_TAG};
use users::{AllowedUsers, USER_TAG};

pub(crate) use users::unix_users;

/// The settings of a rotation of SSH keys.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SshSettings {
    /// The users whose `authorized_keys` are rotated, each on every host.
    pub users: Vec<String>,
    /// The tags that mark the hosts on which keys are rotated: all of them on each host.
    pub hosts_tags: Vec<HostsTag>,
    /// The hosts on which keys are rotated, in place of a tag or, where [`narrows`](Self::narrows) says so, among those
    /// that have it.
    pub hosts: Vec<String>,
    /// By which name hosts are in `KnownHosts`, beside their addresses.
    pub host_names: HostNames,
    /// How keys are installed.
    pub transport: TransportChoice,
    /// What kind of key is made.
    pub key_type: KeyType,
    /// How a private key is written.
    pub key_format: KeyFormat,
    /// The name of the secret's field with the private key. `None`: `PrivateKey`, in any spelling.
    pub private_key_field: Option<String>,
    /// The name of the secret's field with the public key. `None`: `PublicKey`, in any spelling.
    pub public_key_field: Option<String>,
    /// What stands before a key in `authorized_keys`.
    pub key_options: Option<String>,
    /// How many hosts must carry the tag, for a rotation to go on.
    pub min_hosts: u32,
    /// How many hosts may be out of reach, for a rotation to go on.
    pub max_unreachable: MaxUnreachable,
    /// How testSecret proves a key.
    pub test: Proof,
    /// The document of Systems Manager by which the script runs.
    pub document: String,
    /// The key of the tag of `TAGNAME`.
    tag_name: Option<String>,
    /// The value of the tag of `TAGVALUE`.
    tag_value: Option<String>,
    allowed_users: AllowedUsers,
    allowed_hosts_tags: Vec<AllowedTags>,
    /// Where a tag overrides a variable: what the variable says, or what holds without it.
    overridden: Overridden,
    narrows: bool,
    /// Those of the users whom the function's owner names, and not by a pattern.
    named: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Overridden {
    users: Vec<String>,
    hosts_tags: Vec<HostsTag>,
    hosts: Vec<String>,
    transport: TransportChoice,
}

impl SshSettings {
    /// Returns whether [`hosts`](Self::hosts) are to be found among those with [`hosts_tags`](Self::hosts_tags): a tag of
    /// the secret names them, and the function's owner names none.
    #[must_use]
    pub fn narrows(&self) -> bool {
        self.narrows
    }

    /// Returns whether the function's owner names this very user, and not by a pattern. Only then it may be root.
    #[must_use]
    pub fn names_user(&self, user: &str) -> bool {
        self.named.iter().any(|named| named == user)
    }
}

impl Default for SshSettings {
    fn default() -> Self {
        Self {
            users: Vec::new(),
            hosts_tags: Vec::new(),
            hosts: Vec::new(),
            host_names: HostNames::PrivateDns,
            transport: TransportChoice::Ssm,
            key_type: KeyType::Ed25519,
            key_format: KeyFormat::OpenSsh,
            private_key_field: None,
            public_key_field: None,
            key_options: None,
            min_hosts: 1,
            max_unreachable: MaxUnreachable::Hosts(0),
            test: Proof::Login,
            document: AWS_DOCUMENT.to_owned(),
            tag_name: None,
            tag_value: None,
            allowed_users: AllowedUsers::default(),
            allowed_hosts_tags: Vec::new(),
            overridden: Overridden::default(),
            narrows: false,
            named: Vec::new(),
        }
    }
}

/// How testSecret proves a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Proof {
    /// By logging in over SSH.
    #[default]
    Login,
    /// By the agent of Systems Manager, where SSH does not reach the hosts.
    Agent,
}

/// How keys are installed on hosts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TransportChoice {
    /// By the agent of Systems Manager, as root.
    #[default]
    Ssm,
    /// Over SSH, by the user whose keys they are.
    Ssh,
}

const TRANSPORT: &str = "fourstep:ssh-transport";

fourstep::settings! { SshSettings, check = hold_to_the_owners_limits;
    "fourstep:ssh-user", "USERNAME",
        "the name of a Unix user, or several separated by spaces", "none, and SSH needs one",
        "the users whose authorized_keys are rotated: the same key for all",
        Within("ALLOWED_SSH_USERS"), Unset, |group, value| choose(&mut group.users, &mut group.overridden.users, users::unix_users(value));
    "", "ALLOWED_SSH_USERS",
        "names of Unix users, several separated by commas, with * for any characters", "what USERNAME names",
        "the users that a tag may name; root, and any user with uid 0, only where it is named without *",
        Owner, Unset, |group, value| read::set(&mut group.allowed_users, AllowedUsers::parse(value));
    "fourstep:hosts-tag", "HOSTS_TAG",
        "name=value, or several joined by ` + `, all of which a host must have", "the tag of TAGNAME and TAGVALUE",
        "the tag that marks the hosts on which SSH keys are rotated",
        Within("ALLOWED_HOSTS_TAGS"), Unset, |group, value| choose(&mut group.hosts_tags, &mut group.overridden.hosts_tags, hosts::hosts_tags(value));
    "", "ALLOWED_HOSTS_TAGS",
        "as HOSTS_TAG, several separated by commas, with * for any characters of a value", "what TAGNAME and TAGVALUE, or HOSTS_TAG, name",
        "the tags of hosts that a tag may name, alone or joined to further ones",
        Owner, Unset, |group, value| read::set(&mut group.allowed_hosts_tags, hosts::allowed_tags(value));
    "fourstep:hosts", "SSH_HOSTS",
        "names separated by spaces: ids of instances or managed nodes, or host or host:port for SSH_TRANSPORT=ssh", "none",
        "the hosts on which SSH keys are rotated, in place of a tag; as a tag only some of SSH_HOSTS or, where that is not set, some of the hosts with the tag of hosts",
        Within("SSH_HOSTS"), Unset, |group, value| choose(&mut group.hosts, &mut group.overridden.hosts, value.split(' ').map(hosts::host).collect());
    "fourstep:host-names", "HOST_NAMES",
        "private-dns, none, or the key of a tag of the hosts", "private-dns",
        "by which name hosts are in KnownHosts, beside their addresses: EC2's private DNS name, or what a tag of each says",
        Secret, Unset, |group, value| read::set(&mut group.host_names, HostNames::parse(value));
    "fourstep:ssh-transport", "SSH_TRANSPORT",
        "ssm or ssh", "ssm",
        "whether SSH keys are installed by the agent of Systems Manager, which is root, or over SSH by the user itself; a tag does not turn ssh into ssm",
        Secret, Unset, |group, value| choose(&mut group.transport, &mut group.overridden.transport, read::word(value, &[
            ("ssm", TransportChoice::Ssm),
            ("ssh", TransportChoice::Ssh),
        ]));
    "fourstep:key-type", "KEY_TYPE",
        "ed25519, ecdsa-p256, ecdsa-p384, rsa-3072 or rsa-4096", "ed25519",
        "what kind of SSH key is made; RSA takes seconds on a small function",
        Secret, Unset, |group, value| read::set(&mut group.key_type, read::word(value, &[
            ("ed25519", KeyType::Ed25519),
            ("ecdsa-p256", KeyType::EcdsaP256),
            ("ecdsa-p384", KeyType::EcdsaP384),
            ("rsa-3072", KeyType::Rsa3072),
            ("rsa-4096", KeyType::Rsa4096),
        ]));
    "fourstep:key-format", "KEY_FORMAT",
        "openssh or pem", "openssh",
        "how a private SSH key is written: OpenSSH's format, or PKCS#1 for RSA and PKCS#8 for the others",
        Secret, Unset, |group, value| read::set(&mut group.key_format, read::word(value, &[
            ("openssh", KeyFormat::OpenSsh),
            ("pem", KeyFormat::Pem),
        ]));
    "", "PRIVATE_KEY_FIELD",
        "the name of a field", "PrivateKey, in any spelling",
        "the field of the secret that holds the private SSH key",
        Owner, Unset, |group, value| read::set(&mut group.private_key_field, read::text(value, 128).map(Some));
    "", "PUBLIC_KEY_FIELD",
        "the name of a field", "PublicKey, in any spelling",
        "the field of the secret that holds the public SSH key",
        Owner, Unset, |group, value| read::set(&mut group.public_key_field, read::text(value, 128).map(Some));
    "", "KEY_OPTIONS",
        "options of authorized_keys, separated by commas, such as restrict,from=\"10.0.0.0/8\"", "none",
        "what stands before an SSH key in authorized_keys",
        Owner, Unset, |group, value| read::set(&mut group.key_options, keys::key_options(value).map(Some));
    "", "TAGNAME",
        "the key of a tag, 1 to 128 characters", "none",
        "the key of the tag that marks hosts; needs TAGVALUE",
        Owner, Unset, |group, value| read::set(&mut group.tag_name, read::text(value, 128).map(Some));
    "", "TAGVALUE",
        "the value of a tag, 1 to 256 characters", "none",
        "the value of the tag that marks hosts; needs TAGNAME",
        Owner, Unset, |group, value| read::set(&mut group.tag_value, read::text(value, 256).map(Some));
    "", "MIN_HOSTS",
        "a number, 1 or more", "1",
        "how many hosts must carry the tag, for a rotation of SSH keys to go on",
        Owner, Unset, |group, value| read::set(&mut group.min_hosts, read::number(value, 1, u32::MAX));
    "", "MAX_UNREACHABLE",
        "a number, 0 or more, or a percentage of the hosts, as 10%", "0",
        "how many hosts may be out of reach, stopped ones too, for a rotation of SSH keys to go on",
        Owner, Unset, |group, value| read::set(&mut group.max_unreachable, MaxUnreachable::parse(value));
    "", "SSH_TEST",
        "login or agent", "login",
        "whether an SSH key is proved by logging in, or by the agent of Systems Manager",
        Owner, Unset, |group, value| read::set(&mut group.test, read::word(value, &[
            ("login", Proof::Login),
            ("agent", Proof::Agent),
        ]));
    "", "SSM_DOCUMENT",
        "the name of a document of Systems Manager: AWS-RunShellScript, or one with the parameters of the template's", "AWS-RunShellScript",
        "the document by which the script runs on hosts; that of the template runs nothing else",
        Owner, Unset, |group, value| read::set(&mut group.document, document(value));
}

/// What Systems Manager lets a document be called, and the ARN of one.
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_CreateDocument.html>
fn document(value: &str) -> Option<String> {
    let valid = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.:/-".contains(&byte));
    read::text(value, 200).filter(|_| valid)
}

/// Sets a field to what was read, and keeps what it was: a tag is read after its variable.
fn choose<T>(field: &mut T, overridden: &mut T, value: Option<T>) -> Option<()> {
    *overridden = std::mem::replace(field, value?);
    Some(())
}

/// Refuses what the secret's tags choose beyond what the function's owner allows.
fn hold_to_the_owners_limits(group: &mut SshSettings, tags: &BTreeMap<String, String>) -> Result<()> {
    hosts_tag_of_variables(group, tags)?;
    let overridden = &group.overridden;
    for user in &group.users {
        let is_owners = !tags.contains_key(USER_TAG) || overridden.users.contains(user);
        if !is_owners {
            group.allowed_users.check(user)?;
        }
        if is_owners || group.allowed_users.name(user) {
            group.named.push(user.clone());
        }
    }
    if tags.contains_key(HOSTS_TAG) {
        hosts::check_tags(&group.hosts_tags, &overridden.hosts_tags, &group.allowed_hosts_tags)?;
    }
    if tags.contains_key(HOSTS) {
        // Only Systems Manager knows which hosts have a tag.
        group.narrows =
            overridden.hosts.is_empty() && !group.hosts_tags.is_empty() && group.transport == TransportChoice::Ssm;
        if !group.narrows {
            hosts::check_names(&group.hosts, &overridden.hosts)?;
        }
    }
    match (overridden.transport, group.transport) {
        (TransportChoice::Ssh, TransportChoice::Ssm) if tags.contains_key(TRANSPORT) => Err(Error::invalid(format!(
            "the tag `{TRANSPORT}` is `ssm`, and the variable `SSH_TRANSPORT` is `ssh`"
        ))
        .next("Remove the tag; or let the function's owner set SSH_TRANSPORT=ssm, by which the agents run the script as root")),
        _ => Ok(()),
    }
}

/// Makes one tag of `TAGNAME` and `TAGVALUE`, the variables of AWS's own function. They go before `HOSTS_TAG`, and a tag
/// of the secret before both.
fn hosts_tag_of_variables(group: &mut SshSettings, tags: &BTreeMap<String, String>) -> Result<()> {
    let (missing, present) = match (group.tag_name.take(), group.tag_value.take()) {
        (Some(name), Some(value)) => {
            let by_variables = match tags.contains_key(HOSTS_TAG) {
                true => &mut group.overridden.hosts_tags,
                false => &mut group.hosts_tags,
            };
            *by_variables = vec![HostsTag { name, value }];
            return Ok(());
        }
        (None, None) => return Ok(()),
        (None, Some(_)) => ("TAGNAME", "TAGVALUE"),
        (Some(_), None) => ("TAGVALUE", "TAGNAME"),
    };
    Err(Error::invalid(format!("the variable `{present}` is set, but `{missing}` is not"))
        .next(format!("Set both, or remove `{present}` and set HOSTS_TAG")))
}

#[cfg(test)]
mod tests;
