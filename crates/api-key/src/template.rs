use std::collections::BTreeSet;
use std::sync::OnceLock;

use fourstep::Sensitive;
use minijinja::value::ValueKind;
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, Value};

use crate::place::Place;

/// Why a template cannot be read or filled in. It holds no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault(pub(crate) String);

/// Returns the variables that a template asks for, as `secret.user`.
pub(crate) fn variables(source: &str, place: Place) -> Result<BTreeSet<String>, Fault> {
    let template = environment().template_from_named_str(place.name(), source).map_err(|error| explain(&error))?;
    Ok(template.undeclared_variables(true).into_iter().collect())
}

/// Fills a template in, each value encoded for its place.
pub(crate) fn render(source: &str, place: Place, values: &Value) -> Result<Sensitive, Fault> {
    let template = environment().template_from_named_str(place.name(), source).map_err(|error| explain(&error))?;
    template.render(values.clone()).map(Sensitive::new).map_err(|error| explain_missing(&error, source, place, values))
}

/// Fills in the texts of a JSON value. A text that is nothing but one `{{ … }}` becomes the value that it names.
pub(crate) fn render_json(source: &serde_json::Value, values: &Value) -> Result<serde_json::Value, Fault> {
    use serde_json::Value as Json;
    Ok(match source {
        Json::String(text) => match sole_expression(text) {
            Some(expression) => {
                let evaluated = environment()
                    .compile_expression(expression)
                    .and_then(|expression| expression.eval(values.clone()))
                    .map_err(|error| explain_missing(&error, text, Place::Json, values))?;
                if evaluated.is_undefined() {
                    return Err(Fault(format!("`{}` is not there", expression.trim())));
                }
                serde_json::to_value(&evaluated)
                    .map_err(|_| Fault(format!("`{}` cannot be written as JSON", expression.trim())))?
            }
            None => Json::String(render(text, Place::Json, values)?.expose().to_owned()),
        },
        Json::Array(items) => {
            Json::Array(items.iter().map(|item| render_json(item, values)).collect::<Result<_, _>>()?)
        }
        Json::Object(fields) => {
            let filled = fields.iter().map(|(name, value)| Ok((name.clone(), render_json(value, values)?)));
            Json::Object(filled.collect::<Result<_, Fault>>()?)
        }
        other => other.clone(),
    })
}

fn sole_expression(text: &str) -> Option<&str> {
    let inner = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    (!inner.contains("{{") && !inner.contains("}}") && !inner.contains("{%")).then_some(inner)
}

fn environment() -> &'static Environment<'static> {
    static ENVIRONMENT: OnceLock<Environment<'static>> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        let mut environment = Environment::empty();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        // What escapes is the formatter, also what calls itself safe.
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_formatter(|out, state, value| {
            let refused = |what: &str| minijinja::Error::new(ErrorKind::WriteFailure, what.to_owned());
            let text = match value.kind() {
                ValueKind::String | ValueKind::Number | ValueKind::Bool => value.to_string(),
                ValueKind::Undefined => return Err(ErrorKind::UndefinedError.into()),
                ValueKind::None => return Err(refused("is null")),
                _ => return Err(refused("is a list or an object, which only JSON can hold, alone in its text")),
            };
            let mut encoded = String::with_capacity(text.len());
            Place::named(state.name()).encode(&text, &mut encoded).map_err(|misplaced| refused(misplaced.0))?;
            out.write_str(&encoded).map_err(|_| refused("cannot be written"))
        });
        environment
    })
}

/// Explains what is wrong. Of the library's own texts only those pass that quote nothing but the template.
fn explain(error: &minijinja::Error) -> Fault {
    let detail = match error.kind() {
        ErrorKind::SyntaxError => error.detail().unwrap_or("it cannot be read"),
        ErrorKind::WriteFailure => error.detail().unwrap_or("it cannot be filled in"),
        ErrorKind::UndefinedError => "it names a value that is not there",
        ErrorKind::UnknownFilter | ErrorKind::UnknownFunction | ErrorKind::UnknownTest | ErrorKind::UnknownMethod => {
            "it uses a filter, a test or a function, and there are none"
        }
        _ => "it cannot be filled in",
    };
    match error.kind() {
        ErrorKind::WriteFailure => Fault(format!("a value of the template {detail}")),
        _ => Fault(format!("the template is wrong: {detail}")),
    }
}

fn explain_missing(error: &minijinja::Error, source: &str, place: Place, values: &Value) -> Fault {
    if error.kind() != ErrorKind::UndefinedError {
        return explain(error);
    }
    let is_there = |path: &str| {
        let found = path.split('.').try_fold(values.clone(), |value, part| value.get_attr(part));
        found.is_ok_and(|value| !value.is_undefined())
    };
    let missing = variables(source, place).unwrap_or_default().into_iter().find(|path| !is_there(path));
    missing.map_or_else(|| explain(error), |path| Fault(format!("`{path}` is not there")))
}

#[cfg(test)]
mod tests {
    use minijinja::context;
    use serde_json::json;

    use super::*;

    fn values() -> Value {
        context! { secret => context! { user => "a/b", scopes => vec!["read", "write"], none => Value::from(()) }, id => 7 }
    }

    fn fault(source: &str, place: Place) -> String {
        render(source, place, &values()).unwrap_err().0
    }

    #[test]
    fn a_value_is_encoded_for_its_place_and_the_template_around_it_is_not() {
        let path = render("/users/{{ secret.user }}/keys/{{ id }}", Place::Path, &values()).unwrap();
        assert_eq!(path.expose(), "/users/a%2Fb/keys/7");
        assert_eq!(render("user={{ secret.user }}", Place::Form, &values()).unwrap().expose(), "user=a/b");
    }

    #[test]
    fn what_is_not_there_is_named() {
        assert_eq!(fault("/{{ secret.account }}", Place::Path), "`secret.account` is not there");
        assert_eq!(fault("/{{ other }}", Place::Path), "`other` is not there");
        assert_eq!(fault("{{ secret.user.name }}", Place::Json), "`secret.user.name` is not there");
        assert_eq!(render_json(&json!("{{ secret.x }}"), &values()).unwrap_err().0, "`secret.x` is not there");
    }

    #[test]
    fn what_is_no_text_stands_in_json_alone() {
        assert_eq!(
            fault("{{ secret.scopes }}", Place::Header),
            "a value of the template is a list or an object, which only JSON can hold, alone in its text"
        );
        assert_eq!(fault("{{ secret.none }}", Place::Path), "a value of the template is null");
        let body = json!({"scopes": "{{ secret.scopes }}", "id": "{{ id }}", "note": "key {{ id }}", "n": [1, true]});
        let expected = json!({"scopes": ["read", "write"], "id": 7, "note": "key 7", "n": [1, true]});
        assert_eq!(render_json(&body, &values()).unwrap(), expected);
    }

    #[test]
    fn a_quote_in_a_value_stays_in_its_json_text() {
        let values = context! { name => "a\", \"admin\": true, \"x\": \"" };
        let body = render_json(&json!({"name": "{{ name }}!"}), &values).unwrap();
        assert_eq!(body, json!({"name": "a\", \"admin\": true, \"x\": \"!"}));
    }

    #[test]
    fn there_are_no_filters_and_no_functions() {
        for source in ["{{ id | safe }}", "{{ range(3) }}", "{% include 'x' %}", "{{ secret.user.upper() }}"] {
            render(source, Place::Path, &values()).unwrap_err();
        }
        assert!(variables("{{ id", Place::Path).unwrap_err().0.starts_with("the template is wrong: "));
    }
}
