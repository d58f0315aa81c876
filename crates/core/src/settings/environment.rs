use std::collections::BTreeMap;
use std::fmt;

/// A copy of environment variables, taken once, so that what a step does cannot change while it runs.
///
/// It leaves out the credentials of the function's role, which Lambda keeps there, and its `Debug` prints names only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Copies the variables of this process.
    ///
    /// What is not Unicode in a value is replaced by U+FFFD, so that the setting is refused instead of ignored.
    #[must_use]
    pub fn from_process() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())))
            .collect()
    }

    /// Returns the value of a variable, if it is set.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        Self(variables.into_iter().filter(|(name, _)| !CREDENTIALS.contains(&name.as_str())).collect())
    }
}

/// Where Lambda and containers keep the credentials of a role.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>
const CREDENTIALS: [&str; 4] =
    ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN"];

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_names_only() {
        let environment: Environment = [("STRATEGY".to_owned(), "hunter22".to_owned())].into_iter().collect();
        assert_eq!(format!("{environment:?}"), r#"{"STRATEGY"}"#);
    }

    #[test]
    fn the_credentials_of_the_role_are_left_out() {
        let variables = ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];
        let environment: Environment =
            variables.map(|name| (name.to_owned(), "value".to_owned())).into_iter().collect();
        assert_eq!(format!("{environment:?}"), r#"{"AWS_REGION"}"#);
    }

    #[test]
    fn copies_the_variables_of_the_process() {
        assert_eq!(Environment::from_process().get("PATH"), std::env::var("PATH").ok().as_deref());
        assert_eq!(Environment::from_process().get("FOURSTEP_NO_SUCH_VARIABLE"), None);
    }
}
