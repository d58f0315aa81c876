use std::collections::BTreeSet;

use fourstep_testkit::actions::called;
use serde_json::Value;

use crate::template::{functions, template};

/// What the services call with the role, and the function never does: Lambda writes logs and traces and joins the VPC,
/// Secrets Manager uses the key of a secret.
const BY_SERVICES: [&str; 12] = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
    "kms:Decrypt",
    "kms:GenerateDataKey",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
];

#[test]
fn no_role_allows_all_of_a_service() {
    let template = template();
    for function in functions(&template) {
        let actions = allowed(&template, &function.name);
        assert!(actions.contains("secretsmanager:PutSecretValue"), "{}: {actions:?}", function.name);
        assert!(actions.iter().all(|action| !action.contains('*')), "{}: {actions:?}", function.name);
    }
}

/// The emulations of a whole run wrote down what each function called.
#[test]
#[ignore = "needs the calls of all other tests, in the folder that FOURSTEP_ACTIONS names"]
fn every_role_allows_what_its_function_calls_and_nothing_else() {
    let template = template();
    for function in functions(&template) {
        let called = called(&function.binary).unwrap().expect("FOURSTEP_ACTIONS names the folder of a run");
        let allowed = allowed(&template, &function.name);
        let allowed: BTreeSet<_> =
            allowed.into_iter().filter(|action| !BY_SERVICES.contains(&action.as_str())).collect();
        assert_eq!(
            called, allowed,
            "{}: on the left what it calls, on the right what its role allows",
            function.binary
        );
    }
}

/// Returns every action that a function's role allows, whatever the conditions.
pub(crate) fn allowed(template: &Value, function: &str) -> BTreeSet<String> {
    let role = format!("{function}Role");
    let resources = template["Resources"].as_object().unwrap();
    let mut actions = BTreeSet::new();
    collect(&resources[&role]["Properties"]["Policies"], &mut actions);
    for resource in resources.values() {
        let attached = resource["Properties"]["Roles"].as_array();
        if attached.is_some_and(|roles| roles.iter().any(|one| one["Ref"] == role)) {
            collect(&resource["Properties"]["PolicyDocument"], &mut actions);
        }
    }
    actions
}

/// Puts every action of a policy, or of what holds policies, into `actions`.
pub(crate) fn collect(value: &Value, actions: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, actions)),
        Value::Object(fields) => {
            for (name, value) in fields {
                match (name.as_str(), value) {
                    ("Action", Value::String(action)) => drop(actions.insert(action.clone())),
                    ("Action", Value::Array(list)) => {
                        actions.extend(list.iter().map(|action| action.as_str().unwrap().to_owned()));
                    }
                    // A policy as text, since the names of tags in it are parameters.
                    ("Fn::Sub", Value::Array(parts)) if parts[0].as_str().unwrap().starts_with('{') => {
                        let text = parts[0].as_str().unwrap().to_owned();
                        let names = parts[1].as_object().unwrap().keys();
                        let text = names.fold(text, |text, name| text.replace(&format!("${{{name}}}"), r#"a": "b"#));
                        collect(&serde_json::from_str(&text).unwrap(), actions);
                    }
                    _ => collect(value, actions),
                }
            }
        }
        _ => {}
    }
}
