use crate::failure::Result;
use crate::process::Invocation;
use crate::{setup, terminal, workspace};

/// Sets up the machine, builds some functions as they are released, and runs an example of the test kit with them.
///
/// # Errors
///
/// If the set-up, the build or the example fails.
pub(crate) fn run(example: &str, functions: &[&str]) -> Result {
    setup::run(setup::Extras::default())?;
    let packages: Vec<_> = functions.iter().map(|name| format!("--package {name} --bin {name}")).collect();
    let packages = packages.join(" ");
    let build = Invocation::cargo(&format!(
        "build --release --locked {packages} --package fourstep-testkit --example {example}"
    ));
    terminal::announce("build", &build.to_string());
    build.run()?;
    let release = workspace::target_dir().join("release");
    let program = release.join("examples").join(example);
    let run = Invocation::new(program.display().to_string(), [release.display().to_string()]);
    terminal::announce(example, &run.to_string());
    run.run()
}
