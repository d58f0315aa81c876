use crate::failure::Result;
use crate::process::Invocation;
use crate::{package, setup, terminal, workspace};

/// Sets up the machine, builds the functions as they are released, and runs an example of `fourstep-test-servers` with them. It may
/// need other examples, of `fourstep-lambda`, beside them.
///
/// # Errors
///
/// If the set-up, the build or the example fails.
pub(crate) fn run(example: &str, beside: &[&str]) -> Result {
    setup::run(setup::Extras::default())?;
    let functions = package::selection();
    let beside: String = beside.iter().map(|name| format!(" --package fourstep-lambda --example {name}")).collect();
    let build = Invocation::cargo(&format!(
        "build --release --locked {functions} --package fourstep-test-servers --example {example}{beside}"
    ));
    terminal::announce("build", &build.to_string());
    build.run()?;
    let release = workspace::target_dir().join("release");
    let program = release.join("examples").join(example);
    let run = Invocation::new(program.display().to_string(), [release.display().to_string()]);
    terminal::announce(example, &run.to_string());
    run.run()
}
