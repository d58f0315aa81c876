use serde::Deserialize;

use crate::failure::{Failure, Result};

/// A rule, and how it is left out.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mutant {
    /// The rule, as a sentence.
    pub(super) rule: String,
    /// Path of the file that holds it.
    pub(super) file: String,
    /// The text that holds it, which stands in the file once.
    from: String,
    /// What is put in its place.
    to: String,
    /// The package with the test, and the name of the test that has to fail without the rule.
    pub(super) package: String,
    pub(super) test: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    mutant: Vec<Mutant>,
}

/// Reads the list.
///
/// # Errors
///
/// If it is no TOML of this shape.
pub(super) fn read() -> Result<Vec<Mutant>> {
    let list: List = toml::from_str(include_str!("../../mutants.toml"))
        .map_err(|error| Failure::new(format!("crates/xtask/mutants.toml: {error}")))?;
    Ok(list.mutant)
}

impl Mutant {
    /// Returns the text of the file without the rule.
    ///
    /// # Errors
    ///
    /// If the file does not hold it, or more than once.
    pub(super) fn leave_out(&self, whole: &str) -> Result<String> {
        match whole.matches(&self.from).count() {
            1 => Ok(whole.replacen(&self.from, &self.to, 1)),
            count => Err(Failure::new(format!("{} holds {count} times: {}", self.file, self.from))
                .next(format!("Correct crates/xtask/mutants.toml at the rule: {}", self.rule))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::workspace;

    #[test]
    fn each_rule_stands_where_the_list_says_and_its_test_exists() {
        let names = names(&workspace::root());
        for mutant in read().unwrap() {
            let whole = fs::read_to_string(workspace::root().join(&mutant.file)).unwrap();
            assert_ne!(mutant.leave_out(&whole).unwrap(), whole, "{}", mutant.rule);
            let (_, test) = mutant.test.rsplit_once("::").unwrap_or(("", &mutant.test));
            assert!(names.contains(test), "no test is named {test}: {}", mutant.rule);
        }
    }

    /// Returns the names of all functions below `crates` and `tests`, and what a macro makes one of: `name: Type, …;`.
    fn names(root: &Path) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        let mut folders = vec![root.join("crates"), root.join("tests")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let text = fs::read_to_string(path).unwrap();
                    let functions = text.lines().filter_map(|line| line.split_once("fn ")?.1.split_once('('));
                    let by_macros = text.lines().filter_map(|line| line.trim().split_once(": "));
                    names.extend(functions.chain(by_macros).map(|(name, _)| name.to_owned()));
                }
            }
        }
        names
    }
}
