use std::env;
use std::time::{Duration, Instant};

use crate::failure::Result;
use crate::process::Invocation;
use crate::setup::Extras;
use crate::{setup, terminal, workspace};

/// Sets up the machine and runs every check, cheapest first and the tests last, so that their summary ends the output.
///
/// Stops at the first check that fails. With arguments for nextest, only the tests are run.
///
/// # Errors
///
/// Names the check that failed and the command that runs it alone.
pub(crate) fn run(extras: Extras, nextest: &[String]) -> Result {
    let mut times = vec![("set-up", timed(|| setup::run(extras))?)];
    for (name, invocation) in checks(nextest, env::var_os("CI").is_some()) {
        terminal::announce(name, &invocation.to_string());
        let time = timed(|| {
            let alone = format!("Run it alone with:\n    {invocation}");
            invocation.run().map_err(|failure| failure.of(name).next(alone))
        })?;
        terminal::done(name, time);
        times.push((name, time));
    }
    let total = times.iter().map(|(_, time)| *time).sum();
    terminal::line(format_args!("\nEvery check passed, in {}:", terminal::readable(total)));
    for (name, time) in times {
        terminal::line(format_args!("  {name:<10} {:>12}", terminal::readable(time)));
    }
    Ok(())
}

fn checks(nextest: &[String], ci: bool) -> Vec<(&'static str, Invocation)> {
    let profile = if ci { "ci" } else { "default" };
    let build = ("build", Invocation::cargo("build --workspace --bins --locked"));
    // Without this, each test that runs a function would ask cargo whether it is built.
    let binaries = workspace::target_dir().join("debug").display().to_string();
    let tests = Invocation::cargo("nextest run --workspace --locked --profile")
        .with([profile])
        .variable("FOURSTEP_BINARIES", binaries);
    if !nextest.is_empty() {
        return vec![build, ("tests", tests.with(nextest))];
    }
    vec![
        ("format", Invocation::cargo("fmt --all -- --check")),
        ("policy", Invocation::cargo("deny check bans licenses sources")),
        ("lints", Invocation::cargo("clippy --workspace --all-targets --locked -- -D warnings")),
        ("docs", Invocation::cargo("doc --workspace --no-deps --locked").variable("RUSTDOCFLAGS", "-D warnings")),
        build,
        ("doc tests", Invocation::cargo("test --workspace --doc --locked")),
        ("tests", tests),
    ]
}

fn timed(part: impl FnOnce() -> Result) -> Result<Duration> {
    let start = Instant::now();
    part().map(|()| start.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands(nextest: &[&str], ci: bool) -> Vec<String> {
        let nextest: Vec<String> = nextest.iter().map(ToString::to_string).collect();
        checks(&nextest, ci).iter().map(|(_, invocation)| invocation.to_string()).collect()
    }

    #[test]
    fn the_tests_come_last_and_know_ci() {
        assert!(
            commands(&[], false).last().unwrap().ends_with("cargo nextest run --workspace --locked --profile default")
        );
        assert!(commands(&[], true).last().unwrap().ends_with("cargo nextest run --workspace --locked --profile ci"));
    }

    #[test]
    fn arguments_for_nextest_leave_the_other_checks_out() {
        let commands = commands(&["-E", "test(a b)"], false);
        assert_eq!(commands.len(), 2);
        assert!(commands[1].ends_with("--profile default -E 'test(a b)'"), "{commands:?}");
    }

    #[test]
    fn nothing_that_resolves_dependencies_may_change_the_lock_file() {
        for command in commands(&[], true) {
            let resolves = !command.contains(" fmt ") && !command.contains(" deny ");
            assert_eq!(command.contains("--locked"), resolves, "{command}");
        }
    }
}
