use std::collections::BTreeSet;
use std::fs;

use fourstep::SETTINGS;

use crate::template::{functions, path, template};

/// For tests alone: no deployment has it.
const NOT_DEPLOYED: [&str; 1] = ["API_LOOPBACK"];

/// What every function reads.
const COMMON: [&str; 4] = ["MIN_AGE", "OPERATOR_EVENTS", "RETIRE", "TLS_CA_BUNDLE"];

#[test]
fn every_function_is_in_the_template_and_in_the_readme() {
    let mut binaries: Vec<_> = functions(&template()).into_iter().map(|function| function.binary).collect();
    let folders = fs::read_dir(path("functions")).unwrap();
    let manifests = folders.map(|folder| fs::read_to_string(folder.unwrap().path().join("Cargo.toml")).unwrap());
    let packages =
        manifests.map(|text| text.parse::<toml::Table>().unwrap()["package"]["name"].as_str().unwrap().to_owned());
    let mut packages: Vec<_> = packages.collect();
    binaries.sort();
    packages.sort();
    assert_eq!(binaries, packages);
    let readme = fs::read_to_string(path("README.md")).unwrap();
    for package in packages {
        assert!(readme.contains(&format!("| `{package}` |")), "the README's table of functions lacks {package}");
    }
}

#[test]
fn every_setting_reaches_a_function_and_every_variable_is_a_setting() {
    let functions = functions(&template());
    let deployed: BTreeSet<_> = functions.iter().flat_map(|function| function.variables.iter().cloned()).collect();
    let settings = SETTINGS.iter().filter_map(|setting| setting.variable).map(str::to_owned);
    let known: BTreeSet<_> =
        settings.filter(|name| !NOT_DEPLOYED.contains(&name.as_str())).chain(variables_of_providers()).collect();
    assert_eq!(deployed, known);
    for function in functions {
        for name in COMMON {
            assert!(function.variables.contains(name), "{} lacks {name}", function.name);
        }
    }
}

#[test]
fn the_readme_lists_every_setting_as_it_is() {
    let readme = fs::read_to_string(path("README.md")).unwrap();
    let code = |name: Option<&str>| name.map_or_else(String::new, |name| format!("`{name}`"));
    for setting in SETTINGS {
        let (tag, variable) = (code(setting.tag), code(setting.variable));
        let row = format!("| {tag} | {variable} | {} | {} | {} |", setting.accepts, setting.default, setting.meaning);
        let row = row.replace("|  |", "| |");
        assert!(readme.contains(&row), "the README's table of settings lacks this row:\n{row}");
    }
    let section = readme.split("\n## Settings\n").nth(1).unwrap().split("\n### ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `fourstep:") || line.starts_with("| | `"));
    assert_eq!(rows.count(), SETTINGS.len(), "the README has a setting that there is not");
}

/// Returns the variables that the ready-made providers put into their `base_url`.
fn variables_of_providers() -> BTreeSet<String> {
    let files = fs::read_dir(path("crates/api-key/providers")).unwrap().map(|file| file.unwrap().path());
    let files = files.filter(|file| file.extension().is_some_and(|end| end == "toml"));
    let texts = files.map(|file| fs::read_to_string(file).unwrap()).collect::<Vec<_>>();
    let mut names = BTreeSet::new();
    for text in texts {
        let parts = text.split("{{ env.").skip(1).map(|rest| rest.split(" }}").next().unwrap().to_owned());
        names.extend(parts);
    }
    names
}
