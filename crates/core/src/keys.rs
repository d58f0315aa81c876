//! Keys that a service makes itself: what an author implements ([`Keys`]), and the rotator that it becomes ([`Minted`]).
//!
//! A service tells its keys apart by their names, so each is made with a name that carries the id of the version that it is
//! for ([`KeyName`]). So a key whose value was never stored is found and deleted.

mod going;
mod minted;

use std::fmt;
use std::future::Future;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use crate::context::Context;
use crate::error::Result;
use crate::login::Login;
use crate::sensitive::Sensitive;
use crate::settings::Groups;

pub use minted::Minted;

/// The keys of a service that makes them itself: list, mint, delete, try.
///
/// [`Minted`] makes a [`Rotator`](crate::Rotator) of it, and owns the hard rules: when a key of an
/// earlier attempt may be deleted, which keys are strays, what to do at the service's limit. No implementation looks at
/// a label, or decides which key goes.
pub trait Keys: Send + Sync + 'static {
    /// The secret's JSON object: the key, and what tells it from others at the service.
    type Secret: Serialize + DeserializeOwned + Send + Sync + 'static;

    /// Returns the groups of settings that it reads, beside the engine's own.
    fn settings() -> Groups {
        Groups::none()
    }

    /// Returns the id by which the service knows the secret's key. `None`: the secret does not say.
    fn id(&self, secret: &Self::Secret) -> Option<String>;

    /// Returns the key itself. Two versions that hold the same one are of one key, whatever their ids say. `None`: there is none.
    fn value(&self, secret: &Self::Secret) -> Option<Sensitive>;

    /// Returns the secret with which requests are made for the account of `current`: by default the version that the
    /// service accepts.
    ///
    /// Where an administrator makes the requests, it is `current`, once a version that works shows whose account that is:
    /// whoever may write the secret chooses what `current` names.
    ///
    /// # Errors
    ///
    /// Those of [`Login::working`].
    fn acting<'s>(
        &self,
        current: &'s Self::Secret,
        login: &'s Login<'_, Self::Secret>,
        cx: &Context<'_>,
    ) -> impl Future<Output = Result<&'s Self::Secret>> + Send {
        let _ = (current, cx);
        async { Ok(login.working().await?.secret()) }
    }

    /// Returns whether the id that `gone` gives may be deleted where neither a name of ours nor the service says whose key it is.
    /// By default it may: what deletes it is a key of the same secret. Where an administrator deletes it, it may not.
    fn owns(&self, gone: &Self::Secret, cx: &Context<'_>) -> impl Future<Output = Result<bool>> + Send {
        let _ = (gone, cx);
        async { Ok(true) }
    }

    /// Returns the id that the service itself gives for the key of `gone`, asked with that key. `None`, as by default: it does not
    /// say, or refuses the key.
    fn own_id(&self, gone: &Self::Secret, cx: &Context<'_>) -> impl Future<Output = Result<Option<String>>> + Send {
        let _ = (gone, cx);
        async { Ok(None) }
    }

    /// Returns for how long the service may still refuse a key that it just made. None at all, by default.
    fn activation(&self) -> Duration {
        Duration::ZERO
    }

    /// Lists the keys of the account, all pages, using the key `with`. `None`: the service cannot list them, and a key
    /// whose value was never stored is never found.
    fn list(&self, with: &Self::Secret, cx: &Context<'_>) -> impl Future<Output = Result<Option<Vec<Key>>>> + Send;

    /// Creates a key named `name`, using the key `with`, and returns the next secret.
    fn mint(
        &self,
        name: &KeyName,
        with: &Self::Secret,
        cx: &Context<'_>,
    ) -> impl Future<Output = Result<Mint<Self::Secret>>> + Send;

    /// Deletes a key, using the key `with`. Succeeds where it is gone already.
    fn delete(&self, id: &str, with: &Self::Secret, cx: &Context<'_>) -> impl Future<Output = Result<()>> + Send;

    /// Returns whether a version's key can be tried at all: by default, where there is one. What cannot be tried shows nothing of the
    /// id beside it, which is not deleted then.
    fn can_be_tried(&self, secret: &Self::Secret) -> bool {
        self.value(secret).is_some()
    }

    /// Returns whether a key that is refused may still be there, because what deletes it is done in stages, such as to disable it
    /// first. By default it is not.
    fn ends_in_stages(&self) -> bool {
        false
    }

    /// Tries whether the service accepts the secret's key.
    fn probe(&self, secret: &Self::Secret, cx: &Context<'_>) -> impl Future<Output = Result<()>> + Send;
}

/// A key, as the service lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The service's id of the key.
    pub id: String,
    /// The name that the key was given. Empty where the service does not show it: then only its id tells whose it is.
    pub name: String,
    /// When it was made, for a service that shows no names: a key that is younger than AWSCURRENT's, and that no version
    /// names, may be what a lost answer left. Nobody can be sure, so it is named in the log and never deleted.
    pub created: Option<SystemTime>,
}

/// What became of a request for a key.
#[derive(Debug)]
pub enum Mint<S> {
    /// The service made a key: the next secret.
    Made(S),
    /// The service allows no more keys.
    LimitReached,
}

/// The name of a key that Fourstep made: for which secret and version, and until when its maker may still store it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyName {
    secret: String,
    token: String,
    deadline: u64,
}

impl KeyName {
    /// Names the key that this step makes.
    #[must_use]
    pub fn new(cx: &Context<'_>) -> Self {
        let deadline = cx.deadline().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() + 1;
        Self { secret: mark_of(cx.secret_id()), token: cx.token().to_owned(), deadline }
    }

    /// Reads a name back. `None`: the key is not Fourstep's, or is another secret's.
    #[must_use]
    pub fn parse(name: &str, cx: &Context<'_>) -> Option<Self> {
        let rest = name.strip_prefix(PREFIX)?.strip_prefix(&mark_of(cx.secret_id()))?.strip_prefix('-')?;
        let (token, deadline) = rest.rsplit_once('-')?;
        // Whoever makes keys there chooses their names. Ours end soon.
        let latest = cx.now().duration_since(UNIX_EPOCH).unwrap_or_default() + LONGEST;
        let deadline = deadline.parse().ok().filter(|deadline| *deadline <= latest.as_secs())?;
        Some(Self { secret: mark_of(cx.secret_id()), token: token.to_owned(), deadline })
    }

    /// Returns this name, with a deadline after that of another. A deadline that is later than true is a wait, no loss.
    #[must_use]
    pub(crate) fn unlike(self, other: &Self) -> Self {
        let deadline =
            if self.token == other.token { self.deadline.max(other.deadline.saturating_add(1)) } else { self.deadline };
        Self { deadline, ..self }
    }

    /// Returns the version that the key was made for.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Returns the moment after which the key's maker cannot store it any more.
    #[must_use]
    pub fn deadline(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.deadline)
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}-{}-{}", self.secret, self.token, self.deadline)
    }
}

const PREFIX: &str = "fourstep-";

/// No function runs longer than a quarter of an hour, and clocks differ.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Returns what stands for the whole ARN, account and region included: a replica that was promoted has the last characters of
/// its primary's.
fn mark_of(arn: &str) -> String {
    let hash = Sha256::digest(arn.as_bytes());
    hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}
