use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::cannot;
use crate::failure::{Failure, Result};

/// Writes a zip with a function's binary as `bootstrap`: the same bytes for the same binary, whenever it was built.
pub(super) fn write(zip: &Path, binary: &Path) -> Result {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        // Those above 9 are Zopfli's, one round each: 4 % less to download before the first step than by zlib.
        .compression_level(Some(10))
        .last_modified_time(DateTime::default())
        .unix_permissions(0o755);
    let mut from = File::open(binary).map_err(|error| cannot("read", binary, &error))?;
    let to = File::create(zip).map_err(|error| cannot("written", zip, &error))?;
    let mut writer = ZipWriter::new(to);
    let failed = |error: &dyn std::fmt::Display| Failure::new(format!("{} cannot be written: {error}", zip.display()));
    writer.start_file("bootstrap", options).map_err(|error| failed(&error))?;
    io::copy(&mut from, &mut writer).map_err(|error| failed(&error))?;
    writer.finish().map_err(|error| failed(&error))?.flush().map_err(|error| failed(&error))
}

/// Writes `SHA256SUMS` of every file in a folder, as `sha256sum --check` reads it.
pub(super) fn write_sums(folder: &Path) -> Result {
    let entries = fs::read_dir(folder).map_err(|error| cannot("read", folder, &error))?;
    let mut names: Vec<_> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort();
    let mut sums = String::new();
    for name in names {
        let path = folder.join(&name);
        let bytes = fs::read(&path).map_err(|error| cannot("read", &path, &error))?;
        let digest: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        sums += &format!("{digest}  {name}\n");
    }
    let path = folder.join("SHA256SUMS");
    fs::write(&path, sums).map_err(|error| cannot("written", &path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_binary_makes_the_same_zip_and_its_sum_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let binary = folder.path().join("binary");
        fs::write(&binary, "abc").unwrap();
        let zips = ["one.zip", "two.zip"].map(|name| folder.path().join(name));
        zips.iter().for_each(|zip| write(zip, &binary).unwrap());
        assert_eq!(fs::read(&zips[0]).unwrap(), fs::read(&zips[1]).unwrap());
        write_sums(folder.path()).unwrap();
        let sums = fs::read_to_string(folder.path().join("SHA256SUMS")).unwrap();
        let of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  binary\n";
        assert!(sums.starts_with(of_abc) && sums.lines().count() == 3, "{sums}");
    }
}
