mod minted;
mod pushed;
mod rolled;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use fourstep::keys::Minted;
use fourstep::settings::{Environment, Groups, PasswordPolicy, read};
use fourstep::{Chosen, Context, Error, Result, Rotation};
use fourstep_server::TlsSettings;

use crate::provider::source::Source;
use crate::provider::{Kind, ProviderFile};
use crate::rotator::minted::ProviderKeys;
use crate::rotator::pushed::Pushed;
use crate::rotator::rolled::Rolled;
use crate::secret::Secret;
use crate::service::{Caller, Service};
use crate::settings::ApiKeySettings;

/// Rotates the API keys of the providers that a function's variables name.
///
/// `API_PROVIDER` names files `providers/NAME.toml` in the function's zip or in a layer, or ready-made ones, which come
/// with this crate; `API_PROVIDER_FILE` gives the paths of others. `API_PROVIDER_SECRETS` says which secrets each is for; the
/// tag `fourstep:provider` of a secret chooses among those, and without it, it is the first. Without the variable, the first
/// provider is for every secret, and no other for any.
pub struct ApiKeys {
    environment: Environment,
    only: Option<(PathBuf, Option<String>)>,
    services: Mutex<BTreeMap<Source, Arc<Service>>>,
}

impl ApiKeys {
    /// Creates one with the function's variables, which may stand in a provider's `base_url`. Files are read when they are
    /// needed.
    #[must_use]
    pub fn new(environment: Environment) -> Self {
        Self { environment, only: None, services: Mutex::default() }
    }

    /// Creates one for a single provider file, and the place of the service in place of the file's `base_url`.
    #[must_use]
    pub fn only(mut self, file: impl Into<PathBuf>, base_url: Option<String>) -> Self {
        self.only = Some((file.into(), base_url));
        self
    }

    /// Returns the name of a secret's provider, and its file where that comes with this crate: for who looks from outside of the
    /// function, where no other file is. `None`: the variables name no provider, so that the function rotates no API keys.
    ///
    /// # Errors
    ///
    /// `Invalid`, as in the function.
    pub fn provider_of(
        &self,
        secret: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<Option<(String, Option<ProviderFile>)>> {
        let settings = read::group::<ApiKeySettings>(&self.environment, tags)?;
        if settings.configured().is_empty() {
            return Ok(None);
        }
        let (name, source) = self.chosen(&settings, secret)?;
        let file = matches!(source, Source::ReadyMade(..)).then(|| source.read()).transpose()?;
        Ok(Some((name, file)))
    }

    /// Returns the service of a secret. What was opened once is kept.
    fn service(&self, source: Source, settings: &ApiKeySettings, tls: &TlsSettings) -> Result<Arc<Service>> {
        let base_url = self.only.as_ref().and_then(|(_, base_url)| base_url.as_deref());
        let mut services = self.services.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(service) = services.get(&source) {
            return Ok(Arc::clone(service));
        }
        let service = Arc::new(Service::open(&source, base_url, &self.environment, settings, tls)?);
        services.insert(source, Arc::clone(&service));
        Ok(service)
    }

    /// Returns the service of the context's secret, for one step.
    fn caller(&self, cx: &Context<'_>) -> Result<Caller> {
        let (name, source) = match &self.only {
            Some((path, _)) => (None, Source::File(path.clone())),
            None => {
                let (name, source) = self.chosen(cx.settings(), &cx.secret_name())?;
                (Some(name), source)
            }
        };
        Ok(Caller::new(name, self.service(source, cx.settings(), cx.settings())?))
    }

    /// Returns the provider that the secret's tag names, or the first, of those that the function's owner allows for the
    /// secret of this name.
    fn chosen(&self, settings: &ApiKeySettings, secret: &str) -> Result<(String, Source)> {
        let configured = settings.configured();
        let entries = &settings.provider_secrets;
        let Some((first, _)) = configured.first() else {
            return Err(Error::invalid("the function has no provider of API keys").next(
                "Set its variable API_PROVIDER to a name such as gitlab, or API_PROVIDER_FILE to the path of a provider file",
            ));
        };
        if let Some(stray) = entries.providers().find(|name| configured.iter().all(|(known, _)| known != name)) {
            return Err(Error::invalid(format!(
                "the variable `API_PROVIDER_SECRETS` names `{stray}`, which the function does not serve"
            ))
            .next("Correct it, or add that provider to API_PROVIDER or API_PROVIDER_FILE"));
        }
        let is_allowed = |name: &str| {
            if entries.is_empty() { name == first } else { entries.allow(name, secret, &settings.tags) }
        };
        let mut allowed = configured.iter().filter(|(name, _)| is_allowed(name));
        let chosen = match &settings.provider {
            None => allowed.next().ok_or_else(|| {
                Error::invalid(format!("the variable `API_PROVIDER_SECRETS` names no provider for secret {secret}"))
                    .next(format!("Add `PROVIDER={secret}` to it, with the name of the secret's provider"))
            })?,
            Some(tag) => allowed.clone().find(|(name, _)| name == tag).ok_or_else(|| {
                let own: Vec<_> = allowed.map(|(name, _)| name.as_str()).collect();
                let own = if own.is_empty() { "none".to_owned() } else { own.join(", ") };
                Error::invalid(format!(
                    "the tag `fourstep:provider` names `{tag}`, which the variable `API_PROVIDER_SECRETS` does not allow for secret {secret}"
                ))
                .next(format!(
                    "Correct the tag, or add `{tag}={secret}` to API_PROVIDER_SECRETS of the function; it allows for this secret: {own}"
                ))
            })?,
        };
        let root = self.environment.get("LAMBDA_TASK_ROOT").unwrap_or(".");
        let (name, path) = chosen;
        let source = match path {
            None => Source::named(root, name),
            Some(path) => {
                Source::File(if path.is_absolute() { path.to_path_buf() } else { Path::new(root).join(path) })
            }
        };
        Ok((name.clone(), source))
    }
}

impl Rotation for ApiKeys {
    fn settings(&self) -> Groups {
        Groups::of::<ApiKeySettings>().and::<TlsSettings>().and::<PasswordPolicy>()
    }

