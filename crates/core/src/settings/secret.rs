//! The settings of one secret.

use std::any::{Any, TypeId, type_name};
use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::settings::read::{PREFIX, shown};
use crate::settings::{EngineSettings, Environment, Group, Groups};

/// Holds how one secret is rotated: what the function's variables say, overridden by the tags of the secret.
pub(crate) struct Settings(BTreeMap<TypeId, Box<dyn Any + Send + Sync>>);

impl Settings {
    /// Reads the engine's group and those of a rotation, from the function's variables and the secret's tags.
    ///
    /// Tags that do not start with `fourstep:` belong to others and are ignored, unless a group names them.
    ///
    /// # Errors
    ///
    /// `Invalid` for a `fourstep:` tag that no group names, for a value that does not parse, and for what the check of a
    /// group refuses. The message names the tag or variable, what it accepts and the fix.
    pub(crate) fn read(groups: Groups, environment: &Environment, tags: &BTreeMap<String, String>) -> Result<Self> {
        let groups = Groups::of::<EngineSettings>().with(groups);
        for tag in tags.keys() {
            // Our prefix in another case is a slip of the pen, not somebody else's tag.
            let ours = tag.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX));
            if ours && groups.rows().all(|row| row.tag != Some(tag)) {
                return Err(unknown(tag, &groups));
            }
        }
        let read = groups.members().iter().map(|member| Ok((member.id, (member.read)(environment, tags)?)));
        read.collect::<Result<_>>().map(Self)
    }

    /// Returns a group.
    ///
    /// # Panics
    ///
    /// If the rotation does not name the group.
    pub(crate) fn group<G: Group>(&self) -> &G {
        let group = self.0.get(&TypeId::of::<G>()).and_then(|group| group.downcast_ref());
        group.unwrap_or_else(|| {
            let name = type_name::<G>();
            panic!("the rotation reads {name}, which its `settings` does not name: add Groups::of::<{name}>()")
        })
    }
}

fn unknown(tag: &str, groups: &Groups) -> Error {
    // Tags that an operator's command took the place of.
    for (was, action) in [("fourstep:reset-lost", "reset"), ("fourstep:adopt", "adopt")] {
        if tag == was {
            return Error::invalid(format!("the secret has the tag {was}, which has no meaning any more"))
                .next(format!("Remove it; an operator says the same by the command fourstep {action}"));
        }
    }
    let known: Vec<&str> = groups.rows().filter_map(|row| row.tag).collect();
    Error::invalid(format!("the secret has a tag that this function does not read: {}", shown(tag)))
        .next(format!("Remove it or correct its name; the tags that it reads are {}", known.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::settings::PasswordPolicy;

    fn read(groups: Groups, tags: &[(&str, &str)]) -> Result<Settings> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Settings::read(groups, &Environment::default(), &tags.iter().map(owned).collect())
    }

    #[test]
    fn an_unknown_tag_of_ours_is_refused_and_the_known_ones_are_named() {
        for tag in ["fourstep:retyre", "fourstep:", "fourstep:Retire", "Fourstep:retire", "fourstep:tls-ca-bundle"] {
            let Err(error) = read(Groups::of::<PasswordPolicy>(), &[(tag, "at-finish")]) else { panic!("{tag}") };
            assert_eq!(error.kind(), ErrorKind::Invalid);
            let message = error.to_string();
            assert!(message.contains(tag) && message.contains("fourstep:retire, fourstep:min-age"), "{message}");
        }
        for tag in ["fourstep:app:hunter22@proxy", &format!("fourstep:{}", "hunter22".repeat(7))] {
            let Err(error) = read(Groups::none(), &[(tag, "x")]) else { panic!("it is refused") };
            assert!(!error.to_string().contains("hunter22"), "{error}");
        }
    }

    #[test]
    fn a_tag_of_a_group_that_the_rotation_does_not_read_is_refused() {
        let tags = [("fourstep:password-length", "40")];
        assert_eq!(read(Groups::of::<PasswordPolicy>(), &tags).unwrap().group::<PasswordPolicy>().length, 40);
        let Err(error) = read(Groups::none(), &tags) else { panic!("it is refused") };
        assert!(error.to_string().contains("that this function does not read: `fourstep:password-length`"), "{error}");
    }

    #[test]
    fn tags_and_variables_of_others_are_ignored() {
        read(Groups::none(), &[("team", "x"), ("aws:x", ""), ("fourste", ""), ("é:é", "")]).unwrap();
        let environment = Environment::from_iter(
            [("PATH", "/bin"), ("SSH_USER", "a user")].map(|(n, v)| (n.to_owned(), v.to_owned())),
        );
        Settings::read(Groups::of::<PasswordPolicy>(), &environment, &BTreeMap::new()).unwrap();
    }

    #[test]
    #[should_panic(expected = "add Groups::of::<fourstep::settings::password::PasswordPolicy>()")]
    fn to_read_a_group_that_is_not_named_is_a_defect() {
        let _ = read(Groups::none(), &[]).unwrap().group::<PasswordPolicy>();
    }
}
