//! Fourstep's tasks, called as `cargo xtask <task>`: they set up a machine, show the product, and check it.

mod failure;
mod mutants;
mod package;
mod process;
mod released;
mod roots;
mod sam_build;
mod setup;
mod terminal;
mod test;
mod workspace;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// Sets up, shows and checks Fourstep.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", arg_required_else_help = true)]
enum Task {
    /// Installs what demo and test need, where it is missing
    Setup {
        #[command(flatten)]
        extras: setup::Extras,
    },
    /// Rotates accounts of real servers, an API key and SSH keys, and shows each step
    Demo,
    /// Measures what each function takes to start and to rotate, and SSH keys of fleets of several sizes
    Bench,
    /// Runs every check that a change must pass
    Test {
        #[command(flatten)]
        extras: setup::Extras,
        /// Arguments for nextest: then only the tests are run, with these
        #[arg(last = true, value_name = "NEXTEST ARGUMENTS")]
        nextest: Vec<String>,
    },
    /// Leaves each rule of mutants.toml out, and shows that its test then fails
    Mutants {
        /// Only the rules in which this text stands
        rule: Option<String>,
    },
    /// Builds the functions' zips, templates, checksums and lists of parts, into dist/
    Package {
        #[command(flatten)]
        options: package::Options,
    },
    /// Packages twice, in two folders, and compares the files byte by byte
    VerifyRelease {
        #[command(flatten)]
        options: package::Options,
    },
    /// Builds the functions from source as `sam build` does for a user, each apart
    SamBuild,
    /// Writes anew the roots of Amazon RDS that are built in, with npm
    Roots {
        /// A PEM file to take them from instead, as Amazon's global-bundle.pem
        file: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    let outcome = match Task::parse() {
        Task::Setup { extras } => setup::run(extras),
        Task::Demo => released::run("demo", &[]),
        Task::Bench => released::run("bench", &["bare"]),
        Task::Test { extras, nextest } => test::run(extras, &nextest),
        Task::Mutants { rule } => mutants::run(rule.as_deref()),
        Task::Package { options } => package::run(&options),
        Task::VerifyRelease { options } => package::verify(&options),
        Task::SamBuild => sam_build::run(),
        Task::Roots { file } => roots::run(file.as_deref()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            terminal::failed(&failure);
            ExitCode::FAILURE
        }
    }
}
