use std::env;
use std::path::{Path, PathBuf};

/// Returns the folder of the workspace.
pub(crate) fn root() -> PathBuf {
    // Cargo says at run time where this package is; the folder may have moved since it was built.
    let package = env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    package.ancestors().nth(2).map_or_else(|| package.clone(), Path::to_path_buf)
}

/// Returns the folder of what is installed for this workspace alone, outside of the system.
///
/// The tests look for it by the same rule.
pub(crate) fn tools_dir() -> PathBuf {
    target_dir().join("fourstep-tools")
}

/// Returns the folder into which cargo builds.
pub(crate) fn target_dir() -> PathBuf {
    // Every cargo that a task starts runs in the workspace's folder, so that is where a relative path counts from.
    root().join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}
