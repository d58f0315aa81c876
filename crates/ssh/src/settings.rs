use std::collections::BTreeMap;

use fourstep::settings::read;
use fourstep::{Error, Result};

/// The settings of a rotation of SSH keys.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SshSettings {
    /// The user whose `authorized_keys` is rotated.
    pub user: Option<String>,
    /// The tags that mark the hosts on which keys are rotated: all of them on each host.
    pub hosts_tags: Vec<HostsTag>,
    /// The hosts on which keys are rotated, in place of a tag.
    pub hosts: Vec<String>,
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
    pub max_unreachable: u32,
    /// How testSecret proves a key.
    pub test: Proof,
    /// The key of the tag of `TAGNAME`.
    tag_name: Option<String>,
    /// The value of the tag of `TAGVALUE`.
    tag_value: Option<String>,
}

impl Default for SshSettings {
    fn default() -> Self {
        Self {
            user: None,
            hosts_tags: Vec::new(),
            hosts: Vec::new(),
            transport: TransportChoice::Ssm,
            key_type: KeyType::Ed25519,
            key_format: KeyFormat::OpenSsh,
            private_key_field: None,
            public_key_field: None,
            key_options: None,
            min_hosts: 1,
            max_unreachable: 0,
            test: Proof::Login,
            tag_name: None,
            tag_value: None,
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

/// What kind of key is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum KeyType {
    /// Ed25519.
    #[default]
    Ed25519,
    /// ECDSA on the curve P-256.
    EcdsaP256,
    /// ECDSA on the curve P-384.
    EcdsaP384,
    /// RSA with 3072 bits.
    Rsa3072,
    /// RSA with 4096 bits.
    Rsa4096,
}

/// How a private key is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum KeyFormat {
    /// OpenSSH's own format.
    #[default]
    OpenSsh,
    /// PKCS#1 for RSA and PKCS#8 for the others, as PEM.
    Pem,
}

/// A tag that marks hosts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostsTag {
    /// The tag's key.
    pub name: String,
    /// The tag's value.
    pub value: String,
}

const HOSTS_TAG: &str = "fourstep:hosts-tag";

fourstep::settings! { SshSettings, check = hosts_tag_of_variables;
    "fourstep:ssh-user", "USERNAME",
        "the name of a Unix user", "none, and SSH needs one",
        "the user whose authorized_keys is rotated",
        Secret, Unset, |group, value| read::set(&mut group.user, unix_user(value).map(Some));
    "fourstep:hosts-tag", "HOSTS_TAG",
        "name=value, or several joined by ` + `, all of which a host must have", "the tag of TAGNAME and TAGVALUE",
        "the tag that marks the hosts on which SSH keys are rotated",
        Secret, Unset, |group, value| read::set(&mut group.hosts_tags, value.split(" + ").map(hosts_tag).collect());
    "fourstep:hosts", "SSH_HOSTS",
        "names separated by spaces: ids of instances or managed nodes, or host or host:port for SSH_TRANSPORT=ssh", "none",
        "the hosts on which SSH keys are rotated, in place of a tag",
        Secret, Unset, |group, value| read::set(&mut group.hosts, value.split(' ').map(host).collect());
    "fourstep:ssh-transport", "SSH_TRANSPORT",
        "ssm or ssh", "ssm",
        "whether SSH keys are installed by the agent of Systems Manager, or over SSH by the user itself",
        Secret, Unset, |group, value| read::set(&mut group.transport, read::word(value, &[
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
        Owner, Unset, |group, value| read::set(&mut group.key_options, key_options(value).map(Some));
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
        "a number, 0 or more", "0",
        "how many hosts may be out of reach, for a rotation of SSH keys to go on",
        Owner, Unset, |group, value| read::set(&mut group.max_unreachable, read::number(value, 0, u32::MAX));
    "", "SSH_TEST",
        "login or agent", "login",
        "whether an SSH key is proved by logging in, or by the agent of Systems Manager",
        Owner, Unset, |group, value| read::set(&mut group.test, read::word(value, &[
            ("login", Proof::Login),
            ("agent", Proof::Agent),
        ]));
}

/// Makes one tag of `TAGNAME` and `TAGVALUE`, the variables of AWS's own function. They go before `HOSTS_TAG`, and a tag
/// of the secret before both.
fn hosts_tag_of_variables(group: &mut SshSettings, tags: &BTreeMap<String, String>) -> Result<()> {
    let (missing, present) = match (group.tag_name.take(), group.tag_value.take()) {
        (Some(name), Some(value)) => {
            if !tags.contains_key(HOSTS_TAG) {
                group.hosts_tags = vec![HostsTag { name, value }];
            }
            return Ok(());
        }
        (None, None) => return Ok(()),
        (None, Some(_)) => ("TAGNAME", "TAGVALUE"),
        (Some(_), None) => ("TAGVALUE", "TAGNAME"),
    };
    Err(Error::invalid(format!("the variable `{present}` is set, but `{missing}` is not"))
        .next(format!("Set both, or remove `{present}` and give the secret the tag `{HOSTS_TAG}`")))
}

/// What `useradd` takes, and `@` for users of a directory: nothing that a shell or a path could read otherwise.
fn unix_user(value: &str) -> Option<String> {
    let valid = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.@-".contains(&byte))
        && !value.starts_with(['-', '.', '@']);
    read::text(value, 32).filter(|_| valid)
}

fn hosts_tag(value: &str) -> Option<HostsTag> {
    let (name, value) = value.split_once('=')?;
    Some(HostsTag { name: read::text(name, 128)?, value: read::text(value, 256)? })
}

fn host(value: &str) -> Option<String> {
    let valid = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte));
    read::text(value, 255).filter(|_| valid)
}

/// One word for sshd: blanks only in quotes, and every quote closed.
fn key_options(value: &str) -> Option<String> {
    let (mut quoted, mut escaped) = (false, false);
    for sign in value.chars() {
        match sign {
            '"' if !escaped => quoted = !quoted,
            ' ' if !quoted => return None,
            _ => {}
        }
        escaped = sign == '\\' && !escaped;
    }
    read::text(value, 1024).filter(|text| !quoted && text.is_ascii() && !text.contains('\n'))
}

#[cfg(test)]
mod tests;
