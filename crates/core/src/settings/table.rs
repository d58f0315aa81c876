use std::path::PathBuf;

use super::{
    Draft, Endpoint, Grants, HostsTag, Retire, SshKeyFormat, SshKeyType, SshTest, SshTransport, StrategyChoice,
};

/// A setting: the tag and the variable that give it, what they accept, and what holds without them.
#[derive(Debug)]
pub struct Setting {
    /// The tag of a secret that gives it, if one does.
    pub tag: Option<&'static str>,
    /// The environment variable of a function that gives it, if one does.
    pub variable: Option<&'static str>,
    /// The values that it takes, in words.
    pub accepts: &'static str,
    /// What holds where neither is given, in words.
    pub default: &'static str,
    /// What it is for.
    pub meaning: &'static str,
    pub(super) empty: Empty,
    pub(super) read: fn(&mut Draft, &str) -> Option<()>,
}

/// What a variable means that is set to the empty text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Empty {
    /// The same as a variable that is not set.
    Unset,
    /// A value like others.
    Value,
}

/// Writes the list of settings and its documentation from the same lines.
macro_rules! settings {
    ($($tag:literal, $variable:literal, $accepts:literal, $default:literal, $meaning:literal, $empty:ident, $read:expr;)*) => {
        /// Lists every setting: the one source for reading, for refusing unknown tags, and for this page.
        ///
        /// A tag on a secret overrides the variable of the function.
        ///
        /// | tag | variable | takes | default | for |
        /// | --- | --- | --- | --- | --- |
        $(#[doc = concat!(
            "| ", $tag, " | ", $variable, " | ", $accepts, " | ", $default, " | ", $meaning, " |"
        )])*
        pub const SETTINGS: &[Setting] = &[$(Setting {
            tag: named($tag),
            variable: named($variable),
            accepts: $accepts,
            default: $default,
            meaning: $meaning,
            empty: Empty::$empty,
            read: $read,
        }),*];
    };
}

