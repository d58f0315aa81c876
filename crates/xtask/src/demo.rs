use crate::failure::Result;
use crate::process::Invocation;
use crate::{setup, terminal, workspace};

/// Sets up the machine, builds the functions as they are released, and shows them at work.
///
/// # Errors
///
/// If the set-up, the build or a rotation fails.
pub(crate) fn run() -> Result {
    setup::run(setup::Extras::default())?;
    let functions = ["rotate-postgres", "rotate-mysql", "rotate-api-key", "rotate-ssh"];
    let packages = functions.map(|name| format!("--package {name} --bin {name}")).join(" ");
    let build =
        Invocation::cargo(&format!("build --release --locked {packages} --package fourstep-testkit --example demo"));
    terminal::announce("build", &build.to_string());
    build.run()?;
    let release = workspace::target_dir().join("release");
    let demo = Invocation::new(release.join("examples/demo").display().to_string(), [release.display().to_string()]);
    terminal::announce("demo", &demo.to_string());
    demo.run()
}
