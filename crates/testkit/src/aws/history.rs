use std::collections::VecDeque;
use std::sync::Mutex;

use fourstep::memory::{CreateSecret, MemoryStore, Model, Secret};

use super::input::Input;
use crate::lock::lock;

/// What the last writes changed, oldest first, so that a read can see what was true before them.
#[derive(Default)]
pub(super) struct History(VecDeque<Before>);

/// The secret that a write changed, as it was before. `None`: there was none.
#[derive(Clone)]
pub(super) struct Before {
    name: String,
    secret: Option<Secret>,
}

/// How many writes back a stale read may see.
const LONGEST: usize = 16;

impl History {
    pub(super) fn remember(&mut self, before: Before) {
        if self.0.len() == LONGEST {
            self.0.pop_front();
        }
        self.0.push_back(before);
    }

    /// Returns the state before the last `writes` writes, or the oldest that is remembered. `None`: the present.
    pub(super) fn past(history: &Mutex<Self>, store: &MemoryStore, writes: usize) -> Option<Model> {
        // Copied, since a write holds the store when it takes the history.
        let undone: Vec<_> = lock(history).0.iter().rev().take(writes).cloned().collect();
        if undone.is_empty() {
            return None;
        }
        let mut model = store.snapshot();
        for before in undone {
            before.put_back(&mut model);
        }
        Some(model)
    }
}

impl Before {
    /// Notes what a write is about to change.
    pub(super) fn write(model: &Model, input: &Input) -> Self {
        let id = input.secret_id.as_ref().or(input.name.as_ref()).cloned().unwrap_or_default();
        let secret = model.secret(&id).cloned();
        Self { name: secret.as_ref().map_or(id, |secret| secret.name.clone()), secret }
    }

    fn put_back(self, model: &mut Model) {
        let Self { name, secret } = self;
        let Some(secret) = secret else {
            model.force_delete_secret(&name);
            return;
        };
        if model.secret(&name).is_none() {
            let made = model.create_secret(CreateSecret { name: &name, ..CreateSecret::default() });
            made.expect("it had this name before, and nobody has it now");
        }
        *model.secret_mut(&name).expect("it was there, or was made just now") = secret;
    }
}
