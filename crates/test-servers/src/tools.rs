//! Where the programs of servers are, and what happens to a test whose program is not installed.

use std::env;
use std::path::{Path, PathBuf};

/// Returns the directory in which `cargo xtask setup` puts tools that are not Debian packages.
///
/// It is `fourstep-tools` in the build's target directory: `$CARGO_TARGET_DIR`, or `target` in the workspace. Each tool
/// has a directory of its own there, such as `moto` with a Python virtual environment.
#[must_use]
pub fn tools_dir() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    // An absolute path replaces what it is joined to.
    let target = workspace.join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()));
    target.join("fourstep-tools")
}

/// Finds a program in the directory of a tool. `None`: it is not installed, and the tests that need it are skipped.
///
/// A line says so. Where `CI` is set, nothing may be skipped.
///
/// # Panics
///
/// If the program is not there and `CI` is set.
#[must_use]
pub fn tool(name: &str, program: &str) -> Option<PathBuf> {
    let path = tools_dir().join(name).join(program);
    if path.exists() {
        return Some(path);
    }
    skip(&format!("{name} is not at {}; `cargo xtask setup` installs it", path.display()));
    None
}

/// Prints that a test is skipped and why.
///
/// # Panics
///
/// If `CI` is set: there, nothing may be skipped.
pub fn skip(why: &str) {
    assert!(env::var_os("CI").is_none(), "nothing is skipped where CI is set: {why}");
    #[expect(clippy::print_stderr, reason = "a test that is skipped must say so")]
    {
        eprintln!("SKIPPED: {why}");
    }
}
