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
