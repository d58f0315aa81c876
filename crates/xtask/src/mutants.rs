mod list;

use std::fs;
use std::path::Path;
use std::time::Instant;

use crate::failure::{Failure, Result};
use crate::process::Invocation;
use crate::{terminal, workspace};

use list::Mutant;

/// How nextest ends where a test failed. Any other failure is not the test's.
const TESTS_FAILED: i32 = 100;

/// Leaves each rule of the list out, in a copy of what is committed, and runs the test that holds it: the test has to fail.
///
/// # Errors
///
/// Names the rules whose tests pass without them.
pub(crate) fn run(only: Option<&str>) -> Result {
    let copy = workspace::target_dir().join("fourstep-mutants");
    clone_into(&copy)?;
    let mutants: Vec<_> =
        list::read()?.into_iter().filter(|mutant| only.is_none_or(|only| mutant.rule.contains(only))).collect();
    let (mut survivors, mut found) = (Vec::new(), 0);
    for mutant in &mutants {
        let start = Instant::now();
        if is_found(mutant, &copy)? {
            found += 1;
            terminal::item("found", format_args!("{} ({})", mutant.rule, terminal::readable(start.elapsed())));
        } else {
            survivors.push(mutant.rule.as_str());
            terminal::item("SURVIVED", &mutant.rule);
        }
        terminal::more(format_args!("by {}", mutant.test));
    }
    terminal::line(format_args!("\n{found} of {} rules that were left out were found.", mutants.len()));
    match survivors.is_empty() {
        true => Ok(()),
        false => Err(Failure::new(format!("tests pass without these rules: {}", survivors.join("; ")))),
    }
}

fn clone_into(copy: &Path) -> Result {
    if copy.exists() {
        fs::remove_dir_all(copy).map_err(|error| Failure::new(format!("{}: {error}", copy.display())))?;
    }
    Invocation::new("git", ["clone", "--quiet", "--shared", ".", &copy.display().to_string()]).run()
}

fn is_found(mutant: &Mutant, copy: &Path) -> Result<bool> {
    let file = copy.join(&mutant.file);
    let failed = |error: std::io::Error| Failure::new(format!("{}: {error}", file.display()));
    let whole = fs::read_to_string(&file).map_err(failed)?;
    let without = mutant.leave_out(&whole)?;
    fs::write(&file, without).map_err(failed)?;
    let manifest = copy.join("Cargo.toml").display().to_string();
    let (package, expression) = (&mutant.package, format!("test(/(^|::){}$/)", mutant.test));
    let test = Invocation::cargo("nextest run --locked --failure-output never --status-level none --manifest-path")
        .with([&manifest, "--package", package, "--filterset", &expression]);
    let ended = test.ended_with();
    fs::write(&file, whole).map_err(failed)?;
    match ended? {
        Some(0) => Ok(false),
        Some(TESTS_FAILED) => Ok(true),
        _ => Err(Failure::new(format!(
            "without its rule the code does not build, or no test has that name: {}",
            mutant.rule
        ))
        .next(format!("It was:\n    {test}"))),
    }
}
