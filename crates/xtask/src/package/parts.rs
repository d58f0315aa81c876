use std::fs;
use std::path::Path;

use auditable_info::audit_info_from_file;

use super::cannot;
use crate::failure::{Failure, Result};

/// Writes the parts of a binary, as CycloneDX: the crates that cargo wrote into the binary itself. Returns how many.
pub(super) fn write(path: &Path, binary: &Path) -> Result<usize> {
    let info = audit_info_from_file(binary, Default::default())
        .map_err(|error| Failure::new(format!("{} does not list its parts: {error}", binary.display())))?;
    let count = info.packages.len();
    let document = auditable_cyclonedx::auditable_to_minimal_cdx(&info);
    let mut json = Vec::new();
    document
        .output_as_json_v1_3(&mut json)
        .map_err(|error| Failure::new(format!("{} cannot be made: {error}", path.display())))?;
    fs::write(path, json).map_err(|error| cannot("written", path, &error))?;
    Ok(count)
}