settings! {
    "fourstep:strategy", "STRATEGY",
        "auto, single-user, alternating-users or dual-password", "auto",
        "how old and new credentials take turns",
        Unset, |draft, value| set(&mut draft.settings.strategy, word(value, &[
            ("auto", StrategyChoice::Auto),
            ("single-user", StrategyChoice::SingleUser),
            ("alternating-users", StrategyChoice::AlternatingUsers),
            ("dual-password", StrategyChoice::DualPassword),
        ]));
    "fourstep:retire", "RETIRE",
        "at-next-rotation or at-finish", "at-next-rotation",
        "when the credential of AWSPREVIOUS stops working",
        Unset, |draft, value| set(&mut draft.settings.retire, word(value, &[
            ("at-next-rotation", Retire::AtNextRotation),
            ("at-finish", Retire::AtFinish),
        ]));
    "fourstep:grants", "GRANTS",
        "mirror or leave", "mirror",
        "whether the clone account is made equal to its base, or only gets passwords",
        Unset, |draft, value| set(&mut draft.settings.grants, word(value, &[
            ("mirror", Grants::Mirror),
            ("leave", Grants::Leave),
        ]));
    "fourstep:min-age", "MIN_AGE",
        "a duration such as 0s, 12h or 1d", "0s",
        "how old AWSCURRENT must be before the next rotation may start",
        Unset, |draft, value| set(&mut draft.settings.min_age, humantime::parse_duration(value).ok());
    "fourstep:endpoint", "ENDPOINT",
        "host or host:port, with an IPv6 address in brackets", "the secret's host",
        "where to connect to, for a proxy or a CNAME; as a tag only within ALLOWED_ENDPOINTS",
        Unset, |draft, value| set(&mut draft.settings.endpoint, value.parse().ok().map(Some));
    "", "ALLOWED_ENDPOINTS",
        "host or host:port, several separated by commas", "none",
        "the endpoints that a tag may name; an entry without a port admits all ports of its host",
        Unset, |draft, value| set(&mut draft.allowed_endpoints, endpoints(value));
    "fourstep:reset-lost", "",
        "the version id of AWSCURRENT", "none",
        "lets the admin secret reset, once, a password that no version knows",
        Unset, |draft, value| set(&mut draft.settings.reset_lost, version_id(value).map(Some));
    "fourstep:password-length", "PASSWORD_LENGTH",
        "a number from 1 to 4096", "32",
        "how many characters a new password has",
        Unset, |draft, value| set(&mut draft.settings.password.length, number(value, 1, 4096).map(|length| length as usize));
    "", "EXCLUDE_CHARACTERS",
        "characters, or the empty text", "the default of AWS's function for that engine",
        "characters that a new password does not have",
        Value, |draft, value| set(&mut draft.settings.password.exclude_characters, Some(Some(value.to_owned())));
    "", "EXCLUDE_NUMBERS",
        "true or false (or 1, y, yes, 0, n, no, or the empty text)", "false",
        "keeps digits out of a new password",
        Value, |draft, value| set(&mut draft.settings.password.exclude_numbers, boolean(value));
    "", "EXCLUDE_PUNCTUATION",
        "true or false (or 1, y, yes, 0, n, no, or the empty text)", "false",
        "keeps punctuation out of a new password",
        Value, |draft, value| set(&mut draft.settings.password.exclude_punctuation, boolean(value));
    "", "EXCLUDE_UPPERCASE",
        "true or false (or 1, y, yes, 0, n, no, or the empty text)", "false",
        "keeps upper-case letters out of a new password",
        Value, |draft, value| set(&mut draft.settings.password.exclude_uppercase, boolean(value));
    "", "EXCLUDE_LOWERCASE",
        "true or false (or 1, y, yes, 0, n, no, or the empty text)", "false",
        "keeps lower-case letters out of a new password",
        Value, |draft, value| set(&mut draft.settings.password.exclude_lowercase, boolean(value));
    "", "REQUIRE_EACH_INCLUDED_TYPE",
        "true or false (or 1, y, yes, 0, n, no, or the empty text)", "true",
        "whether a new password has at least one character of each type that is not excluded",
        Value, |draft, value| set(&mut draft.settings.password.require_each_included_type, boolean(value));
    "fourstep:adopt", "",
        "true or false (or 1, y, yes, 0, n, no)", "false",
        "whether two accounts are this secret's where only their names say so",
        Unset, |draft, value| set(&mut draft.settings.adopt, Some(value).filter(|value| !value.is_empty()).and_then(boolean));
    "", "USERNAME_CHARACTER_LIMIT",
        "a number from 1 to 255", "what the server allows",
        "how many characters the name of a MySQL or MariaDB account may have",
        Unset, |draft, value| set(&mut draft.settings.username_limit, number(value, 1, 255).map(|limit| Some(limit as usize)));
    "fourstep:ssh-user", "USERNAME",
        "the name of a Unix user", "none, and SSH needs one",
        "the user whose authorized_keys is rotated",
        Unset, |draft, value| set(&mut draft.settings.ssh_user, unix_user(value).map(Some));
    "fourstep:hosts-tag", "HOSTS_TAG",
        "name=value, or several joined by ` + `, all of which a host must have", "the tag of TAGNAME and TAGVALUE",
        "the tag that marks the hosts on which SSH keys are rotated",
        Unset, |draft, value| set(&mut draft.settings.hosts_tags, value.split(" + ").map(hosts_tag).collect());
    "fourstep:hosts", "SSH_HOSTS",
        "names separated by spaces: ids of instances or managed nodes, or host or host:port for SSH_TRANSPORT=ssh", "none",
        "the hosts on which SSH keys are rotated, in place of a tag",
        Unset, |draft, value| set(&mut draft.settings.ssh_hosts, value.split(' ').map(host).collect());
    "fourstep:ssh-transport", "SSH_TRANSPORT",
        "ssm or ssh", "ssm",
        "whether SSH keys are installed by the agent of Systems Manager, or over SSH by the user itself",
        Unset, |draft, value| set(&mut draft.settings.ssh_transport, word(value, &[
            ("ssm", SshTransport::Ssm),
            ("ssh", SshTransport::Ssh),
        ]));
    "fourstep:key-type", "KEY_TYPE",
        "ed25519, ecdsa-p256, ecdsa-p384, rsa-3072 or rsa-4096", "ed25519",
        "what kind of SSH key is made; RSA takes seconds on a small function",
        Unset, |draft, value| set(&mut draft.settings.ssh_key_type, word(value, &[
            ("ed25519", SshKeyType::Ed25519),
            ("ecdsa-p256", SshKeyType::EcdsaP256),
            ("ecdsa-p384", SshKeyType::EcdsaP384),
            ("rsa-3072", SshKeyType::Rsa3072),
            ("rsa-4096", SshKeyType::Rsa4096),
        ]));
    "fourstep:key-format", "KEY_FORMAT",
        "openssh or pem", "openssh",
        "how a private SSH key is written: OpenSSH's format, or PKCS#1 for RSA and PKCS#8 for the others",
        Unset, |draft, value| set(&mut draft.settings.ssh_key_format, word(value, &[
            ("openssh", SshKeyFormat::OpenSsh),
            ("pem", SshKeyFormat::Pem),
        ]));
    "", "PRIVATE_KEY_FIELD",
        "the name of a field", "PrivateKey, in any spelling",
        "the field of the secret that holds the private SSH key",
        Unset, |draft, value| set(&mut draft.settings.ssh_private_key_field, text(value, 128).map(Some));
    "", "PUBLIC_KEY_FIELD",
        "the name of a field", "PublicKey, in any spelling",
        "the field of the secret that holds the public SSH key",
        Unset, |draft, value| set(&mut draft.settings.ssh_public_key_field, text(value, 128).map(Some));
    "", "KEY_OPTIONS",
        "options of authorized_keys, separated by commas, such as restrict,from=\"10.0.0.0/8\"", "none",
        "what stands before an SSH key in authorized_keys",
        Unset, |draft, value| set(&mut draft.settings.ssh_key_options, key_options(value).map(Some));
    "", "TAGNAME",
        "the key of a tag, 1 to 128 characters", "none",
        "the key of the tag that marks hosts; needs TAGVALUE",
        Unset, |draft, value| set(&mut draft.hosts_tag_name, text(value, 128).map(Some));
    "", "TAGVALUE",
        "the value of a tag, 1 to 256 characters", "none",
        "the value of the tag that marks hosts; needs TAGNAME",
        Unset, |draft, value| set(&mut draft.hosts_tag_value, text(value, 256).map(Some));
    "", "MIN_HOSTS",
        "a number, 1 or more", "1",
        "how many hosts must carry the tag, for a rotation of SSH keys to go on",
        Unset, |draft, value| set(&mut draft.settings.min_hosts, number(value, 1, u32::MAX));
    "", "MAX_UNREACHABLE",
        "a number, 0 or more", "0",
        "how many hosts may be out of reach, for a rotation of SSH keys to go on",
        Unset, |draft, value| set(&mut draft.settings.max_unreachable, number(value, 0, u32::MAX));
    "", "SSH_TEST",
        "login or agent", "login",
        "whether an SSH key is proved by logging in, or by the agent of Systems Manager",
        Unset, |draft, value| set(&mut draft.settings.ssh_test, word(value, &[
            ("login", SshTest::Login),
            ("agent", SshTest::Agent),
        ]));
    "fourstep:provider", "",
        "the name of a configured provider, of letters, digits, hyphens and underscores", "the first that is configured",
        "the provider of an API key",
        Unset, |draft, value| set(&mut draft.settings.provider, provider(value).map(Some));
    "", "API_PROVIDER",
        "the names of providers, several separated by commas", "none",
        "the providers of API keys that are described by providers/NAME.toml, in the function's zip or in a layer",
        Unset, |draft, value| set(&mut draft.settings.providers, value.split(',').map(|name| provider(name.trim())).collect());
    "", "API_PROVIDER_FILE",
        "the path of a file, several separated by commas", "none",
        "files that describe further providers of API keys, each named as its file without .toml",
        Unset, |draft, value| set(&mut draft.settings.provider_files, Some(value.split(',').map(|path| path.trim().into()).collect()));
    "", "API_LOOPBACK",
        "off or on", "off",
        "for tests: lets API requests go to this very machine, also by plain HTTP",
        Unset, |draft, value| set(&mut draft.settings.api_loopback, word(value, &[("off", false), ("on", true)]));
    "", "OPERATOR_EVENTS",
        "on or off", "on",
        "whether the function answers operator events",
        Unset, |draft, value| set(&mut draft.settings.operator_events, word(value, &[("on", true), ("off", false)]));
    "", "TLS_CA_BUNDLE",
        "the path of a PEM file", "none",
        "roots that are trusted beside the built-in Amazon roots",
        Unset, |draft, value| set(&mut draft.settings.tls_ca_bundle, Some(Some(PathBuf::from(value))));
}

