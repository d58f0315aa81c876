//! For whom the administrator acts.

use fourstep::{Context, Error, ErrorKind, Login, Result};

use crate::answer::text_in;
use crate::place::Place;
use crate::provider::auth::Auth;
use crate::request::{build, credential};
use crate::secret::{Field, Secret};
use crate::service::Caller;
use crate::settings::ApiKeySettings;
use crate::template;

impl Caller {
    /// Returns the secret with which requests are made for the account of `target`, AWSCURRENT's or the pending version's.
    ///
    /// Whoever may write the secret chooses what `target` names, and that it names an administrator. So the administrator
    /// acts for it only where a version of the secret works at the service, and on fields that are that version's as the
    /// service shows, or that the function's owner allows for this secret; or on an operator's word, in a reset.
    pub(crate) async fn acting<'s>(
        &self,
        target: &'s Secret,
        login: &'s Login<'_, Secret>,
        cx: &Context<'_>,
    ) -> Result<&'s Secret> {
        self.outlives_schedule(cx)?;
        let administered = self.is_administered(target);
        if administered {
            self.is_allowed(target, cx)?;
        }
        if administered && self.reset {
            return Ok(target);
        }
        let working = login.working().await.map_err(|error| match error.is_rejected() && administered {
            true => error.next(format!(
                "If the key is lost, let the administrator make another: {}",
                cx.command("reset", &self.account(target))
            )),
            false => error,
        })?;
        if !administered {
            if self.is_administered(working.secret()) {
                return Err(Error::conflict(format!(
                    "only version {} works, which names an administrator, and the secret as it is names none",
                    working.id()
                ))
                .still_works("Nothing was changed")
                .next("Store the key that works in the secret as AWSCURRENT, or add `masterarn` to it again"));
            }
            return Ok(working.secret());
        }
        match self.differs(target, working.secret()) {
            Some(name) => Err(another_account(name, working.id())),
            None => Ok(target),
        }
    }

    /// Tries the key of a secret. In a reset, only one that is of what AWSCURRENT names: that of another account is none.
    pub(crate) async fn probe(&self, secret: &Secret, cx: &Context<'_>) -> Result<()> {
        if self.reset && self.differs(cx.current::<Secret>().await?.secret(), secret).is_some() {
            return Err(Error::rejected("the version is of another account than AWSCURRENT"));
        }
        self.perform("test", &self.provider().test, secret, &self.scope(secret), cx).await.map(drop)
    }

    /// Refuses fields on which the function's owner does not let the administrator act, where no key proves them.
    fn is_allowed(&self, target: &Secret, cx: &Context<'_>) -> Result<()> {
        let (allowed, secret) = (&cx.settings::<ApiKeySettings>().admin_parameters, cx.secret_name());
        let unproven = self.provider().administered().into_iter().filter(|name| !self.proves(name));
        // Where the owner says which administrator is for whom, no other is.
        for name in unproven.chain(allowed.names(ADMINISTRATOR).then_some(ADMINISTRATOR)) {
            // A template that asks for it is refused with the field's name.
            if target.field(name).is_some_and(|value| !allowed.allow(&secret, name, value)) {
                return Err(not_allowed(name, &secret));
            }
        }
        Ok(())
    }

    /// Returns the first field that a key proves, and that differs between two versions.
    fn differs<'p>(&'p self, target: &Secret, working: &Secret) -> Option<&'p str> {
        let proven = self.provider().administered().into_iter().filter(|name| self.proves(name));
        proven.into_iter().find(|name| working.field(name).map(Field::shown) != target.field(name).map(Field::shown))
    }

    fn proves(&self, name: &str) -> bool {
        self.provider().admin.as_ref().is_some_and(|admin| admin.test_proves.iter().any(|proven| proven == name))
    }

    /// Returns whether `test` can be filled in for a version, so that the service is asked at all.
    pub(crate) fn can_be_tried(&self, secret: &Secret) -> bool {
        let (provider, service) = (self.provider(), &*self.service);
        let Ok(key) = secret.key(&provider.secret) else { return false };
        let scope = self.scope(secret).with("key", key.expose());
        if let Auth::OAuth2(oauth2) = &provider.auth {
            let texts = [&oauth2.client_id, &oauth2.client_secret].into_iter().chain(oauth2.parameters.values());
            let values = scope.value();
            if texts.into_iter().any(|text| template::render(text, Place::Credential, &values).is_err()) {
                return false;
            }
        }
        let Ok(credential) = credential(&provider.auth, &scope) else { return false };
        build(&service.base, &provider.test, credential.as_ref(), &scope).is_ok()
    }

    /// Returns whether a key deletes those of its own secret, and no administrator does.
    pub(crate) async fn owns(&self, cx: &Context<'_>) -> Result<bool> {
        Ok(!self.is_administered(cx.current::<Secret>().await?.secret()))
    }

    /// Returns the id that the service gives for the key of a version, in its answer to `test`.
    pub(crate) async fn own_id(&self, gone: &Secret, cx: &Context<'_>) -> Result<Option<String>> {
        let test = &self.provider().test;
        let Some(pointer) = &test.answer.id else { return Ok(None) };
        match self.perform("test", test, gone, &self.scope(gone), cx).await {
            Ok((answer, _)) => Ok(answer.json.as_ref().and_then(|json| text_in(json, pointer).ok())),
            Err(error) if error.kind() == ErrorKind::Unavailable => Err(error),
            Err(_) => Ok(None),
        }
    }

    /// Returns how an operator names what the administrator acts on: its fields, or the service if there are none.
    pub(crate) fn account(&self, secret: &Secret) -> String {
        let section = &self.provider().secret;
        let public = |name: &&str| section.parameters.iter().chain(&section.id).any(|parameter| parameter == name);
        let fields = self.provider().administered().into_iter().filter(public);
        let named =
            fields.filter_map(|name| Some(format!("{name}={}", secret.field(name)?.shown()))).collect::<Vec<_>>();
        if named.is_empty() { self.provider().service.clone() } else { named.join(",") }
    }
}

/// The field that names the administrator's secret.
const ADMINISTRATOR: &str = "masterarn";

fn another_account(field: &str, working: &str) -> Error {
    Error::conflict(format!(
        "field `{field}` of the secret is not that of version {working}, which the service accepts, and the administrator acts for no other"
    ))
    .still_works("Nothing was changed")
    .next(format!("Correct `{field}` in the secret's JSON, or store a key there that is of what it names"))
}

fn not_allowed(field: &str, secret: &str) -> Error {
    Error::forbidden(format!(
        "the administrator does not act on field `{field}` of the secret as it is: the key does not prove it, and the function's owner does not allow it"
    ))
    .still_works("Nothing was changed")
    .next(format!(
        "If it may, let the function's owner add `{secret}:{field}=` and the field's value to the variable API_ADMIN_PARAMETERS; or correct the field"
    ))
}
