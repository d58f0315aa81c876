//! `template.yaml`, read as CloudFormation reads it: the short forms of its functions become the long ones.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value, json};

/// Returns a file of the repository.
pub(crate) fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

/// A function of the template.
pub(crate) struct Function {
    /// Its logical id without `Function`, as `Postgres`.
    pub(crate) name: String,
    /// Its package: `rotate-postgres`.
    pub(crate) binary: String,
    /// The names of its variables.
    pub(crate) variables: BTreeSet<String>,
}

pub(crate) fn template() -> Value {
    json_of(&fs::read_to_string(path("template.yaml")).unwrap())
}

/// Reads a template's text.
pub(crate) fn json_of(text: &str) -> Value {
    value_of(&Yaml::load_from_str(text).unwrap()[0])
}

/// Takes the document of Systems Manager out of a template's text, a kind that ministack does not know: AWS's own is in its
/// place.
pub(crate) fn without_document(text: &str) -> String {
    let cut = |text: &str, from: &str, to: &str, put: &str| {
        let (before, rest) = text.split_once(from).unwrap();
        let (_, after) = rest.split_once(to).unwrap();
        format!("{before}{put}{after}")
    };
    let text = cut(text, "  SshDocument:\n", "\n  SshInvocation:\n", "  SshInvocation:\n");
    let default = ["  SsmDocument:\n", "    Type: String\n    Default: AWS-RunShellScript\n"].concat();
    cut(&text, "  SsmDocument:\n", "Default: \"\"\n", &default).replace("SshDocument", "SsmDocument")
}

pub(crate) fn functions(template: &Value) -> Vec<Function> {
    let resources = template["Resources"].as_object().unwrap();
    let functions = resources.iter().filter(|(_, resource)| resource["Type"] == "AWS::Serverless::Function");
    let function = |(id, resource): (&String, &Value)| {
        let properties = &resource["Properties"];
        let manifest = path(properties["CodeUri"].as_str().unwrap()).join("Cargo.toml");
        let manifest: toml::Table = fs::read_to_string(manifest).unwrap().parse().unwrap();
        let variables = properties["Environment"]["Variables"].as_object().unwrap();
        Function {
            name: id.strip_suffix("Function").unwrap().to_owned(),
            binary: manifest["package"]["name"].as_str().unwrap().to_owned(),
            variables: variables.keys().cloned().collect(),
        }
    };
    functions.map(function).collect()
}

fn value_of(yaml: &Yaml<'_>) -> Value {
    match yaml {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(value)) => json!(value),
        Yaml::Value(Scalar::Integer(value)) => json!(value),
        Yaml::Value(Scalar::FloatingPoint(value)) => json!(**value),
        Yaml::Value(Scalar::String(value)) => json!(value),
        Yaml::Sequence(items) => items.iter().map(value_of).collect(),
        Yaml::Mapping(entries) => {
            let key = |key: &Yaml<'_>| key.as_str().expect("keys are texts").to_owned();
            Value::Object(entries.iter().map(|(name, value)| (key(name), value_of(value))).collect::<Map<_, _>>())
        }
        Yaml::Tagged(tag, value) => {
            let value = match (tag.suffix.as_str(), value_of(value)) {
                ("GetAtt", Value::String(text)) => text.splitn(2, '.').collect(),
                (_, value) => value,
            };
            match tag.suffix.as_str() {
                name @ ("Ref" | "Condition") => json!({ name: value }),
                name => json!({ format!("Fn::{name}"): value }),
            }
        }
        other => panic!("{other:?} is nothing that a template has"),
    }
}
