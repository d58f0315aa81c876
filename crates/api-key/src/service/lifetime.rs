//! How long a new key lives, and whether the secret's schedule replaces it before.

use std::time::{Duration, SystemTime};

use fourstep::{Context, Error, Result, Step};
use humantime::format_duration;

use crate::service::Caller;
use crate::settings::ApiKeySettings;

impl Caller {
    /// Returns how long a new key is to live: as the provider file says, or shorter, as the secret's tag says.
    ///
    /// # Errors
    ///
    /// `Invalid` if the tag asks for more than the file allows.
    fn lifetime(&self, cx: &Context<'_>) -> Result<Option<Duration>> {
        let (limit, tag) = (self.provider().lifetime, cx.settings::<ApiKeySettings>().lifetime);
        let wrong = |what: String| {
            Error::invalid(format!("the tag `{TAG}` of the secret is {what}"))
                .still_works("Nothing was changed")
                .next(format!("Correct or remove the tag; `lifetime` in {} is the longest", self.service.file))
        };
        match (limit, tag) {
            (Some(limit), Some(tag)) if tag > limit => {
                Err(wrong(format!("{}, and the provider file allows {}", format_duration(tag), format_duration(limit))))
            }
            (None, Some(_)) => Err(wrong("for nothing: the provider file has no `lifetime`".to_owned())),
            (limit, tag) => Ok(tag.or(limit)),
        }
    }

    /// Refuses to make a key that would end before the secret's schedule replaces it, before anything is changed. A key that is lost
    /// or leaked waits for no schedule: on an operator's word, it is made.
    ///
    /// # Errors
    ///
    /// `Invalid`, with both times.
    pub(crate) fn outlives_schedule(&self, cx: &Context<'_>) -> Result<()> {
        if cx.step() != Step::Create {
            return Ok(());
        }
        match self.ends_too_early(cx)? {
            Some(error) if !cx.by_operator() => Err(error),
            _ => Ok(()),
        }
    }

    /// Returns what is to be said of a key that would end before the secret's schedule replaces it.
    fn ends_too_early(&self, cx: &Context<'_>) -> Result<Option<Error>> {
        let (Some(lifetime), Some(longest)) = (self.lifetime(cx)?, cx.rotation_rules().longest()) else {
            return Ok(None);
        };
        let certain = self.provider().certain(lifetime);
        if certain > longest {
            return Ok(None);
        }
        let shown = format_duration(certain);
        let error = Error::invalid(format!(
            "a new key would live for no more than {shown} with certainty, and the secret's schedule ({}) may let {} pass until the next rotation: AWSCURRENT would be dead before",
            cx.rotation_rules(),
            format_duration(longest)
        ));
        Ok(Some(error.still_works("Nothing was changed").next(format!(
            "Rotate more often than every {shown}: fourstep configure {} --every …; or, if the service allows it, raise `{TAG}` of the secret or `lifetime` in {}",
            cx.secret_argument(),
            self.service.file
        ))))
    }

    /// Returns how long the key is to live that is about to be made, and warns where nothing replaces it before.
    pub(crate) fn lifetime_to_ask_for(&self, cx: &Context<'_>) -> Result<Option<Duration>> {
        let lifetime = self.lifetime(cx)?;
        if let Some(lifetime) = lifetime
            && cx.rotation_rules().longest().is_none()
        {
            tracing::warn!(
                lifetime = %format_duration(lifetime),
                rules = %cx.rotation_rules(),
                "no schedule that can be read replaces the new key before it ends: set one, or rotate the secret by hand before"
            );
        }
        if let Some(error) = self.ends_too_early(cx)? {
            tracing::warn!(
                message = error.message(),
                "the new key is made all the same, since an operator asks for it"
            );
        }
        Ok(lifetime)
    }

    /// Warns of a key that ends before the schedule replaces it, as the service says when it made it.
    pub(super) fn ends_in_time(&self, end: SystemTime, cx: &Context<'_>) {
        let left = end.duration_since(cx.now()).unwrap_or_default();
        if let Some(longest) = cx.rotation_rules().longest()
            && left <= longest
        {
            tracing::warn!(
                ends = %humantime::format_rfc3339_seconds(end),
                rules = %cx.rotation_rules(),
                "the service made a key that may end before the next rotation: rotate the secret more often, or ask for a later end"
            );
        }
    }
}

/// The tag that narrows a provider's lifetime.
const TAG: &str = "fourstep:lifetime";
