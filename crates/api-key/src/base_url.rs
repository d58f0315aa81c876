use fourstep::settings::Environment;
use fourstep::{Error, Result};
use minijinja::Value;
use url::Url;

use crate::place::Place;
use crate::template::{self, Fault};

/// Fills the function's variables into the URL of a service. Nothing else can be in it.
///
/// # Errors
///
/// `Invalid`, naming the file, the field, the variable that is missing and the fix.
pub(crate) fn fill(file: &str, field: &str, text: &str, environment: &Environment) -> Result<Url> {
    let wrong = |what: String, next: String| {
        Error::invalid(format!("provider file {file}, field `{field}`: {what}")).next(next)
    };
    let faulty = |Fault(message)| wrong(message, "Correct the file".to_owned());
    let used = template::variables(text, Place::Credential).map_err(faulty)?;
    let names: Vec<_> = used.iter().filter_map(|name| name.strip_prefix("env.")).collect();
    if let Some(missing) = names.iter().find(|name| environment.get(name).is_none_or(str::is_empty)) {
        return Err(wrong(
            format!("the variable `{missing}` is not set"),
            format!("Set the function's variable `{missing}` to where the service is, as https://api.example.com"),
        ));
    }
    let values = Value::from_pairs(names.iter().map(|name| (*name, environment.get(name).unwrap_or_default())));
    let values = Value::from_pairs([("env", values)]);
    let filled = template::render(text, Place::Credential, &values).map_err(faulty)?;
    let url = Url::parse(filled.expose().trim()).ok().filter(|url| {
        let plain = url.username().is_empty() && url.password().is_none();
        plain && url.has_host() && url.query().is_none() && url.fragment().is_none()
    });
    url.ok_or_else(|| {
        let place = names.first().map_or_else(|| "the file".to_owned(), |name| format!("the variable `{name}`"));
        wrong(
            "that is no URL of a host, without user, query and fragment".to_owned(),
            format!("Correct {place}: as https://api.example.com/v1"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<String> {
        let variables = [("HUB", "https://hub.example.com:8443/"), ("BAD", "hub"), ("EMPTY", "")];
        let environment = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect();
        fill("p.toml", "base_url", text, &environment).map(|url| url.to_string())
    }

    #[test]
    fn only_variables_of_the_function_are_filled_in() {
        assert_eq!(of("{{ env.HUB }}hub/api").unwrap(), "https://hub.example.com:8443/hub/api");
        assert_eq!(of("https://api.example.com/v1").unwrap(), "https://api.example.com/v1");
    }

    #[test]
    fn what_is_missing_or_no_url_is_named() {
        for (text, message) in [
            ("{{ env.NONE }}/x", "provider file p.toml, field `base_url`: the variable `NONE` is not set"),
            ("{{ env.EMPTY }}/x", "provider file p.toml, field `base_url`: the variable `EMPTY` is not set"),
            (
                "{{ env.BAD }}/x",
                "provider file p.toml, field `base_url`: that is no URL of a host, without user, query and fragment",
            ),
            (
                "https://user:pw@h/",
                "provider file p.toml, field `base_url`: that is no URL of a host, without user, query and fragment",
            ),
            (
                "https://h/?a=b",
                "provider file p.toml, field `base_url`: that is no URL of a host, without user, query and fragment",
            ),
        ] {
            assert_eq!(of(text).unwrap_err().message(), message, "{text}");
        }
    }
}
