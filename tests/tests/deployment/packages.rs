//! What `cargo xtask package` left in `dist/`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Cursor, Read};
use std::path::PathBuf;

use fourstep_test_servers::tools::skip;
use serde_json::{Value, json};
use zip::ZipArchive;

use crate::template::{functions, json_of, path, template};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// This machine's processor, as Lambda spells it: its zips can be run here.
pub(crate) const HERE: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };

/// What a zip may be, in bytes.
const LARGEST: usize = 4 << 20;

/// Returns the folder. `None`: nothing was packaged, and the test is skipped, which fails where `CI` is set.
pub(crate) fn dist() -> Option<PathBuf> {
    let dist = path("dist");
    if dist.join("SHA256SUMS").exists() {
        return Some(dist);
    }
    skip("nothing is in dist/; `cargo xtask package` builds it");
    None
}

pub(crate) fn zip_name(binary: &str) -> String {
    format!("{binary}-{VERSION}-{HERE}.zip")
}

fn zips() -> Option<BTreeMap<String, Vec<u8>>> {
    let dist = dist()?;
    let binaries = functions(&template()).into_iter().map(|function| function.binary);
    Some(binaries.map(|binary| (binary.clone(), fs::read(dist.join(zip_name(&binary))).unwrap())).collect())
}

#[test]
fn a_zip_holds_the_bootstrap_alone_and_is_small() {
    for (binary, zip) in zips().into_iter().flatten() {
        let size = zip.len();
        let mut archive = ZipArchive::new(Cursor::new(zip)).unwrap();
        assert_eq!(archive.file_names().map(Result::unwrap).collect::<Vec<_>>(), ["bootstrap"], "{binary}");
        let bootstrap = archive.by_name("bootstrap").unwrap();
        assert_eq!(bootstrap.unix_mode().map(|mode| mode & 0o777), Some(0o755), "{binary}");
        assert!(size <= LARGEST, "{binary}: {size} bytes");
    }
}

#[test]
fn a_function_runs_with_the_glibc_of_amazon_linux_2023() {
    for (binary, zip) in zips().into_iter().flatten() {
        let mut bootstrap = Vec::new();
        ZipArchive::new(Cursor::new(zip)).unwrap().by_name("bootstrap").unwrap().read_to_end(&mut bootstrap).unwrap();
        let versions = glibc_versions(&bootstrap);
        assert!(
            versions.contains(&(2, 34)) && versions.iter().all(|version| *version <= (2, 34)),
            "{binary}: {versions:?}"
        );
    }
}

/// Returns the versions of glibc whose symbols a program needs: their names stand in it as `GLIBC_2.34`.
fn glibc_versions(program: &[u8]) -> BTreeSet<(u32, u32)> {
    const NAME: &[u8] = b"\0GLIBC_";
    let starts = (0..program.len()).filter(|start| program[*start..].starts_with(NAME));
    let versions = starts.filter_map(|start| {
        let rest = &program[start + NAME.len()..];
        let end = rest.iter().position(|byte| *byte == 0)?;
        let mut numbers = std::str::from_utf8(&rest[..end]).ok()?.split('.').map(str::parse);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    });
    versions.collect()
}

#[test]
fn the_parts_of_a_function_are_listed() {
    let Some(dist) = dist() else { return };
    for function in functions(&template()) {
        let file = dist.join(zip_name(&function.binary)).with_extension("cdx.json");
        let parts: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        assert_eq!(parts["bomFormat"], "CycloneDX");
        assert_eq!(parts["metadata"]["component"]["name"], function.binary.as_str());
        let names: Vec<_> =
            parts["components"].as_array().unwrap().iter().map(|part| part["name"].as_str().unwrap()).collect();
        for name in ["fourstep", "rustls", "ring", "tokio"] {
            assert!(names.contains(&name), "{}: {names:?}", function.binary);
        }
    }
}

#[test]
fn the_template_of_the_zips_differs_in_code_and_processor_alone() {
    let Some(dist) = dist() else { return };
    let mut expected = template();
    for function in functions(&expected) {
        let id = format!("{}Function", function.name);
        expected["Resources"][id]["Properties"]["CodeUri"] = zip_name(&function.binary).into();
    }
    expected["Globals"]["Function"]["Architectures"] = json!([HERE]);
    expected["Parameters"].as_object_mut().unwrap().remove("Architecture").unwrap();
    let groups = expected["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"].as_array_mut().unwrap();
    groups
        .iter_mut()
        .for_each(|group| group["Parameters"].as_array_mut().unwrap().retain(|name| name != "Architecture"));
    let text = fs::read_to_string(dist.join(format!("template-{HERE}.yaml"))).unwrap();
    assert_eq!(json_of(&text), expected);
}
