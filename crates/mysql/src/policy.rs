use fourstep::{Error, Result, Sensitive};

use fourstep_server::Destination;

/// The rules of `validate_password`, which a hash goes round: so they are checked here.
///
/// <https://dev.mysql.com/doc/refman/en/validate-password-options-variables.html>
///
/// Not checked: words of the dictionary of policy STRONG, which is a file of the server.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Policy {
    rules: Vec<(&'static str, usize)>,
}

/// The variables, and the settings that help. The component has a dot in their names, the older plugin has none.
const RULES: [(&str, &str); 4] = [
    ("length", "PASSWORD_LENGTH (or the tag `fourstep:password-length`)"),
    ("mixed_case_count", "EXCLUDE_UPPERCASE and EXCLUDE_LOWERCASE, or PASSWORD_LENGTH"),
    ("number_count", "EXCLUDE_NUMBERS, or PASSWORD_LENGTH"),
    ("special_char_count", "EXCLUDE_PUNCTUATION and EXCLUDE_CHARACTERS, or PASSWORD_LENGTH"),
];

impl Policy {
    /// Reads it from names and values of variables. A server without `validate_password` has none.
    pub(crate) fn from_variables(variables: &[(String, String)]) -> Self {
        let value = |rule: &str| {
            let named =
                |name: &str| name.strip_prefix("validate_password").and_then(|name| name.get(1..)) == Some(rule);
            variables.iter().find(|(name, _)| named(name)).map(|(_, value)| value.as_str())
        };
        let Some(policy) = value("policy") else { return Self::default() };
        let low = matches!(policy, "LOW" | "0");
        let rules = RULES.iter().take(if low { 1 } else { RULES.len() });
        Self { rules: rules.filter_map(|(rule, _)| Some((*rule, value(rule)?.parse().ok()?))).collect() }
    }

    /// Checks a password.
    ///
    /// # Errors
    ///
    /// `Invalid`, with the rule and the setting that fits it.
    pub(crate) fn check(&self, password: &Sensitive, destination: &Destination) -> Result<()> {
        let characters = || password.expose().chars();
        let count = |is: fn(&char) -> bool| characters().filter(is).count();
        for (rule, least) in &self.rules {
            let found = match *rule {
                "length" => characters().count(),
                "mixed_case_count" => count(|c| c.is_lowercase()).min(count(|c| c.is_uppercase())),
                "number_count" => count(|c| c.is_numeric()),
                _ => count(|c| !c.is_alphanumeric()),
            };
            if found < *least {
                let setting = RULES.iter().find(|(name, _)| name == rule).map_or("PASSWORD_LENGTH", |(_, fix)| fix);
                return Err(Error::invalid(format!(
                    "the new password does not satisfy `validate_password.{rule}` of {destination}: it has {found}, and {least} are demanded"
                ))
                .next(format!(
                    "Nothing was changed. Change {setting}; then remove AWSPENDING from the pending version and start the rotation again"
                )));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use fourstep_server::Server;

    use super::*;

    fn policy(variables: &[(&str, &str)]) -> Policy {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Policy::from_variables(&variables.iter().map(owned).collect::<Vec<_>>())
    }

    fn verdict(policy: &Policy, password: &str) -> String {
        let destination =
            Destination { server: Server::new("MySQL", "db", 3306), account: "app".into(), database: None, tls: true };
        policy
            .check(&Sensitive::new(password), &destination)
            .map_or_else(|error| error.to_string(), |()| "good".to_owned())
    }

    #[test]
    fn a_rule_that_is_broken_is_named_with_its_setting() {
        let medium = policy(&[
            ("validate_password.check_user_name", "ON"),
            ("validate_password.length", "12"),
            ("validate_password.mixed_case_count", "1"),
            ("validate_password.number_count", "2"),
            ("validate_password.policy", "MEDIUM"),
            ("validate_password.special_char_count", "1"),
        ]);
        assert_eq!(verdict(&medium, "aB12-6789012"), "good");
        for (password, parts) in [
            ("aB12-678901", ["`validate_password.length`", "it has 11, and 12 are demanded", "PASSWORD_LENGTH"]),
            ("ab12-6789012", ["`validate_password.mixed_case_count`", "it has 0, and 1 are", "EXCLUDE_UPPERCASE"]),
            ("aB1-aaaaaaaa", ["`validate_password.number_count`", "it has 1, and 2 are", "EXCLUDE_NUMBERS"]),
            ("aB12a6789012", ["`validate_password.special_char_count`", "it has 0", "EXCLUDE_PUNCTUATION"]),
        ] {
            let verdict = verdict(&medium, password);
            assert!(parts.iter().all(|part| verdict.contains(part)) && !verdict.contains(password), "{verdict}");
        }
    }

    #[test]
    fn only_the_rules_of_the_policy_count() {
        let low = policy(&[
            ("validate_password_policy", "LOW"),
            ("validate_password_length", "8"),
            ("validate_password_number_count", "1"),
        ]);
        assert_eq!(verdict(&low, "aaaaaaaa"), "good");
        assert!(verdict(&low, "aaaaaaa").contains("`validate_password.length`"));
        assert_eq!(policy(&[("caching_sha2_password_digest_rounds", "5000")]), Policy::default());
    }
}
