mod lifetime;
mod list;
mod proof;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use fourstep::settings::Environment;
use fourstep::{Context, Error, Result, Sensitive, Version};
use fourstep_server::TlsSettings;
use minijinja::Value;
use tokio::sync::OnceCell;
use url::Url;

use crate::address::Allowed;
use crate::answer::{Answer, moment};
use crate::base_url;
use crate::call::Call;
use crate::error::{Verdict, classify};
use crate::oauth2;
use crate::provider::auth::Auth;
use crate::provider::request::RequestSection;
use crate::provider::source::Source;
use crate::provider::{KEY_ID, ProviderFile};
use crate::request::{Credential, Scope, Unfit, bearer, build, credential, expecting};
use crate::secret::Secret;
use crate::session::Session;
use crate::settings::ApiKeySettings;

/// A service, as its provider file describes it, and the way to it.
pub(crate) struct Service {
    pub(crate) provider: ProviderFile,
    file: String,
    base: Url,
    token_url: Option<Url>,
    admin_token_url: Option<Url>,
    session: Session,
}

/// A service during one step: what was read of the administrator is kept.
pub(crate) struct Caller {
    /// The provider's name in the function's variables. `None`: there is no other.
    name: Option<String>,
    service: Arc<Service>,
    /// Whether an operator said that the administrator may act though no version of the secret works.
    reset: bool,
    administrator: OnceCell<Arc<Version<Secret>>>,
}

impl Service {
    /// Reads a provider file and prepares the way to its service, at another place than it names if `base_url` says so.
    ///
    /// # Errors
    ///
    /// `Invalid`, naming the file, the field and the fix.
    pub(crate) fn open(
        source: &Source,
        base_url: Option<&str>,
        environment: &Environment,
        settings: &ApiKeySettings,
        tls: &TlsSettings,
    ) -> Result<Self> {
        let provider = source.read()?;
        let file = source.name();
        let allowed = Allowed { private: provider.private_addresses, loopback: settings.loopback };
        let session = Session::open(allowed, provider.timeout, tls)?;
        let place = |field: &str, text: &str| base_url::fill(&file, field, text, environment);
        let token_url = |auth: &Auth| match auth {
            Auth::OAuth2(oauth2) => place("token_url", &oauth2.token_url).map(Some),
            _ => Ok(None),
        };
        let base = place("base_url", base_url.unwrap_or(&provider.base_url))?;
        let admin = provider.admin.as_ref().map(|admin| token_url(&admin.auth)).transpose()?.flatten();
        Ok(Self { base, token_url: token_url(&provider.auth)?, admin_token_url: admin, session, file, provider })
    }

    /// Returns how messages name a request.
    fn call_for<'a>(&'a self, request: &'static str, url: &'a Url, administrator: bool) -> Call<'a> {
        let (service, file) = (&self.provider.service, &self.file);
        let (host, port) = (url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default());
        Call { service, file, host, port, request, administrator, shows: &[] }
    }

    /// Explains why a request cannot be sent.
    fn unfit(&self, request: &str, Unfit { field, message }: Unfit) -> Error {
        Error::invalid(format!("provider file {}, request `{request}`, field `{field}`: {message}", self.file))
            .next("Correct the field of the secret that stands there, or the file")
    }
}

impl Caller {
    pub(crate) fn new(name: Option<String>, service: Arc<Service>) -> Self {
        Self { name, service, reset: false, administrator: OnceCell::new() }
    }

    /// Returns one for a reset, which an operator asked for.
    pub(crate) fn for_reset(self) -> Self {
        Self { reset: true, ..self }
    }

    pub(crate) fn provider(&self) -> &ProviderFile {
        &self.service.provider
    }

    /// Returns whether the administrator makes the requests that change something.
    pub(crate) fn is_administered(&self, secret: &Secret) -> bool {
        self.provider().admin.is_some() && secret.text("masterarn").is_some()
    }

    /// Returns what templates may use of a secret.
    pub(crate) fn scope(&self, secret: &Secret) -> Scope {
        let section = &self.provider().secret;
        let scope = Scope::default().with("secret", secret.values(section.parameters.iter().chain(&section.secrets)));
        match section.id.as_ref().and_then(|field| secret.text(field)) {
            Some(id) => scope.with(KEY_ID, id.expose()),
            None => scope,
        }
    }

    /// Adds what a request that makes a key may use.
    pub(crate) fn scope_to_make(&self, secret: &Secret, idempotency_key: &str, cx: &Context<'_>) -> Result<Scope> {
        let scope = self.scope(secret).with("idempotency_key", idempotency_key);
        Ok(match self.lifetime_to_ask_for(cx)? {
            Some(lifetime) => scope.with("expires", expires(cx.now() + lifetime, lifetime.as_secs())),
            None => scope,
        })
    }

    /// Sends a request, and returns what its answer means: as the administrator if there is one and it is not `test`, else
    /// with the secret's own key.
    pub(crate) async fn perform(
        &self,
        name: &'static str,
        request: &RequestSection,
        secret: &Secret,
        scope: &Scope,
        cx: &Context<'_>,
    ) -> Result<(Answer, Verdict)> {
        let service = &*self.service;
        secret.admit(&self.provider().secret, cx)?;
        let administrator = name != "test" && self.is_administered(secret);
        let shows = self.shown_secrets(request, administrator);
        let call = Call { shows: &shows, ..service.call_for(name, &service.base, administrator) };
        let credential = self.credential(name, secret, administrator, &shows, cx).await?;
        let mut scope = scope.clone();
        if name == "test" {
            scope = scope.with("key", secret.key(&self.provider().secret)?.expose());
        }
        if let Some(admin) = self.provider().admin.as_ref().filter(|_| administrator) {
            let version = self.administrator(secret, cx).await?;
            scope = scope.with("admin", version.secret().values(admin.parameters.iter().chain(&admin.secrets)));
        }
        let unfit = |unfit| service.unfit(name, unfit);
        let outgoing = build(&service.base, request, Some(&credential), &scope).map_err(unfit)?;
        let expecting = expecting(request, &scope).map_err(unfit)?;
        let answer = service.session.exchange(&outgoing, call, cx).await?;
        let verdict = classify(&answer, expecting.as_ref().unwrap_or(request), call)?;
        Ok((answer, verdict))
    }

