mod minted;
mod pushed;
mod rolled;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use fourstep::keys::Minted;
use fourstep::settings::{Environment, Groups, PasswordPolicy};
use fourstep::{Chosen, Context, Error, Result, Rotation};
use fourstep_server::TlsSettings;

use crate::provider::Kind;
use crate::provider::source::Source;
use crate::rotator::minted::ProviderKeys;
use crate::rotator::pushed::Pushed;
use crate::rotator::rolled::Rolled;
use crate::service::{Caller, Service};
use crate::settings::ApiKeySettings;

/// Rotates the API keys of the providers that a function's variables name.
///
/// `API_PROVIDER` names files `providers/NAME.toml` in the function's zip or in a layer, or ready-made ones, which come
/// with this crate; `API_PROVIDER_FILE` gives the paths of others. The tag `fourstep:provider` of a secret chooses among
/// them; without it, it is the first.
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

    /// Returns the service of a secret. What was opened once is kept.
    fn service(&self, settings: &ApiKeySettings, tls: &TlsSettings) -> Result<Arc<Service>> {
        let (source, base_url) = match &self.only {
            Some((path, base_url)) => (Source::File(path.clone()), base_url.as_deref()),
            None => (self.chosen(settings)?, None),
        };
        let mut services = self.services.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(service) = services.get(&source) {
            return Ok(Arc::clone(service));
        }
        let service = Arc::new(Service::open(&source, base_url, &self.environment, settings, tls)?);
        services.insert(source, Arc::clone(&service));
        Ok(service)
    }

    /// Returns the provider that the secret's tag names, or the first.
    fn chosen(&self, settings: &ApiKeySettings) -> Result<Source> {
        let root = self.environment.get("LAMBDA_TASK_ROOT").unwrap_or(".");
        let named = settings.providers.iter().map(|name| (name.clone(), Source::named(root, name)));
        let files = settings.provider_files.iter().map(|path| {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            (name, Source::File(if path.is_absolute() { path.clone() } else { Path::new(root).join(path) }))
        });
        let mut configured: Vec<_> = named.chain(files).collect();
        let names: Vec<_> = configured.iter().map(|(name, _)| name.as_str()).collect();
        let position = match &settings.provider {
            None if configured.is_empty() => {
                return Err(Error::invalid("the function has no provider of API keys").next(
                    "Set its variable API_PROVIDER to a name such as gitlab, or API_PROVIDER_FILE to the path of a provider file",
                ));
            }
            None => 0,
            Some(tag) => names.iter().position(|name| name == tag).ok_or_else(|| {
                Error::invalid(format!("the tag `fourstep:provider` names `{tag}`, which the function does not serve"))
                    .next(format!(
                        "Correct the tag, or add it to API_PROVIDER of the function; it serves: {}",
                        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
                    ))
            })?,
        };
        Ok(configured.swap_remove(position).1)
    }
}

impl Rotation for ApiKeys {
    fn settings(&self) -> Groups {
        Groups::of::<ApiKeySettings>().and::<TlsSettings>().and::<PasswordPolicy>()
    }

    async fn choose(&self, cx: &Context<'_>) -> Result<Chosen<'_>> {
        let service = self.service(cx.settings(), cx.settings())?;
        let kind = service.provider.kind;
        let caller = Caller::new(service);
        Ok(match kind {
            Kind::Minted => Chosen::new(Minted(ProviderKeys(caller))),
            Kind::Pushed => Chosen::new(Pushed(caller)),
            Kind::Rolled => Chosen::new(Rolled(caller)),
        })
    }
}

impl std::fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiKeys").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use fourstep::settings::read;

    use super::*;

    fn chosen(variables: &[(&str, &str)], tag: Option<&str>) -> Result<Source> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let environment: Environment = variables.iter().chain(&[("LAMBDA_TASK_ROOT", "/task")]).map(owned).collect();
        let tags = tag.map(|tag| ("fourstep:provider".to_owned(), tag.to_owned())).into_iter().collect();
        let settings = read::group(&environment, &tags).unwrap();
        ApiKeys::new(environment).chosen(&settings)
    }

    #[test]
    fn a_tag_chooses_among_the_providers_that_are_configured() {
        let both = [("API_PROVIDER", "gitlab, grafana"), ("API_PROVIDER_FILE", "/x/acme.toml,own/other.toml")];
        for (tag, name) in [(None, "gitlab.toml"), (Some("grafana"), "grafana.toml")] {
            assert!(matches!(chosen(&both, tag).unwrap(), Source::ReadyMade(ready, _) if ready == name));
        }
        for (tag, file) in [(Some("acme"), "/x/acme.toml"), (Some("other"), "/task/own/other.toml")] {
            assert_eq!(chosen(&both, tag).unwrap(), Source::File(file.into()));
        }
        let error = chosen(&both, Some("cloudflare")).unwrap_err().to_string();
        assert!(error.contains("`cloudflare`, which the function does not serve"), "{error}");
        assert!(error.contains("it serves: gitlab, grafana, acme, other"), "{error}");
        assert!(chosen(&[], None).unwrap_err().to_string().contains("API_PROVIDER_FILE"));
        chosen(&[], Some("gitlab")).unwrap_err();
    }
}