const fn named(name: &'static str) -> Option<&'static str> {
    if name.is_empty() { None } else { Some(name) }
}

fn set<T>(field: &mut T, value: Option<T>) -> Option<()> {
    *field = value?;
    Some(())
}

fn word<T: Copy>(value: &str, words: &[(&str, T)]) -> Option<T> {
    words.iter().find(|(word, _)| *word == value).map(|(_, meaning)| *meaning)
}

/// AWS's functions take the first four as true and anything else as false; a slip of the pen is refused here.
fn boolean(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "1" | "y" | "yes" => Some(true),
        "false" | "0" | "n" | "no" | "" => Some(false),
        _ => None,
    }
}

fn number(value: &str, least: u32, most: u32) -> Option<u32> {
    // `parse` alone would take a sign.
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    value.parse().ok().filter(|number| digits && (least..=most).contains(number))
}

fn text(value: &str, longest: usize) -> Option<String> {
    let valid = !value.is_empty() && value.chars().count() <= longest && !value.chars().any(char::is_control);
    valid.then(|| value.to_owned())
}

fn endpoints(value: &str) -> Option<Vec<Endpoint>> {
    value.split(',').map(|entry| entry.trim().parse().ok()).collect()
}

fn version_id(value: &str) -> Option<String> {
    let valid = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    text(value, 64).filter(|_| valid)
}

/// What `useradd` takes, and `@` for users of a directory: nothing that a shell or a path could read otherwise.
fn unix_user(value: &str) -> Option<String> {
    let valid = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.@-".contains(&byte))
        && !value.starts_with(['-', '.', '@']);
    text(value, 32).filter(|_| valid)
}

fn hosts_tag(value: &str) -> Option<HostsTag> {
    let (name, value) = value.split_once('=')?;
    Some(HostsTag { name: text(name, 128)?, value: text(value, 256)? })
}

fn host(value: &str) -> Option<String> {
    let valid = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte));
    text(value, 255).filter(|_| valid)
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
    text(value, 1024).filter(|text| !quoted && text.is_ascii() && !text.contains('\n'))
}

fn provider(value: &str) -> Option<String> {
    let valid = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    text(value, 64).filter(|_| valid)
}