    async fn choose(&self, cx: &Context<'_>) -> Result<Chosen<'_>> {
        Ok(rotator(self.caller(cx)?))
    }

    async fn choose_reset(&self, account: Option<&str>, cx: &Context<'_>) -> Result<Chosen<'_>> {
        let caller = self.caller(cx)?;
        let current = cx.current::<Secret>().await?;
        let current = current.secret();
        current.admit(&caller.provider().secret, cx)?;
        if !caller.is_administered(current) {
            return Err(Error::invalid(
                "no administrator can make another key: the secret has no field `masterarn`, or the provider file no `admin`",
            )
            .still_works("Nothing was changed")
            .next("Issue a new key at the service, and store it in the secret as AWSCURRENT"));
        }
        let own = caller.account(current);
        if account == Some(&own) {
            return Ok(rotator(caller.for_reset()));
        }
        let what = match account {
            Some(_) => format!("the secret is not of what was named, but of `{own}`"),
            None => format!("nobody named what the new key is to be of. It would be of `{own}`"),
        };
        Err(Error::invalid(format!("{what}, by the administrator that `masterarn` names"))
            .still_works("Nothing was changed")
            .next(format!("If that is this secret's, say so: {}", cx.command("reset", &own))))
    }
}

fn rotator<'r>(caller: Caller) -> Chosen<'r> {
    match caller.provider().kind {
        Kind::Minted => Chosen::new(Minted(ProviderKeys(caller))),
        Kind::Pushed => Chosen::new(Pushed(caller)),
        Kind::Rolled => Chosen::new(Rolled(caller)),
    }
}

impl std::fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiKeys").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(variables: &[(&str, &str)], tag: Option<&str>) -> Result<Source> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let environment: Environment = variables.iter().chain(&[("LAMBDA_TASK_ROOT", "/task")]).map(owned).collect();
        let tags = tag.map(|tag| ("fourstep:provider".to_owned(), tag.to_owned())).into_iter().collect();
        let settings = read::group(&environment, &tags)?;
        Ok(ApiKeys::new(environment).chosen(&settings, "team-a/key")?.1)
    }

    const BOTH: [(&str, &str); 2] =
        [("API_PROVIDER", "gitlab, grafana"), ("API_PROVIDER_FILE", "/x/acme.toml,own/other.toml")];

    fn with_secrets(entries: &'static str) -> Vec<(&'static str, &'static str)> {
        BOTH.into_iter().chain([("API_PROVIDER_SECRETS", entries)]).collect()
    }

    #[track_caller]
    fn refused(variables: &[(&str, &str)], tag: Option<&str>, parts: &[&str]) {
        let error = chosen(variables, tag).unwrap_err().to_string();
        parts.iter().for_each(|part| assert!(error.contains(part), "{part:?} is not in: {error}"));
    }

    #[test]
    fn a_tag_chooses_among_the_providers_that_are_for_this_secret() {
        let all = with_secrets("gitlab=*,grafana=team-*,acme=team-a/key,other=team-a/*");
        for (tag, name) in [(None, "gitlab.toml"), (Some("grafana"), "grafana.toml")] {
            assert!(matches!(chosen(&all, tag).unwrap(), Source::ReadyMade(ready, _) if ready == name));
        }
        for (tag, file) in [(Some("acme"), "/x/acme.toml"), (Some("other"), "/task/own/other.toml")] {
            assert_eq!(chosen(&all, tag).unwrap(), Source::File(file.into()));
        }
        refused(&all, Some("cloudflare"), &["`cloudflare`", "`API_PROVIDER_SECRETS`", "gitlab, grafana, acme, other"]);
    }

    #[test]
    fn a_provider_of_other_secrets_is_neither_chosen_nor_the_default() {
        let others = with_secrets("gitlab=team-b/*,acme=team-a/*");
        assert_eq!(chosen(&others, None).unwrap(), Source::File("/x/acme.toml".into()));
        for tag in ["gitlab", "grafana"] {
            let add = format!("add `{tag}=team-a/key` to API_PROVIDER_SECRETS");
            refused(&others, Some(tag), &["fourstep:provider", &add, "it allows for this secret: acme"]);
        }
        refused(&with_secrets("gitlab=team-b/*"), None, &["no provider for secret team-a/key", "API_PROVIDER_SECRETS"]);
        refused(&with_secrets("gitlb=team-a/*"), None, &["`gitlb`, which the function does not serve"]);
    }

    #[test]
    fn without_entries_the_first_provider_is_for_every_secret_and_no_other_for_any() {
        for tag in [None, Some("gitlab")] {
            assert!(matches!(chosen(&BOTH, tag).unwrap(), Source::ReadyMade("gitlab.toml", _)));
        }
        for tag in ["grafana", "acme", "cloudflare"] {
            refused(&BOTH, Some(tag), &["fourstep:provider", "API_PROVIDER_SECRETS", &format!("`{tag}=NAME`")]);
        }
        assert_eq!(chosen(&BOTH[1..], None).unwrap(), Source::File("/x/acme.toml".into()));
        refused(&[], None, &["API_PROVIDER_FILE"]);
        chosen(&[], Some("gitlab")).unwrap_err();
    }
}
