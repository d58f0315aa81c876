use super::Need;
use crate::failure::{Failure, Result};
use crate::process::{Invocation, find};

pub(super) const RUSTFMT: Need =
    Need { name: "rustfmt", why: "checks the format", find: || version("fmt"), install: || component("rustfmt") };

pub(super) const CLIPPY: Need =
    Need { name: "clippy", why: "lints", find: || version("clippy"), install: || component("clippy") };

pub(super) const NEXTEST: Need = Need {
    name: "cargo-nextest",
    why: "runs the tests, each in a process of its own; builds for some minutes",
    find: || version("nextest"),
    // Without the part that updates itself, and the second TLS stack that comes with it.
    install: || build("cargo-nextest", "0.9.143", &["--no-default-features"]),
};

pub(super) const DENY: Need = Need {
    name: "cargo-deny",
    why: "checks licences, sources and banned crates; builds for some minutes",
    find: || version("deny"),
    install: || build("cargo-deny", "0.20.2", &[]),
};

pub(super) const AUDITABLE: Need = Need {
    name: "cargo-auditable",
    why: "writes a function's list of parts into its binary; builds for a minute",
    // It has no option that tells its version.
    find: || find("cargo-auditable").map(|path| path.display().to_string()),
    install: || build("cargo-auditable", "0.7.7", &[]),
};

fn version(subcommand: &str) -> Option<String> {
    let output = Invocation::new("cargo", [subcommand, "--version"]).output()?;
    output.lines().next().map(str::to_owned)
}

fn component(name: &str) -> Result {
    if find("rustup").is_none() {
        return Err(Failure::new(format!("{name} is missing, and so is rustup, which could install it"))
            .next("Install both of rustfmt and clippy with the toolchain that rust-toolchain.toml names"));
    }
    Invocation::new("rustup", ["component", "add", name]).run()
}

/// Builds from the registry: there, the version that is named is the one that comes.
fn build(package: &str, version: &str, features: &[&str]) -> Result {
    Invocation::new("cargo", ["install", "--locked", package, "--version", version])
        .with(features.iter().copied())
        .run()
}
