mod deployment;
mod servers;

use std::env;
use std::time::{Duration, Instant};

use crate::failure::Result;
use crate::process::Invocation;
use crate::setup::Extras;
use crate::{package, setup, terminal, workspace};

use servers::Servers;

/// Sets up the machine and runs every check, cheapest first and the tests last, so that their summary ends the output.
///
/// The tests find servers that run for all of them; those that need a server of their own start it. All run with the
/// oldest version of PostgreSQL, and what talks to PostgreSQL runs again with each newer one.
///
/// Stops at the first check that fails. With arguments for nextest, only the tests are run, once.
///
/// # Errors
///
/// Names the check that failed and the command that runs it alone.
pub(crate) fn run(extras: Extras, nextest: &[String]) -> Result {
    let mut times = vec![("set-up".to_owned(), timed(|| setup::run(extras))?)];
    for (name, invocation) in checks(nextest) {
        times.push((name.to_owned(), check(name, &invocation, &invocation)?));
    }
    if nextest.is_empty() {
        times.push(("package".to_owned(), timed(|| package::run(&package::Options::here()))?));
    }
    let actions = deployment::empty_folder_of_actions()?;
    let tests = tests(extras, nextest, env::var_os("CI").is_some(), env::var(VERSION).ok().as_deref());
    let names =
        tests.iter().map(|test| format!("postgres-{}", test.postgres)).chain(["mysql".into(), "mariadb".into()]);
    let (names, mut servers) = (names.collect::<Vec<_>>(), None);
    let program = binaries() + "/shared-servers";
    let time = timed(|| Servers::start(&program, &names).map(|started| servers = Some(started)))?;
    let servers = servers.expect("they were started just now");
    times.push(("servers".to_owned(), time));
    for Tests { name, invocation, .. } in tests {
        let told = servers.tell(invocation.clone()).variable(deployment::FOLDER_OF_ACTIONS, &actions);
        let time = check(&name, &invocation, &told)?;
        times.push((name, time));
    }
    let total = times.iter().map(|(_, time)| *time).sum();
    terminal::line(format_args!("\nEvery check passed, in {}:", terminal::readable(total)));
    for (name, time) in times {
        terminal::line(format_args!("  {name:<20} {:>12}", terminal::readable(time)));
    }
    Ok(())
}

/// Runs a command. What is shown may be another, which does the same without what we made for it.
fn check(name: &str, shown: &Invocation, invocation: &Invocation) -> Result<Duration> {
    terminal::announce(name, &shown.to_string());
    let time = timed(|| {
        let alone = format!("Run it alone with:\n    {shown}");
        invocation.run().map_err(|failure| failure.of(name).next(alone))
    })?;
    terminal::done(name, time);
    Ok(time)
}

fn checks(nextest: &[String]) -> Vec<(&'static str, Invocation)> {
    // Examples have the tests' dependencies, with their features: built without, each would be compiled twice.
    let build = ("build", Invocation::cargo("build --workspace --bins --examples --locked"));
    if !nextest.is_empty() {
        return vec![build];
    }
    vec![
        ("format", Invocation::cargo("fmt --all -- --check")),
        ("policy", Invocation::cargo("deny check bans licenses sources")),
        ("lints", Invocation::cargo("clippy --workspace --all-targets --locked -- -D warnings")),
        ("cfn-lint", deployment::cfn_lint()),
        ("sam", deployment::sam_validate()),
        ("zizmor", deployment::zizmor()),
        ("docs", Invocation::cargo("doc --workspace --no-deps --locked").variable("RUSTDOCFLAGS", "-D warnings")),
        build,
        ("doc tests", Invocation::cargo("test --workspace --doc --locked")),
    ]
}

/// One run of nextest.
struct Tests {
    name: String,
    postgres: String,
    invocation: Invocation,
}

/// Names the version of PostgreSQL that tests start, or look for.
const VERSION: &str = "FOURSTEP_POSTGRES_VERSION";

/// The oldest version that the tests run on, and the newest.
const OLDEST: &str = "15";
const NEWEST: &str = "18";