    /// Reads the new key out of the answer to the request that made it, and returns the fields of the secret that change.
    pub(crate) fn made(
        &self,
        name: &'static str,
        request: &RequestSection,
        answer: &Answer,
        cx: &Context<'_>,
    ) -> Result<Secret> {
        let (section, call) = (&self.provider().secret, self.service.call_for(name, &self.service.base, false));
        let pointers = &request.answer;
        let value = Sensitive::new(answer.text(pointers.value.as_deref().expect("the file was checked"), call)?);
        cx.learn(&value);
        let mut fields = vec![(section.value.as_str(), value)];
        if let (Some(field), Some(pointer)) = (&section.id, &pointers.id) {
            fields.push((field, Sensitive::new(answer.text(pointer, call)?)));
        }
        for (field, pointer) in &pointers.save {
            fields.push((field, Sensitive::new(answer.text(pointer, call)?)));
        }
        if let Some(pointer) = &pointers.expires
            && answer.json(call)?.pointer(pointer).is_none_or(|end| !end.is_null())
        {
            let end = moment(&answer.text(pointer, call)?).ok_or_else(|| {
                Error::invalid(format!("{call} answered with an end of the key in `{pointer}` that is no time"))
                    .next(format!("Correct `answer.expires` in {}", self.service.file))
            })?;
            if end <= cx.now() {
                return Err(Error::invalid(format!("{call} made a key whose end, in `{pointer}`, is over already"))
                    .next(format!("Correct the end that is asked for in {}", self.service.file)));
            }
            self.ends_in_time(end, cx);
        }
        Ok(Secret::default().with(fields))
    }

    /// Returns the secret fields that a request shows to the service beside the key, or as the administrator.
    fn shown_secrets(&self, request: &RequestSection, administrator: bool) -> Vec<String> {
        let provider = self.provider();
        let (auth, object, secrets) = match &provider.admin {
            Some(admin) if administrator => (&admin.auth, "admin", &admin.secrets),
            _ => (&provider.auth, "secret", &provider.secret.secrets),
        };
        let used: BTreeSet<_> = request.sent_variables().into_iter().chain(auth.variables()).collect();
        secrets.iter().filter(|field| used.contains(&format!("{object}.{field}"))).cloned().collect()
    }

    /// Returns what a request is made with.
    async fn credential(
        &self,
        name: &'static str,
        secret: &Secret,
        administrator: bool,
        shows: &[String],
        cx: &Context<'_>,
    ) -> Result<Credential> {
        let service = &*self.service;
        let (auth, scope, token_url) = match &self.provider().admin {
            Some(admin) if administrator => {
                let version = self.administrator(secret, cx).await?;
                version.secret().learn(&admin.secrets, cx);
                let values = version.secret().values(admin.parameters.iter().chain(&admin.secrets));
                (&admin.auth, Scope::default().with("admin", values), &service.admin_token_url)
            }
            _ => {
                let key = secret.key(&self.provider().secret)?;
                (&self.provider().auth, self.scope(secret).with("key", key.expose()), &service.token_url)
            }
        };
        if let (Auth::OAuth2(oauth2), Some(url)) = (auth, token_url) {
            let call = Call { shows, ..service.call_for("token", url, administrator) };
            let token = oauth2::token(oauth2, url, &scope.value(), &service.session, call, cx).await?;
            return bearer(&token).map_err(|unfit| service.unfit(name, unfit));
        }
        let credential = credential(auth, &scope).map_err(|unfit| service.unfit(name, unfit))?;
        Ok(credential.expect("all but OAuth 2.0 are filled in at once"))
    }

    /// Reads the administrator's secret. Its credential goes to the service of this provider, so the function's owner has
    /// to allow the provider for it, as for any secret.
    async fn administrator(&self, secret: &Secret, cx: &Context<'_>) -> Result<&Arc<Version<Secret>>> {
        let arn = secret.text("masterarn").expect("the secret is administered");
        self.administrator
            .get_or_try_init(async || {
                let other = cx.read::<Secret>(arn.expose()).await?;
                let entries = &cx.settings::<ApiKeySettings>().provider_secrets;
                match &self.name {
                    Some(name) if !entries.is_empty() && !entries.allow(name, &other.name, &other.tags) => {
                        Err(Error::invalid(format!(
                            "the variable `API_PROVIDER_SECRETS` does not allow provider `{name}` for the secret that `masterarn` names"
                        ))
                        .next(format!("Add `{name}=` and the name of the administrator's secret to it, or correct `masterarn`")))
                    }
                    _ => Ok(other.version),
                }
            })
            .await
    }
}

/// Returns the end of a new key in the spellings that services ask for.
fn expires(end: SystemTime, seconds: u64) -> Value {
    let time = humantime::format_rfc3339_seconds(end).to_string();
    let unix = end.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let date = time.split('T').next().unwrap_or_default().to_owned();
    minijinja::context! { date, time, unix, seconds }
}
