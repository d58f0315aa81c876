//! For whom the administrator acts.

use fourstep::{Context, Error, Login, Result};

use crate::answer::text_in;
use crate::secret::Secret;
use crate::service::Caller;
use crate::settings::ApiKeySettings;

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
        let administered = self.is_administered(target);
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
            return Ok(working.secret());
        }
        let proven = &self.provider().admin.as_ref().expect("it is administered").test_proves;
        let allowed = &cx.settings::<ApiKeySettings>().admin_parameters;
        let secret = cx.secret_name();
        for name in self.provider().administered() {
            // A template that asks for it is refused with the field's name.
            let Some(value) = target.field(name) else { continue };
            if proven.iter().any(|proven| proven == name) {
                if working.secret().text(name) != target.text(name) {
                    return Err(another_account(name, working.id()));
                }
            } else if !allowed.allow(&secret, name, value) {
                return Err(not_allowed(name, &secret));
            }
        }
        Ok(target)
    }

    /// Returns whether a version shows that the id that it gives is its own key's: by the answer to `test`.
    pub(crate) async fn owns(&self, gone: &Secret, cx: &Context<'_>) -> Result<bool> {
        if !self.is_administered(cx.current::<Secret>().await?.secret()) {
            return Ok(true);
        }
        let (test, section) = (&self.provider().test, &self.provider().secret);
        let Some(pointer) = &test.answer.id else { return Ok(false) };
        let id = section.id.as_ref().and_then(|field| gone.text(field));
        match self.perform("test", test, gone, &self.scope(gone), cx).await {
            Ok((answer, _)) => {
                let own = answer.json.as_ref().and_then(|json| text_in(json, pointer).ok());
                Ok(own.is_some() && own.as_deref() == id.as_ref().map(fourstep::Sensitive::expose))
            }
            Err(error) if error.is_rejected() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Returns how an operator names what the administrator acts on: its fields, or the service if there are none.
    pub(crate) fn account(&self, secret: &Secret) -> String {
        let public = |name: &&str| self.provider().secret.parameters.iter().any(|parameter| parameter == name);
        let fields = self.provider().administered().into_iter().filter(public);
        let named =
            fields.filter_map(|name| Some(format!("{name}={}", secret.field(name)?.shown()))).collect::<Vec<_>>();
        if named.is_empty() { self.provider().service.clone() } else { named.join(",") }
    }
}

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
