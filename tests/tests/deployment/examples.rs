//! The examples for CloudFormation, beside what cfn-lint checks of them.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use crate::template::{json_of, path, template};

fn example(name: &str) -> Value {
    json_of(&fs::read_to_string(path("examples/cloudformation").join(name)).unwrap())
}

/// A schedule is tried while it is made, so the function, its permission and its policy have to be there.
#[test]
fn an_example_rotates_by_a_function_whose_stack_is_complete() {
    let template = template();
    let outputs = template["Outputs"].as_object().unwrap();
    let exported = |output: &Value| output["Export"]["Name"]["Fn::Sub"].as_str().unwrap().to_owned();
    let exports: BTreeSet<_> = outputs.values().map(exported).collect();
    let mut used = BTreeSet::new();
    for file in fs::read_dir(path("examples/cloudformation")).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        let example = example(&name);
        if name == "owner-alarms.yaml" {
            continue;
        }
        let arn = &example["Resources"]["Rotation"]["Properties"]["RotationLambdaARN"];
        if name == "nested.yaml" {
            assert_eq!(*arn, json!({ "Fn::GetAtt": ["Fourstep", "Outputs.PostgresFunctionArn"] }));
            assert!(outputs.contains_key("PostgresFunctionArn"));
            continue;
        }
        let mut imports = Vec::new();
        collect_imports(arn, &mut imports);
        assert!(!imports.is_empty(), "{name}: {arn}");
        used.extend(imports.into_iter().map(|import| import.replace("${FourstepStack}", "${AWS::StackName}")));
    }
    assert!(used.is_subset(&exports), "{used:?} of {exports:?}");
    assert_eq!(used.len(), 4, "every function is used: {used:?}");
}

/// The stack's own default rotates no other secret.
#[test]
fn the_secret_of_an_example_has_the_tag_that_lets_the_function_rotate_it() {
    for file in fs::read_dir(path("examples/cloudformation")).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        let example = example(&name);
        let Some(secret) = example["Resources"].get("Secret") else { continue };
        let tags = secret["Properties"]["Tags"].as_array().unwrap();
        let value = &tags.iter().find(|tag| tag["Key"] == "Fourstep").unwrap()["Value"];
        let expected = match &example["Resources"]["Fourstep"] {
            Value::Null => json!({ "Ref": "SecretTag" }),
            fourstep => fourstep["Properties"]["Parameters"]["SecretTag"].clone(),
        };
        assert_eq!(*value, expected, "{name}");
    }
}

/// What the function measures by owner, an alarm can be set on.
#[test]
fn the_alarms_of_an_owner_are_on_metrics_by_function_and_owner() {
    let alarms = example("owner-alarms.yaml");
    let metrics: BTreeSet<_> = alarms["Resources"]
        .as_object()
        .unwrap()
        .values()
        .map(|alarm| {
            let properties = &alarm["Properties"];
            let names = properties["Dimensions"].as_array().unwrap().iter().map(|one| one["Name"].as_str().unwrap());
            assert!(names.eq(["FunctionName", "Owner"]), "{properties}");
            properties["MetricName"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(metrics, BTreeSet::from(["ActionNeeded", "Rotated"].map(str::to_owned)));
}

#[test]
fn the_nested_example_gives_parameters_that_there_are() {
    let nested = example("nested.yaml");
    let application = &nested["Resources"]["Fourstep"]["Properties"];
    let location = application["Location"].as_str().unwrap();
    assert_eq!(path("examples/cloudformation").join(location).file_name().unwrap(), "template-arm64.yaml");
    let template = template();
    for name in application["Parameters"].as_object().unwrap().keys() {
        assert!(template["Parameters"][name].is_object(), "{name}");
    }
}

fn collect_imports(value: &Value, imports: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect_imports(item, imports)),
        Value::Object(fields) => match fields.get("Fn::ImportValue") {
            Some(name) => imports.push(name["Fn::Sub"].as_str().unwrap().to_owned()),
            None => fields.values().for_each(|value| collect_imports(value, imports)),
        },
        _ => {}
    }
}
