//! Documents of one's own: what they run for certain parameters.
//! <https://docs.aws.amazon.com/systems-manager/latest/userguide/documents-syntax-data-elements-parameters.html>

use regex_lite::Regex;
use serde_json::{Map, Value};

/// Returns the commands of a document, with parameters in their places. `None`: the document has not each of them, or a
/// value is none that it allows.
pub(super) fn script(document: &Value, given: &Value) -> Option<String> {
    let (declared, none) = (document["parameters"].as_object()?, Map::new());
    let given = given.as_object().unwrap_or(&none);
    if given.keys().any(|name| !declared.contains_key(name)) {
        return None;
    }
    let commands = document["mainSteps"][0]["inputs"]["runCommand"].as_array()?;
    let commands: Vec<_> = commands.iter().filter_map(Value::as_str).collect();
    declared.iter().try_fold(commands.join("\n"), |script, (name, declared)| {
        let value = match given.get(name) {
            Some(values) => values[0].as_str()?,
            None => declared["default"].as_str()?,
        };
        let allowed = declared["allowedValues"].as_array().is_none_or(|values| values.iter().any(|one| one == value));
        let fits = declared["allowedPattern"]
            .as_str()
            .is_none_or(|pattern| Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(value)));
        (allowed && fits).then(|| script.replace(&format!("{{{{ {name} }}}}"), value))
    })
}
