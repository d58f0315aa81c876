use std::env;
use std::path::{Path, PathBuf};

/// Gives the folder of the workspace.
pub(crate) fn root() -> PathBuf {
    // Cargo says at run time where this package is; the folder may have moved since it was built.
    let package = env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    package.ancestors().nth(2).map_or_else(|| package.clone(), Path::to_path_buf)
}

/// Gives the folder of what is installed for this workspace alone, outside of the system.
///
/// The tests look for it by the same rule.
pub(crate) fn tools_dir() -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").filter(|target| !target.is_empty());
    let target = target.map_or_else(|| root().join("target"), PathBuf::from);
    std::path::absolute(&target).unwrap_or(target).join("fourstep-tools")
}
