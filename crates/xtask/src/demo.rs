use crate::failure::Result;
use crate::process::Invocation;
use crate::{setup, terminal, workspace};

/// Sets up the machine, builds the function as it is released, and shows it at work.
///
/// # Errors
///
/// If the set-up, the build or a rotation fails.
pub(crate) fn run() -> Result {
    setup::run(setup::Extras::default())?;
    let build = Invocation::cargo(
        "build --release --locked --package rotate-postgres --bin rotate-postgres --package rotate-api-key --bin rotate-api-key --package fourstep-testkit --example demo",
    );
    terminal::announce("build", &build.to_string());
    build.run()?;
    let release = workspace::target_dir().join("release");
    let program = |name: &str| release.join(name).display().to_string();
    let demo = Invocation::new(program("examples/demo"), ["rotate-postgres", "rotate-api-key"].map(program));
    terminal::announce("demo", &demo.to_string());
    demo.run()
}
