use std::collections::BTreeMap;

use crate::settings::Environment;

/// The variable that names a tag of secrets and the values of it that logs and metrics tell apart.
pub(crate) const OWNERS: &str = "OWNERS";

/// Whose secrets logs and metrics tell apart: the key of a tag, and the values of it that the function's owner lists.
///
/// Only these values are told, since each is a metric, and a price: the writer of a secret chooses among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owners {
    tag: String,
    values: Vec<String>,
}

/// What is told of a secret whose tag has none of the listed values.
const OTHER: &str = "other";

/// How many values may be listed: three metrics each, and more for failures.
const MOST: usize = 50;

impl Owners {
    /// Reads `KEY=VALUE,VALUE`. `None`: it is something else, or holds what no dimension of CloudWatch may.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let (tag, values) = value.split_once('=')?;
        let values: Vec<_> = values.split(',').map(|value| value.trim().to_owned()).collect();
        let plain = |text: &str, most| {
            (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
        };
        let valid = plain(tag, 128) && values.len() <= MOST;
        let valid = valid && values.iter().all(|value| plain(value, 255) && !value.starts_with(':') && value != OTHER);
        valid.then(|| Self { tag: tag.to_owned(), values })
    }

    /// Returns whose a secret with these tags is, by a function's variables. `None`: they tell nobody apart.
    pub(crate) fn of(environment: &Environment, tags: &BTreeMap<String, String>) -> Option<String> {
        let owners = environment.get(OWNERS).and_then(Self::parse)?;
        let listed = tags.get(&owners.tag).filter(|value| owners.values.contains(value));
        Some(listed.cloned().unwrap_or_else(|| OTHER.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_of_an_owner_who_is_listed_or_of_another() {
        let of = |variable: &str, tags: &[(&str, &str)]| {
            let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            Owners::of(&Environment::from_iter([(OWNERS.to_owned(), variable.to_owned())]), &tags)
        };
        let listed = "team=blue, green";
        assert_eq!(of(listed, &[("team", "green")]).as_deref(), Some("green"));
        assert_eq!(of(listed, &[("team", "red"), ("owner", "blue")]).as_deref(), Some("other"));
        assert_eq!(of(listed, &[]).as_deref(), Some("other"));
        for nobody in ["", "team", "team=", "=blue", "team=blue,", "team=:blue", "team=blü", "team=other"] {
            assert_eq!(of(nobody, &[("team", "blue")]), None, "{nobody}");
        }
        assert_eq!(Owners::parse(&format!("team={}", ["x"; 51].join(","))), None);
    }
}
