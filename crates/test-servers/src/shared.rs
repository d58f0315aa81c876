//! Servers that are started once for many tests, and that each test is told of by an environment variable.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// A server that runs already.
#[derive(Debug)]
pub(crate) struct Shared {
    /// With its socket and its logs.
    pub(crate) directory: PathBuf,
    pub(crate) port: u16,
}

impl Shared {
    /// Returns the server of a kind, such as `POSTGRES_18`: whose directory `FOURSTEP_SHARED_POSTGRES_18` names.
    ///
    /// # Panics
    ///
    /// If the variable names a server that is not there.
    pub(crate) fn find(kind: &str) -> Option<Self> {
        let variable = variable(kind);
        let directory = PathBuf::from(env::var_os(&variable)?);
        let port = fs::read_to_string(port_file(&directory)).ok().and_then(|port| port.parse().ok());
        let port = port.unwrap_or_else(|| panic!("{variable} names {}, where no server runs", directory.display()));
        Some(Self { directory, port })
    }
}

/// Returns the variable by which tests are told of a server, with its value.
pub(crate) fn told_by(kind: &str, directory: &Path) -> (String, String) {
    (variable(kind), directory.display().to_string())
}

fn variable(kind: &str) -> String {
    format!("FOURSTEP_SHARED_{kind}")
}

/// Returns the file that says on which port a server in a directory listens.
pub(crate) fn port_file(directory: &Path) -> PathBuf {
    directory.join("port")
}