/// Which tests talk to PostgreSQL, to run on each of its versions. Kills of two accounts take minutes, and what is killed there is the
/// function: the oldest version is enough for them.
const ON_POSTGRES: &str =
    "package(fourstep-postgres) + binary(postgres) + (binary(kill) & test(/^single_user.*on_postgresql$/))";

/// Which test reads what the others wrote.
const ROLES: &str = "binary(deployment) & test(permissions::)";

fn tests(extras: Extras, nextest: &[String], ci: bool, version: Option<&str>) -> Vec<Tests> {
    let profile = if ci { "ci" } else { "default" };
    let run = |name: &str, postgres: &str, arguments: &[String]| Tests {
        name: name.to_owned(),
        postgres: postgres.to_owned(),
        invocation: Invocation::cargo("nextest run --workspace --locked --profile")
            .with([profile])
            .with(arguments)
            // Without this, each test that runs a function would ask cargo whether it is built.
            .variable("FOURSTEP_BINARIES", binaries())
            .variable(VERSION, postgres),
    };
    if !nextest.is_empty() {
        return vec![run("tests", version.unwrap_or(OLDEST), nextest)];
    }
    let newer = extras.postgres_17.then_some("17").into_iter().chain([NEWEST]);
    let filter = ["-E".to_owned(), ON_POSTGRES.to_owned()];
    let again = newer.map(|version| run(&format!("on PostgreSQL {version}"), version, &filter));
    // Last: it compares what all others called.
    let roles = ["--run-ignored", "only", "-E", ROLES].map(str::to_owned);
    let roles = run("roles", OLDEST, &roles);
    [run("tests", OLDEST, &[])].into_iter().chain(again).chain([roles]).collect()
}

fn binaries() -> String {
    workspace::target_dir().join("debug").display().to_string()
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
        let checks = checks(&nextest).into_iter().map(|(_, invocation)| invocation);
        let tests = tests(Extras::default(), &nextest, ci, None).into_iter().map(|tests| tests.invocation);
        checks.chain(tests).map(|invocation| invocation.to_string()).collect()
    }

    #[test]
    fn the_tests_come_last_and_know_ci() {
        for (ci, profile) in [(false, "default"), (true, "ci")] {
            let commands = commands(&[], ci);
            let [.., all, newest, roles] = commands.as_slice() else { panic!("{commands:?}") };
            let ends = format!("cargo nextest run --workspace --locked --profile {profile}");
            assert!(all.contains("FOURSTEP_POSTGRES_VERSION=15 ") && all.ends_with(&ends), "{all}");
            assert!(newest.contains("FOURSTEP_POSTGRES_VERSION=18 ") && newest.contains(&(ends + " -E ")), "{newest}");
            assert!(roles.ends_with("--run-ignored only -E 'binary(deployment) & test(permissions::)'"), "{roles}");
        }
    }

    #[test]
    fn a_version_between_is_run_where_it_is_asked_for() {
        let versions = |extras| tests(extras, &[], true, None).into_iter().map(|tests| tests.postgres);
        assert!(versions(Extras { postgres_17: true }).eq(["15", "17", "18", "15"]));
        assert!(versions(Extras::default()).eq(["15", "18", "15"]));
    }

    #[test]
    fn arguments_for_nextest_leave_the_other_checks_out() {
        let commands = commands(&["-E", "test(a b)"], false);
        assert_eq!(commands.len(), 2);
        assert!(commands[1].ends_with("--profile default -E 'test(a b)'"), "{commands:?}");
        let of_version = tests(Extras::default(), &["x".to_owned()], false, Some("17"));
        assert_eq!(of_version[0].postgres, "17");
    }

    #[test]
    fn nothing_that_resolves_dependencies_may_change_the_lock_file() {
        for command in commands(&[], true) {
            let resolves = command.contains("cargo ") && !command.contains(" fmt ") && !command.contains(" deny ");
            assert_eq!(command.contains("--locked"), resolves, "{command}");
        }
    }
}
