use std::path::PathBuf;

use fourstep::settings::read;

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
    /// Whether requests may go to this very machine, also by plain HTTP.
    pub loopback: bool,
}

fourstep::settings! { ApiKeySettings;
    "fourstep:provider", "",
        "the name of a configured provider, of letters, digits, hyphens and underscores", "the first that is configured",
        "the provider of an API key",
        Secret, Unset, |group, value| read::set(&mut group.provider, provider(value).map(Some));
    "", "API_PROVIDER",
        "the names of providers, several separated by commas", "none",
        "the providers of API keys that are described by providers/NAME.toml, in the function's zip or in a layer",
        Owner, Unset, |group, value| read::set(&mut group.providers, value.split(',').map(|name| provider(name.trim())).collect());
    "", "API_PROVIDER_FILE",
        "the path of a file, several separated by commas", "none",
        "files that describe further providers of API keys, each named as its file without .toml",
        Owner, Unset, |group, value| read::set(&mut group.provider_files, Some(value.split(',').map(|path| path.trim().into()).collect()));
    "", "API_LOOPBACK",
        "off or on", "off",
        "for tests: lets API requests go to this very machine, also by plain HTTP",
        Owner, Unset, |group, value| read::set(&mut group.loopback, read::word(value, &[("off", false), ("on", true)]));
}

fn provider(value: &str) -> Option<String> {
    let valid = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    read::text(value, 64).filter(|_| valid)
}

#[cfg(test)]
mod tests;
