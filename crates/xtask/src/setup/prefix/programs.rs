use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, Result};
use crate::process::Invocation;

/// Lets programs be run from where they were unpacked, with the loader and the libraries that came with them: those of
/// the machine may be too old.
///
/// # Errors
///
/// If there is no loader, or a program cannot be changed.
pub(super) fn run_from(folder: &Path, programs: &[&str], own_libraries: &[&str]) -> Result {
    let loader =
        loader(folder).ok_or_else(|| Failure::new(format!("no loader was unpacked into {}", folder.display())))?;
    let triplet = loader.parent().and_then(Path::file_name).expect("it was found in such a folder");
    // Before trixie, the most basic libraries had a folder of their own.
    let shared = ["usr/lib", "lib"].map(|place| folder.join(place).join(triplet));
    let own = own_libraries.iter().map(|place| folder.join(place));
    let places: Vec<String> = shared.into_iter().chain(own).map(|place| place.display().to_string()).collect();
    let libraries = places.join(":");
    let loader = loader.display().to_string();
    let patchelf = folder.join("usr/bin/patchelf").display().to_string();
    let find_libraries = Invocation::new(loader.as_str(), ["--library-path", &libraries, &patchelf]).with([
        "--force-rpath",
        "--set-rpath",
        &libraries,
    ]);
    if !own_libraries.is_empty() {
        find_libraries.clone().with(binaries(folder, own_libraries)?).run()?;
    }
    find_libraries.with(["--set-interpreter", &loader]).with(binaries(folder, programs)?).run()
}

/// Finds the program that starts others: `lib/x86_64-linux-gnu/ld-linux-x86-64.so.2`, or that of another architecture.
fn loader(folder: &Path) -> Option<PathBuf> {
    let triplets = ["usr/lib", "lib"].into_iter().flat_map(|place| entries(&folder.join(place)));
    let is_loader = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with("ld-linux-") && path.is_file()
    };
    triplets.filter(|path| path.is_dir()).find_map(|triplet| entries(&triplet).into_iter().find(is_loader))
}

/// Returns the paths of what the loader loads, programs or libraries. The others are scripts.
fn binaries(folder: &Path, programs: &[&str]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for program in programs {
        let path = folder.join(program);
        let files = if path.is_dir() { entries(&path) } else { vec![path] };
        for file in files {
            let mut start = [0; 4];
            let read = File::open(&file).and_then(|mut file| file.read_exact(&mut start));
            read.map_err(|error| Failure::new(format!("{} cannot be read: {error}", file.display())))?;
            if start == *b"\x7fELF" {
                found.push(file.display().to_string());
            }
        }
    }
    Ok(found)
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect()
}
