use fourstep::settings::{Patterns, read};

use crate::secret::Field;

/// On what administrators may act for each secret, as the function's owner says it in `API_ADMIN_PARAMETERS`.
///
/// An entry is `SECRET:PARAMETER=VALUE`, as `team-a/*:project=group-a/*`: for secrets whose whole name is like this, a field
/// may be like that, with `*` for any characters. Of a list, each item has to be allowed; an object is compared as JSON
/// without blanks.
///
/// Where an entry is of `masterarn`, each secret needs one for the administrator that it names.
///
/// It is for the fields that no answer of the service proves to be the key's own. Without an entry there is none of them on
/// which an administrator acts: whoever may write the secret chose its fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdminParameters(Vec<Entry>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    secrets: Patterns,
    parameter: String,
    values: Patterns,
}

impl AdminParameters {
    /// Reads entries that commas separate. `None`: one is not of the form above.
    pub(crate) fn parse(value: &str) -> Option<Self> {
        value.split(',').map(|entry| Entry::parse(entry.trim())).collect::<Option<_>>().map(Self)
    }

    /// Returns whether an entry says something of a field.
    pub(crate) fn names(&self, parameter: &str) -> bool {
        self.0.iter().any(|entry| entry.parameter == parameter)
    }

    /// Returns whether an administrator may act on this value of a field, for the secret of this name.
    pub(crate) fn allow(&self, secret: &str, parameter: &str, value: &Field) -> bool {
        let entries: Vec<_> =
            self.0.iter().filter(|entry| entry.parameter == parameter && entry.secrets.list(secret)).collect();
        let allowed = |text: &str| entries.iter().any(|entry| entry.values.list(text));
        match value {
            Field::Text(_) => allowed(&value.shown()),
            Field::Other(serde_json::Value::Array(items)) if !items.is_empty() => {
                items.iter().all(|item| match item.as_str() {
                    Some(text) => allowed(text),
                    None => allowed(&item.to_string()),
                })
            }
            Field::Other(_) => allowed(&value.shown()),
        }
    }
}

impl Entry {
    fn parse(entry: &str) -> Option<Self> {
        // No name of a secret has a colon.
        let (secrets, parameter) = entry.split_once(':')?;
        let (parameter, values) = parameter.split_once('=')?;
        Some(Self {
            secrets: Patterns::parse(secrets)?,
            parameter: read::text(parameter.trim(), 128)?,
            values: Patterns::parse(values)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(entries: &str, secret: &str, parameter: &str, value: &str) -> bool {
        let value: Field = serde_json::from_str(value).unwrap();
        AdminParameters::parse(entries).unwrap().allow(secret, parameter, &value)
    }

    #[test]
    fn a_value_is_allowed_for_the_secrets_of_its_own_entries() {
        let entries =
            "team-a/*:project=17, team-a/*:project=group-a/*, team-b/key : project = 18,team-a/*:access_level=20";
        for (secret, parameter, value, allowed) in [
            ("team-a/key", "project", "17", true),
            ("team-a/key", "project", "\"17\"", true),
            ("team-a/key", "project", "\"group-a/app\"", true),
            ("team-a/key", "project", "\"x/group-a/app\"", false),
            ("team-a/key", "project", "170", false),
            ("team-a/key", "project", "18", false),
            ("team-b/key", "project", "18", true),
            ("team-b/key2", "project", "18", false),
            ("team-a/key", "access_level", "20", true),
            ("team-a/key", "access_level", "50", false),
            ("team-b/key", "access_level", "20", false),
            ("team-a/key", "scopes", "\"17\"", false),
        ] {
            assert_eq!(allows(entries, secret, parameter, value), allowed, "{secret} {parameter} {value}");
        }
        assert!(!AdminParameters::default().allow("a", "b", &serde_json::from_str("1").unwrap()));
    }

    #[test]
    fn of_a_list_each_item_has_to_be_allowed() {
        let entries = "*:scopes=read_*,*:scopes=api,*:policies=*";
        for (value, allowed) in [
            (r#"["read_api"]"#, true),
            (r#"["read_api","api"]"#, true),
            (r#"["read_api","write"]"#, false),
            (r#"[["read_api"]]"#, false),
            (r#"{"read_x":1}"#, false),
            ("[]", false),
            ("null", false),
        ] {
            assert_eq!(allows(entries, "a", "scopes", value), allowed, "{value}");
        }
        assert!(allows(entries, "a", "policies", r#"[{"effect":"allow"},{"x":[1,2]}]"#));
    }

    #[test]
    fn what_is_no_entry_is_refused() {
        for value in ["", "project=17", "a:project", "a:=17", ":project=17", "a:project=", "a:project=1,", "a:b=c\nd"] {
            assert_eq!(AdminParameters::parse(value), None, "{value:?}");
        }
    }
}
