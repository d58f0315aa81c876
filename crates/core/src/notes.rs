//! What an invocation learns on its way. It outlives the invocation, so that a step that hung or panicked is reported
//! with what was known by then.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::{Error, ErrorKind, Result};
use crate::place::Place;
use crate::slots::Slots;

/// What is known of an invocation so far.
#[derive(Default)]
pub(crate) struct Notes(Mutex<Noted>);

#[derive(Default)]
struct Noted {
    secret_name: Option<String>,
    owner: Option<String>,
    strategy: Option<(&'static str, Slots)>,
    repeated: u32,
    tried: BTreeMap<String, bool>,
    /// Whether the function's role may not list versions.
    unlisted: bool,
    /// Whether the step wrote to the target, or began to, after it tried them.
    wrote: bool,
    /// The labels of each version.
    labels: BTreeMap<String, Vec<String>>,
    /// What errors do not repeat, and what they say instead.
    hidden: Vec<(String, String)>,
    /// What came of each of several places, when they were last asked or changed.
    places: Vec<Place>,
}

impl Notes {
    /// Notes the name of the secret.
    pub(crate) fn secret_is(&self, name: &str) {
        self.lock().secret_name = Some(name.to_owned());
    }

    pub(crate) fn secret_name(&self) -> Option<String> {
        self.lock().secret_name.clone()
    }

    /// Notes whose secret it is, where the function tells owners apart.
    pub(crate) fn owner_is(&self, owner: Option<String>) {
        self.lock().owner = owner;
    }

    pub(crate) fn owner(&self) -> Option<String> {
        self.lock().owner.clone()
    }

    /// Notes a text of another secret, which no error repeats: whoever writes the secret that is rotated reads errors.
    pub(crate) fn hide(&self, text: String, instead: String) {
        let mut noted = self.lock();
        if !noted.hidden.iter().any(|(hidden, _)| *hidden == text) {
            noted.hidden.push((text, instead));
        }
    }

    /// Returns a text with what errors say instead of what is hidden.
    pub(crate) fn without_hidden(&self, text: &str) -> String {
        let noted = self.lock();
        noted.hidden.iter().fold(text.to_owned(), |text, (hidden, instead)| text.replace(hidden, instead))
    }

    /// Notes what came of each of several places. What was noted of them before is forgotten.
    pub(crate) fn places_are(&self, places: Vec<Place>) {
        self.lock().places = places;
    }

    /// Returns what came of each place, and forgets it.
    pub(crate) fn take_places(&self) -> Vec<Place> {
        std::mem::take(&mut self.lock().places)
    }

    /// Notes how the credentials are rotated. What the target told last holds.
    pub(crate) fn strategy_is(&self, name: &'static str, slots: Slots) {
        self.lock().strategy = Some((name, slots));
    }

    pub(crate) fn strategy(&self) -> Option<&'static str> {
        self.lock().strategy.map(|(name, _)| name)
    }

    /// Returns whether AWSCURRENT works at every moment of this rotation.
    pub(crate) fn overlaps(&self) -> bool {
        self.lock().strategy.is_some_and(|(_, slots)| slots.overlaps())
    }

    /// Begins a step: counts its attempts from one, and forgets which versions were tried, since the steps before may have
    /// changed the target.
    pub(crate) fn begin_step(&self) {
        let mut noted = self.lock();
        noted.repeated = 0;
        noted.tried.clear();
        noted.wrote = false;
    }

    /// Returns whether a step began: it knows the labels of the secret.
    pub(crate) fn has_begun(&self) -> bool {
        !self.lock().labels.is_empty()
    }

    /// Notes which labels the versions have.
    pub(crate) fn labels_are(&self, labels: &BTreeMap<String, Vec<String>>) {
        self.lock().labels.clone_from(labels);
    }

    /// Notes that a write follows: what was tried before says nothing of the target if its answer is lost.
    pub(crate) fn writes(&self) {
        self.lock().wrote = true;
    }

    /// Notes that the function's role may not list versions.
    pub(crate) fn may_not_list(&self) {
        self.lock().unlisted = true;
    }

    /// Counts one more attempt at what the target did not answer.
    pub(crate) fn attempted_again(&self) {
        self.lock().repeated += 1;
    }

    /// Returns how often the step was attempted, the first time included.
    pub(crate) fn attempts(&self) -> u32 {
        self.lock().repeated + 1
    }

    /// Notes whether the target accepted a version, and passes the answer on. A failed call counts as neither.
    pub(crate) fn tried<T>(&self, version_id: &str, answer: Result<T>) -> Result<T> {
        if answer.is_ok() || answer.as_ref().is_err_and(Error::is_rejected) {
            let mut noted = self.lock();
            noted.tried.insert(version_id.to_owned(), answer.is_ok());
            noted.wrote = false;
        }
        answer
    }

    /// Returns whether the target accepted a version in this step.
    pub(crate) fn has_opened(&self, version_id: &str) -> bool {
        self.lock().tried.get(version_id) == Some(&true)
    }

    /// Returns whether the target refused a version in this step.
    pub(crate) fn has_refused(&self, version_id: &str) -> bool {
        self.lock().tried.get(version_id) == Some(&false)
    }

    /// Describes which version opens the target, as far as that is known, where a step ended with an error of this kind.
    pub(crate) fn what_works(&self, kind: ErrorKind) -> String {
        let noted = self.lock();
        let name = |id: &str| match noted.labels.get(id).and_then(|labels| labels.first()) {
            Some(label) => format!("{label} (version {id})"),
            None => format!("version {id} (no label)"),
        };
        let tried = &noted.tried;
        if let Some((id, _)) = tried.iter().find(|(_, accepted)| **accepted) {
            let opened = format!("{} opened the target in this step", name(id));
            return match noted.wrote && kind == ErrorKind::Unavailable {
                true => format!("{opened}, before it began to write there"),
                false => opened,
            };
        }
        if tried.is_empty() && noted.wrote {
            return "This step began to write to the target, and did not learn which version opens it".to_owned();
        }
        if tried.is_empty() {
            return "This step changed nothing at the target, and did not learn which version opens it".to_owned();
        }
        let refused: Vec<_> = tried.keys().map(|id| name(id)).collect();
        let tried = format!("Of the versions that were tried, none opened the target: {}", refused.join(", "));
        match noted.unlisted {
            true => format!(
                "{tried}. Those without a label were not: the function's role does not allow secretsmanager:ListSecretVersionIds"
            ),
            false => tried,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
