//! Where the binaries of the functions are, so that tests run what is deployed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::{env, io};

/// Returns the binary of a package of the same name, as `rotate-postgres`; builds it first, once in a process.
///
/// It is built in the profile and target directory of the running program. Where the variable `FOURSTEP_BINARIES` names
/// a directory, the binary is taken from there and nothing is built. It blocks while it builds.
///
/// # Errors
///
/// If the build fails, or the binary is not where it has to be.
pub fn binary(name: &str) -> io::Result<PathBuf> {
    binary_of(name, name)
}

/// Returns a binary of a package that has another name. Otherwise it is as [`binary`].
///
/// # Errors
///
/// As [`binary`].
pub fn binary_of(package: &str, name: &str) -> io::Result<PathBuf> {
    if let Some(directory) = env::var_os("FOURSTEP_BINARIES") {
        return existing(Path::new(&directory).join(name));
    }
    built(name, &["--package", package, "--bin", name], Path::new(name))
}

/// Returns an example of a package. Otherwise it is as [`binary`], but that it is
/// built also where `FOURSTEP_BINARIES` has no `examples/` with it.
///
/// # Errors
///
/// As [`binary`].
pub fn example(package: &str, name: &str) -> io::Result<PathBuf> {
    if let Some(directory) = env::var_os("FOURSTEP_BINARIES")
        && let Ok(path) = existing(Path::new(&directory).join("examples").join(name))
    {
        return Ok(path);
    }
    built(name, &["--package", package, "--example", name], &Path::new("examples").join(name))
}

fn built(name: &str, what: &[&str], place: &Path) -> io::Result<PathBuf> {
    static BUILT: Mutex<BTreeMap<String, Result<PathBuf, String>>> = Mutex::new(BTreeMap::new());
    // Held while it builds, so that tests of one process build once; a build that failed is not tried again either.
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    let result = built.entry(name.to_owned()).or_insert_with(|| {
        let path = profile_directory(&env::current_exe().map_err(|error| error.to_string())?);
        let path = path.and_then(|directory| build(what, &directory).and_then(|()| existing(directory.join(place))));
        path.map_err(|error| error.to_string())
    });
    result.clone().map_err(io::Error::other)
}

fn build(what: &[&str], directory: &Path) -> io::Result<()> {
    let profile = match directory.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(profile) => profile,
    };
    let target = directory.parent().ok_or_else(|| io::Error::other("the target directory has no parent"))?;
    // Cargo tells its tests which cargo it is.
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--quiet", "--profile", profile, "--target-dir"])
        .arg(target)
        .args(what)
        .current_dir(workspace())
        .output()?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("cargo build {} failed:\n{text}", what.join(" "))))
}

/// Returns a directory of the workspace whose function is tested: cargo tells a test where its own package is.
fn workspace() -> PathBuf {
    env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into()).into()
}

/// Returns the directory of the profile from the path of a program: `target/debug` from `target/debug/deps/x`.
fn profile_directory(program: &Path) -> io::Result<PathBuf> {
    let mut directory = program.parent();
    if directory.is_some_and(|directory| directory.ends_with("deps") || directory.ends_with("examples")) {
        directory = directory.and_then(Path::parent);
    }
    let directory = directory.ok_or_else(|| io::Error::other("the running program is in no directory"))?;
    Ok(directory.to_owned())
}

fn existing(path: PathBuf) -> io::Result<PathBuf> {
    if path.is_file() {
        Ok(path)
    } else {
        Err(io::Error::new(io::ErrorKind::NotFound, format!("there is no binary {}", path.display())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_is_that_of_the_running_program() {
        for (program, directory) in
            [("/t/debug/deps/x-1", "/t/debug"), ("/t/release/xtask", "/t/release"), ("/t/ci/examples/x", "/t/ci")]
        {
            assert_eq!(profile_directory(Path::new(program)).unwrap(), Path::new(directory));
        }
    }
}
