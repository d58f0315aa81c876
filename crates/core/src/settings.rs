mod endpoint;
mod environment;
mod table;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::password::PasswordPolicy;

pub use endpoint::Endpoint;
pub use environment::Environment;
use table::Empty;
pub use table::{SETTINGS, Setting};

/// Holds how one secret is rotated: what the function's variables say, overridden by the tags of the secret.
///
/// [`SETTINGS`] lists every tag and variable with its values. A default holds where neither is given.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// How old and new credentials take turns.
    pub strategy: StrategyChoice,
    /// When the credential of AWSPREVIOUS stops working.
    pub retire: Retire,
    /// Whether the clone account is given the rights of its base.
    pub grants: Grants,
    /// How old AWSCURRENT must be before the next rotation may start.
    pub min_age: Duration,
    /// Where to connect to in place of the secret's `host`.
    pub endpoint: Option<Endpoint>,
    /// The id of the AWSCURRENT version whose password the admin secret may reset, though no version opens the target.
    pub reset_lost: Option<String>,
    /// Whether two accounts, a base and its clone, are this secret's where only their names say so.
    pub adopt: bool,
    /// How many characters the name of an account may have. `None`: as many as its server allows.
    pub username_limit: Option<usize>,
    /// What a new password is made of.
    pub password: PasswordPolicy,
    /// Whether the function answers operator events.
    pub operator_events: bool,
    /// A PEM file with roots that are trusted beside the built-in ones.
    pub tls_ca_bundle: Option<PathBuf>,
    /// The user whose `authorized_keys` is rotated.
    pub ssh_user: Option<String>,
    /// The tags that mark the hosts on which SSH keys are rotated: all of them on each host.
    pub hosts_tags: Vec<HostsTag>,
    /// The hosts on which SSH keys are rotated, in place of a tag.
    pub ssh_hosts: Vec<String>,
    /// How SSH keys are installed.
    pub ssh_transport: SshTransport,
    /// What kind of SSH key is made.
    pub ssh_key_type: SshKeyType,
    /// How a private SSH key is written.
    pub ssh_key_format: SshKeyFormat,
    /// The name of the secret's field with the private SSH key. `None`: `PrivateKey`, in any spelling.
    pub ssh_private_key_field: Option<String>,
    /// The name of the secret's field with the public SSH key. `None`: `PublicKey`, in any spelling.
    pub ssh_public_key_field: Option<String>,
    /// What stands before an SSH key in `authorized_keys`.
    pub ssh_key_options: Option<String>,
    /// How many hosts must carry the tag, for a rotation of SSH keys to go on.
    pub min_hosts: u32,
    /// How many hosts may be out of reach, for a rotation of SSH keys to go on.
    pub max_unreachable: u32,
    /// How testSecret proves an SSH key.
    pub ssh_test: SshTest,
    /// The provider of this secret's API key, among those of the next two.
    pub provider: Option<String>,
    /// The names of the providers that the function serves, each with its file in the folder `providers`.
    pub providers: Vec<String>,
    /// The files of further providers that the function serves.
    pub provider_files: Vec<PathBuf>,
    /// Whether API requests may go to this very machine, also by plain HTTP.
    pub api_loopback: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            strategy: StrategyChoice::Auto,
            retire: Retire::AtNextRotation,
            grants: Grants::Mirror,
            min_age: Duration::ZERO,
            endpoint: None,
            reset_lost: None,
            adopt: false,
            username_limit: None,
            password: PasswordPolicy::default(),
            operator_events: true,
            tls_ca_bundle: None,
            ssh_user: None,
            hosts_tags: Vec::new(),
            ssh_hosts: Vec::new(),
            ssh_transport: SshTransport::Ssm,
            ssh_key_type: SshKeyType::Ed25519,
            ssh_key_format: SshKeyFormat::OpenSsh,
            ssh_private_key_field: None,
            ssh_public_key_field: None,
            ssh_key_options: None,
            min_hosts: 1,
            max_unreachable: 0,
            ssh_test: SshTest::Login,
            provider: None,
            providers: Vec::new(),
            provider_files: Vec::new(),
            api_loopback: false,
        }
    }
}

