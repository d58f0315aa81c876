use std::collections::BTreeMap;

use fourstep::settings::{Patterns, read};

/// Which secrets each provider is for, as the function's owner says it in `API_PROVIDER_SECRETS`.
///
/// | entry | the provider is for |
/// | --- | --- |
/// | `gitlab=team-a/*` | secrets whose whole name is like this, with `*` for any characters |
/// | `gitlab=tag:team=a` | secrets with the tag `team`, if its value is `a` |
///
/// Where one provider has an entry, another without one is for no secret. A secret's writer also tags it, unless IAM
/// forbids that: an entry by tag counts only where `aws:TagKeys` keeps the writers of secrets from setting that tag.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProviderSecrets(Vec<Entry>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    provider: String,
    secrets: Secrets,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Secrets {
    Named(Patterns),
    Tagged { key: String, value: String },
}

impl ProviderSecrets {
    /// Reads entries that commas separate. `None`: one is not of a form above.
    pub(crate) fn parse(value: &str) -> Option<Self> {
        value.split(',').map(|entry| Entry::parse(entry.trim())).collect::<Option<_>>().map(Self)
    }

    /// Returns whether nothing is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether a provider is for the secret of this name, with these tags.
    #[must_use]
    pub fn allow(&self, provider: &str, secret: &str, tags: &BTreeMap<String, String>) -> bool {
        let entries = self.0.iter().filter(|entry| entry.provider == provider);
        entries.map(|entry| &entry.secrets).any(|secrets| match secrets {
            Secrets::Named(patterns) => patterns.list(secret),
            Secrets::Tagged { key, value } => tags.get(key) == Some(value),
        })
    }

    /// Returns the names of the providers that have entries.
    pub(crate) fn providers(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|entry| entry.provider.as_str())
    }
}

impl Entry {
    fn parse(entry: &str) -> Option<Self> {
        let (provider, secrets) = entry.split_once('=')?;
        let provider = provider_name(provider.trim())?;
        // No name of a secret has a colon.
        let secrets = match secrets.trim().strip_prefix("tag:") {
            Some(tag) => Secrets::tagged(tag)?,
            None => Secrets::Named(Patterns::parse(secrets)?),
        };
        Some(Self { provider, secrets })
    }
}

impl Secrets {
    fn tagged(tag: &str) -> Option<Self> {
        let (key, value) = tag.split_once('=')?;
        // It would look like a pattern, and is none.
        let plain = |text: &str, longest| read::text(text, longest).filter(|text| !text.contains('*'));
        let (key, value) = (plain(key, 128)?, plain(value, 256)?);
        // Such a tag is a setting, for whoever writes the secret to choose.
        (!key.to_ascii_lowercase().starts_with("fourstep:")).then_some(Self::Tagged { key, value })
    }
}

/// Reads the name of a provider.
pub(crate) fn provider_name(value: &str) -> Option<String> {
    let valid = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    read::text(value, 64).filter(|_| valid)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(value: &str, provider: &str, secret: &str, tags: &[(&str, &str)]) -> bool {
        let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        ProviderSecrets::parse(value).unwrap().allow(provider, secret, &tags)
    }

    #[test]
    fn a_provider_is_for_the_secrets_of_its_own_entries() {
        let both = "gitlab=team-a/*, grafana = team-b/*,grafana=shared";
        for (provider, secret, allowed) in [
            ("gitlab", "team-a/key", true),
            ("gitlab", "team-b/key", false),
            ("gitlab", "x/team-a/key", false),
            ("gitlab", "Team-A/key", false),
            ("grafana", "team-b/key", true),
            ("grafana", "shared", true),
            ("grafana", "shared2", false),
            ("acme", "team-a/key", false),
            ("GitLab", "team-a/key", false),
        ] {
            assert_eq!(allows(both, provider, secret, &[]), allowed, "{provider} {secret}");
        }
        assert!(allows("gitlab=*", "gitlab", "any/name", &[]));
    }

    #[test]
    fn an_entry_by_tag_asks_for_the_whole_value_of_that_very_tag() {
        let entry = "gitlab=tag:team=a";
        for (tags, allowed) in [
            (&[("team", "a")][..], true),
            (&[("team", "ab")], false),
            (&[("team", "A")], false),
            (&[("Team", "a")], false),
            (&[], false),
        ] {
            assert_eq!(allows(entry, "gitlab", "tag:team=a", tags), allowed, "{tags:?}");
        }
    }

    #[test]
    fn what_is_no_entry_is_refused() {
        for value in [
            "gitlab",
            "gitlab=",
            "=team-a/*",
            "gitlab=team-a/*,",
            ",gitlab=team-a/*",
            "git lab=x",
            "../x=y",
            "gitlab=tag:",
            "gitlab=tag:team",
            "gitlab=tag:team=",
            "gitlab=tag:=a",
            "gitlab=tag:team=*",
            "gitlab=tag:fourstep:provider=gitlab",
            "gitlab=tag:Fourstep:x=a",
            "gitlab=a\nb",
        ] {
            assert_eq!(ProviderSecrets::parse(value), None, "{value:?}");
        }
    }
}
