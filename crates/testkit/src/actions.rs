//! Which actions of AWS the functions call in all tests of a run, for the check of their roles.
//!
//! Each function under test has an access key that tells its binary. The emulations write down what is called with such
//! a key, in the folder that the variable `FOURSTEP_ACTIONS` names. Without it, nothing is written.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::{env, fs, io};

/// The variable that names the folder.
pub const FOLDER: &str = "FOURSTEP_ACTIONS";

const PREFIX: &str = "AKIA";

/// Returns the access key with which a binary calls AWS in tests: `rotate-ssh` has `AKIAROTATESSH`.
#[must_use]
pub fn access_key(program: &Path) -> String {
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    PREFIX.to_owned() + &letters.to_ascii_uppercase()
}

/// Reads what a binary called in the run, as `secretsmanager:GetSecretValue`. `None`: the run wrote nothing down.
///
/// # Errors
///
/// If the folder cannot be read.
pub fn called(binary: &str) -> io::Result<Option<BTreeSet<String>>> {
    let Some(folder) = env::var_os(FOLDER) else { return Ok(None) };
    let text = match fs::read_to_string(PathBuf::from(folder).join(access_key(Path::new(binary)))) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        text => text?,
    };
    Ok(Some(text.lines().map(str::to_owned).collect()))
}

/// Writes down a call: its header `Authorization`, and its action.
///
/// # Panics
///
/// If the folder cannot be written.
pub fn record(authorization: &str, service: &str, action: &str) {
    static KNOWN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let Some(folder) = env::var_os(FOLDER) else { return };
    let Some(key) = caller(authorization)
        .filter(|key| key.starts_with(PREFIX) && key.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    else {
        return;
    };
    let line = format!("{service}:{action}\n");
    if !KNOWN.lock().unwrap_or_else(PoisonError::into_inner).insert(format!("{key} {line}")) {
        return;
    }
    let file = OpenOptions::new().append(true).create(true).open(PathBuf::from(folder).join(key));
    // Many processes append at a time: a line is one write.
    file.and_then(|mut file| file.write_all(line.as_bytes())).expect("the folder of FOURSTEP_ACTIONS can be written");
}

/// Reads the access key of a call from its header `Authorization`.
#[must_use]
pub fn caller(authorization: &str) -> Option<&str> {
    authorization.split_once("Credential=").and_then(|(_, rest)| rest.split('/').next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binary_is_told_by_its_key() {
        assert_eq!(access_key(Path::new("/x/rotate-api-key")), "AKIAROTATEAPIKEY");
    }
}