impl Settings {
    /// Reads the settings of one secret from the function's variables and the secret's tags.
    ///
    /// A tag overrides the variable. Tags that do not start with `fourstep:` belong to others and are ignored. A
    /// variable that is set to the empty text is as good as absent, as CloudFormation parameters need it; except
    /// `EXCLUDE_CHARACTERS`, where it excludes nothing, and the booleans, where it is false. Both are so in AWS's
    /// functions.
    ///
    /// # Errors
    ///
    /// `Invalid` for a `fourstep:` tag that is not known, for a value that does not parse, for an endpoint tag outside
    /// `ALLOWED_ENDPOINTS`, for one of `TAGNAME` and `TAGVALUE` without the other, and for a password policy that no
    /// password can meet. The message names the tag or variable, what it accepts and the fix.
    pub fn read(environment: &Environment, tags: &BTreeMap<String, String>) -> Result<Self> {
        let mut draft = Draft::default();
        for setting in SETTINGS {
            let Some(variable) = setting.variable else { continue };
            let Some(value) = environment.get(variable) else { continue };
            if !value.is_empty() || setting.empty == Empty::Value {
                setting.apply(&mut draft, value, Origin::Variable(variable))?;
            }
        }
        if let Some(hosts_tag) = draft.hosts_tag_of_variables()? {
            draft.settings.hosts_tags = vec![hosts_tag];
        }
        let allowed = std::mem::take(&mut draft.allowed_endpoints);
        for (tag, value) in tags {
            // Our prefix in another case is a slip of the pen, not somebody else's tag.
            if !tag.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX)) {
                continue;
            }
            let setting = SETTINGS.iter().find(|setting| setting.tag == Some(tag)).ok_or_else(|| unknown(tag))?;
            setting.apply(&mut draft, value, Origin::Tag(tag))?;
            if setting.tag == Some(ENDPOINT_TAG) {
                check_allowed(draft.settings.endpoint.as_ref(), &allowed)?;
            }
        }
        draft.settings.password.check()?;
        Ok(draft.settings)
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

/// When the credential of AWSPREVIOUS stops working.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Retire {
    /// In the next rotation, so that caches expire in peace.
    #[default]
    AtNextRotation,
    /// At the end of the rotation that replaced it.
    AtFinish,
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

/// How testSecret proves an SSH key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SshTest {
    /// By logging in over SSH.
    #[default]
    Login,
    /// By the agent of Systems Manager, where SSH does not reach the hosts.
    Agent,
}

/// How SSH keys are installed on hosts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SshTransport {
    /// By the agent of Systems Manager, as root.
    #[default]
    Ssm,
    /// Over SSH, by the user whose keys they are.
    Ssh,
}

/// What kind of SSH key is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SshKeyType {
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

/// How a private SSH key is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SshKeyFormat {
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

const PREFIX: &str = "fourstep:";
const ENDPOINT_TAG: &str = "fourstep:endpoint";

/// Settings half read.
#[derive(Default)]
struct Draft {
    settings: Settings,
    allowed_endpoints: Vec<Endpoint>,
    hosts_tag_name: Option<String>,
    hosts_tag_value: Option<String>,
}

impl Draft {
    fn hosts_tag_of_variables(&mut self) -> Result<Option<HostsTag>> {
        let (missing, present) = match (self.hosts_tag_name.take(), self.hosts_tag_value.take()) {
            (Some(name), Some(value)) => return Ok(Some(HostsTag { name, value })),
            (None, None) => return Ok(None),
            (None, Some(_)) => ("TAGNAME", "TAGVALUE"),
            (Some(_), None) => ("TAGVALUE", "TAGNAME"),
        };
        Err(Error::invalid(format!("the variable `{present}` is set, but `{missing}` is not"))
            .next(format!("Set both, or remove `{present}` and give the secret the tag `fourstep:hosts-tag`")))
    }
}

/// Where a value was found.
#[derive(Clone, Copy)]
enum Origin<'a> {
    Tag(&'a str),
    Variable(&'a str),
}

impl fmt::Display for Origin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(name) => write!(f, "the tag `{name}`"),
            Self::Variable(name) => write!(f, "the variable `{name}`"),
        }
    }
}

impl Setting {
    fn apply(&self, draft: &mut Draft, value: &str, origin: Origin<'_>) -> Result<()> {
        (self.read)(draft, value).ok_or_else(|| {
            let Self { accepts, default, .. } = self;
            Error::invalid(format!("{origin} is {}; it takes {accepts}", shown(value)))
                .next(format!("Correct it, or remove it: without it, {default} holds"))
        })
    }
}

fn unknown(tag: &str) -> Error {
    let known: Vec<&str> = SETTINGS.iter().filter_map(|setting| setting.tag).collect();
    Error::invalid(format!("the secret has a tag that is not known: {}", shown(tag)))
        .next(format!("Remove it or correct its name; the known tags are {}", known.join(", ")))
}

fn check_allowed(endpoint: Option<&Endpoint>, allowed: &[Endpoint]) -> Result<()> {
    if endpoint.is_none_or(|endpoint| allowed.iter().any(|allowed| allowed.covers(endpoint))) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "the tag `{ENDPOINT_TAG}` names an endpoint that the variable `ALLOWED_ENDPOINTS` does not list"
    ))
    .next("Add it to ALLOWED_ENDPOINTS of the function (host or host:port, separated by commas), or remove the tag"))
}

/// Quotes a value that is a plain word. Anything else may be a credential in the wrong place, so it is not repeated.
fn shown(value: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_.: ".contains(character);
    if value.is_empty() {
        "empty".to_owned()
    } else if value.len() <= 48 && value.chars().all(plain) {
        format!("`{value}`")
    } else {
        "a text that is not repeated here".to_owned()
    }
}

#[cfg(test)]
mod tests;
