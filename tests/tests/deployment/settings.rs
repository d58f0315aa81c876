use std::collections::BTreeSet;
use std::fs;

use fourstep::Rotation as _;
use fourstep::accounts::Strategies;
use fourstep::settings::{EngineSettings, Environment, Groups, Row};
use fourstep_api_key::ApiKeys;
use fourstep_mysql::Mysql;
use fourstep_postgres::Postgres;
use fourstep_ssh::Ssh;

use crate::template::{functions, path, template};

/// For tests, and for what runs on the function's own machine: no deployment has it.
const NOT_DEPLOYED: [&str; 2] = ["API_LOOPBACK", "LOCAL_ADDRESSES"];

/// What every function reads.
const COMMON: [&str; 5] = ["MIN_AGE", "OPERATOR_EVENTS", "OWNERS", "RETIRE", "TLS_CA_BUNDLE"];

/// Returns the settings that each function reads.
fn groups_of(binary: &str) -> Groups {
    let own = match binary {
        "rotate-postgres" => Strategies::from(Postgres::new()).settings(),
        "rotate-mysql" => Strategies::from(Mysql::new()).settings(),
        "rotate-ssh" => Ssh::new().settings(),
        "rotate-api-key" => ApiKeys::new(Environment::default()).settings(),
        other => panic!("{other} is a function of no plugin that is known here"),
    };
    Groups::of::<EngineSettings>().with(own)
}

/// Returns the settings of all functions, each once.
fn settings() -> Vec<&'static Row> {
    let functions = ["rotate-postgres", "rotate-mysql", "rotate-ssh", "rotate-api-key"];
    functions.into_iter().fold(Groups::none(), |all, binary| all.with(groups_of(binary))).rows().collect()
}

#[test]
fn no_setting_is_in_two_groups() {
    let names: Vec<_> = settings().into_iter().flat_map(|row| [row.tag, row.variable]).flatten().collect();
    let once: BTreeSet<_> = names.iter().collect();
    assert_eq!(names.len(), once.len(), "{names:?}");
}

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
    let settings = settings().into_iter().filter_map(|row| row.variable).map(str::to_owned);
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
    let rows = settings().into_iter().map(|row| {
        let (tag, variable) = (code(row.tag), code(row.variable));
        let Row { whose, accepts, default, meaning, .. } = row;
        format!("| {tag} | {variable} | {whose} | {accepts} | {default} | {meaning} |\n").replace("|  |", "| |")
    });
    let table: String = rows.collect();
    let (before, rest) = readme.split_once(HEADING).unwrap();
    let (_, after) = rest.split_once("\n\n").unwrap();
    let wanted = format!("{before}{HEADING}{table}\n{after}");
    if std::env::var_os("FOURSTEP_WRITE_README").is_some() {
        fs::write(path("README.md"), &wanted).unwrap();
    }
    assert!(
        fs::read_to_string(path("README.md")).unwrap() == wanted,
        "the README's table of settings is not that of the functions; FOURSTEP_WRITE_README=1 writes it:\n{table}"
    );
}

const HEADING: &str = "| tag | variable | whose | takes | without it | for |\n| --- | --- | --- | --- | --- | --- |\n";

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
