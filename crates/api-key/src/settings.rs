use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fourstep::settings::read;
use fourstep::{Error, Result};

use crate::admin_parameters::AdminParameters;
use crate::provider_secrets::{ProviderSecrets, provider_name};

/// The settings of a rotation of an HTTP service's keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApiKeySettings {
    /// The provider of this secret's key, among those of the next two.
    pub provider: Option<String>,
    /// The names of the providers that the function serves, each with its file in the folder `providers`.
    pub providers: Vec<String>,
    /// The files of further providers that the function serves.
    pub provider_files: Vec<PathBuf>,
    /// Which secrets each of them is for. Empty: the first is for every secret, and no other for any.
    pub provider_secrets: ProviderSecrets,
    /// On what administrators may act for each secret.
    pub admin_parameters: AdminParameters,
    /// How long new keys of this secret live, where that is shorter than the provider's `lifetime`.
    pub lifetime: Option<Duration>,
    /// Whether requests may go to this very machine, also by plain HTTP.
    pub loopback: bool,
    /// The tags of the secret.
    pub(crate) tags: BTreeMap<String, String>,
}

const TAG: &str = "fourstep:provider";

fourstep::settings! { ApiKeySettings, check = check_provider;
    "fourstep:provider", "",
        "the name of a configured provider, of letters, digits, hyphens and underscores", "the first that is for this secret",
        "the provider of an API key, among those that are for this secret",
        Within("API_PROVIDER_SECRETS"), Unset, |group, value| read::set(&mut group.provider, provider_name(value).map(Some));
    "", "API_PROVIDER",
        "the names of providers, several separated by commas", "none",
        "the providers of API keys that are described by providers/NAME.toml, in the function's zip or in a layer",
        Owner, Unset, |group, value| read::set(&mut group.providers, value.split(',').map(|name| provider_name(name.trim())).collect());
    "", "API_PROVIDER_FILE",
        "the path of a file, several separated by commas", "none",
        "files that describe further providers of API keys, each named as its file without .toml",
        Owner, Unset, |group, value| read::set(&mut group.provider_files, Some(value.split(',').map(|path| path.trim().into()).collect()));
    "", "API_PROVIDER_SECRETS",
        "PROVIDER=NAME, with * for any characters, or PROVIDER=tag:KEY=VALUE; several separated by commas", "the first provider is for every secret, and no other for any",
        "the secrets that each provider is for, administrators' too; by tag only where IAM keeps the writers of secrets from setting that tag",
        Owner, Unset, |group, value| read::set(&mut group.provider_secrets, ProviderSecrets::parse(value));
    "", "API_ADMIN_PARAMETERS",
        "SECRET:PARAMETER=VALUE, with * for any characters in the secret's name and the value; several separated by commas", "none",
        "on which fields of a secret an administrator of an API acts, where the key does not prove them to be its own",
        Owner, Unset, |group, value| read::set(&mut group.admin_parameters, AdminParameters::parse(value));
    "fourstep:lifetime", "",
        "a duration such as 12h or 30d, not longer than the provider's", "what the provider file says",
        "how long new API keys of this secret live, where the provider file has a lifetime",
        Secret, Unset, |group, value| read::set(&mut group.lifetime, lifetime(value));
    "", "API_LOOPBACK",
        "off or on", "off",
        "for tests: lets API requests go to this very machine, also by plain HTTP",
        Owner, Unset, |group, value| read::set(&mut group.loopback, read::word(value, &[("off", false), ("on", true)]));
}

fn lifetime(value: &str) -> Option<Option<Duration>> {
    humantime::parse_duration(value).ok().filter(|lifetime| !lifetime.is_zero()).map(Some)
}

impl ApiKeySettings {
    /// Returns the providers that the function serves, by name, in order; with its path, if it is a file of its own.
    pub(crate) fn configured(&self) -> Vec<(String, Option<&Path>)> {
        let named = self.providers.iter().map(|name| (name.clone(), None));
        let files = self.provider_files.iter().map(|path| {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            (name, Some(path.as_path()))
        });
        named.chain(files).collect()
    }
}

/// Refuses a provider by tag, other than the first, where the function's owner does not say which secrets may choose one.
fn check_provider(group: &mut ApiKeySettings, tags: &BTreeMap<String, String>) -> Result<()> {
    group.tags.clone_from(tags);
    let Some(tag) = &group.provider else { return Ok(()) };
    let is_first = group.configured().first().is_some_and(|(first, _)| first == tag);
    if is_first || !group.provider_secrets.is_empty() {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "the tag `{TAG}` names `{tag}`, and the variable `API_PROVIDER_SECRETS` does not say which secrets that provider is for"
    ))
    .next(format!(
        "Add an entry such as `{tag}=NAME`, with the name of this secret, to API_PROVIDER_SECRETS of the function, and one for each of its other providers; or remove the tag"
    )))
}

#[cfg(test)]
mod tests;
