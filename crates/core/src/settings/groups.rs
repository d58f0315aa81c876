use std::any::{Any, TypeId};
use std::collections::BTreeMap;

use crate::error::Result;
use crate::settings::{Environment, Group, Row, Setting, read};

/// Which groups of settings a rotation reads.
#[derive(Clone, Debug, Default)]
pub struct Groups(Vec<Member>);

/// A group, without its type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    pub(crate) id: TypeId,
    row: fn(usize) -> Option<&'static Row>,
    pub(crate) read: Read,
}

/// Reads a group, and hides its type.
type Read = fn(&Environment, &BTreeMap<String, String>) -> Result<Box<dyn Any + Send + Sync>>;

impl Groups {
    /// Returns no group.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Returns one group.
    #[must_use]
    pub fn of<G: Group>() -> Self {
        Self::none().and::<G>()
    }

    /// Adds a group. One that is there already is not added again.
    #[must_use]
    pub fn and<G: Group>(mut self) -> Self {
        let id = TypeId::of::<G>();
        if self.0.iter().all(|member| member.id != id) {
            let row = |at| G::TABLE.get(at).map(|setting: &'static Setting<G>| &setting.row);
            let read = |environment: &Environment, tags: &BTreeMap<String, String>| {
                read::group::<G>(environment, tags).map(|group| Box::new(group) as Box<dyn Any + Send + Sync>)
            };
            self.0.push(Member { id, row, read });
        }
        self
    }

    /// Adds the groups of `more` that are not there already.
    #[must_use]
    pub fn with(mut self, more: Self) -> Self {
        for member in more.0 {
            if self.0.iter().all(|known| known.id != member.id) {
                self.0.push(member);
            }
        }
        self
    }

    /// Returns the settings of all groups, for documentation.
    pub fn rows(&self) -> impl Iterator<Item = &'static Row> {
        self.0.iter().flat_map(|member| (0..).map_while(member.row))
    }

    pub(crate) fn members(&self) -> &[Member] {
        &self.0
    }
}
