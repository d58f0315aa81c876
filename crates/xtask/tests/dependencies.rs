//! What each function is built from.

use std::path::Path;
use std::process::Command;

/// Returns the packages that a package is built from, without those of its tests.
fn tree_of(package: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let arguments = ["tree", "--offline", "--locked", "--edges", "normal", "--prefix", "none", "--package", package];
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(root).output().expect("cargo runs");
    let (found, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && found.starts_with(package), "{said}");
    found.into_owned()
}

#[test]
fn only_the_functions_of_databases_link_amazon_rds() {
    for (package, links) in
        [("rotate-postgres", true), ("rotate-mysql", true), ("rotate-ssh", false), ("rotate-api-key", false)]
    {
        assert_eq!(tree_of(package).contains("\naws-sdk-rds "), links, "{package}");
    }
}

#[test]
fn core_knows_no_aws_no_tls_and_no_driver() {
    let tree = tree_of("fourstep");
    for part in ["aws-", "rustls", "sqlx", "hyper", "russh", "reqwest"] {
        assert!(tree.lines().all(|line| !line.starts_with(part)), "{part} is in:\n{tree}");
    }
}
