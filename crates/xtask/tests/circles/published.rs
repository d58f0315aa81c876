use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

use toml::{Table, Value};

/// A crate that is published, with the texts of its files by their paths in the workspace.
pub(crate) struct Published {
    pub(crate) name: String,
    /// Its `lib.rs`, its `main.rs`, or both.
    pub(crate) roots: Vec<String>,
    pub(crate) sources: BTreeMap<String, String>,
}

/// Returns the crates of the workspace that are published.
pub(crate) fn published() -> Vec<Published> {
    let root = workspace();
    let manifest = manifest(&root);
    let members = manifest["workspace"]["members"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let folders = members.flat_map(|member| match member.strip_suffix("/*") {
        Some(parent) => entries(&root.join(parent)),
        None => vec![root.join(member)],
    });
    let mut found: Vec<_> = folders.filter_map(|folder| read(&root, &folder)).collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

fn workspace() -> PathBuf {
    // Cargo says at run time where this package is; the folder may have moved since it was built.
    let package = env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    package.ancestors().nth(2).expect("the package is two folders below the workspace").to_path_buf()
}

fn read(root: &Path, folder: &Path) -> Option<Published> {
    let manifest = manifest(folder);
    let package = &manifest["package"];
    if package.get("publish").and_then(Value::as_bool) == Some(false) {
        return None;
    }
    let mut sources = BTreeMap::new();
    add_sources(root, &folder.join("src"), &mut sources);
    let roots = sources.keys().filter(|file| file.ends_with("/src/lib.rs") || file.ends_with("/src/main.rs"));
    let name = package["name"].as_str().expect("a package has a name").to_owned();
    Some(Published { name, roots: roots.cloned().collect(), sources })
}

fn add_sources(root: &Path, folder: &Path, sources: &mut BTreeMap<String, String>) {
    for path in entries(folder) {
        if path.is_dir() {
            add_sources(root, &path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            sources.insert(name, text(&path));
        }
    }
}

fn manifest(folder: &Path) -> Table {
    let path = folder.join("Cargo.toml");
    text(&path).parse().unwrap_or_else(|error| panic!("{} cannot be read: {error}", path.display()))
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{} cannot be read: {error}", path.display()))
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{} cannot be read: {error}", folder.display()));
    entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
}
