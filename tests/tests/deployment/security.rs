//! SECURITY.md: what it says of tests, parameters and policies is so.

use std::fs;

use serde_json::Value;

use crate::template::{path, template};

fn text() -> String {
    fs::read_to_string(path("SECURITY.md")).unwrap()
}

#[test]
fn each_row_of_the_threat_model_names_tests_that_there_are() {
    let text = text();
    let (_, model) = text.split_once("## Threat model").unwrap();
    let (model, _) = model.split_once("\n## ").unwrap();
    let rows: Vec<_> = model.lines().filter(|line| line.starts_with("| ")).skip(2).collect();
    assert!(rows.len() > 20, "{rows:?}");
    let mut missing = Vec::new();
    for row in rows {
        let tests: Vec<_> = row.split('`').filter_map(|word| word.split_once(".rs::")).collect();
        assert!(!tests.is_empty(), "no test: {row}");
        for (file, name) in tests {
            let file = path(&format!("{file}.rs"));
            let there = fs::read_to_string(&file).is_ok_and(|code| code.contains(&format!("fn {name}(")));
            if !there {
                missing.push(format!("{}::{name}", file.display()));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn its_policies_are_statements_and_its_parameters_are_those_of_the_template() {
    let text = text();
    let blocks = text.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let mut statements = Vec::new();
    for block in blocks {
        match serde_json::from_str(block).unwrap_or_else(|error| panic!("{error}: {block}")) {
            Value::Array(several) => statements.extend(several),
            one => statements.push(one),
        }
    }
    assert_eq!(statements.len(), 5);
    for statement in statements {
        assert!(statement["Effect"].is_string() && statement["Condition"].is_object(), "{statement}");
        assert!(statement["Resource"].is_string() != statement["NotResource"].is_string(), "{statement}");
    }
    let (_, recipe) = text.split_once("--parameter-overrides ").unwrap();
    let (recipe, _) = recipe.split_once("\ndone").unwrap();
    let names: Vec<_> =
        recipe.split_whitespace().filter_map(|word| word.split_once('=')).map(|(name, _)| name).collect();
    assert!(names.contains(&"SecretNamePrefix") && names.contains(&"ReservedConcurrency"), "{names:?}");
    for name in names {
        assert!(template()["Parameters"][name].is_object(), "{name}");
    }
}
