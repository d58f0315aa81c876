mod architecture;
mod archive;
mod parts;
mod template;

use std::fs;
use std::path::{Path, PathBuf};

pub(crate) use architecture::Architecture;

use crate::failure::{Failure, Result};
use crate::process::Invocation;
use crate::{setup, terminal, workspace};

/// The functions, each a package and a binary of this name.
pub(crate) const FUNCTIONS: [&str; 4] = ["rotate-api-key", "rotate-mysql", "rotate-postgres", "rotate-ssh"];

/// The version of every package.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Which processors to package for.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Options {
    /// For this processor alone. Without it, for each whose standard library is installed
    #[arg(long, value_enum)]
    architecture: Option<Architecture>,
}

impl Options {
    /// For this machine alone: what can be run here.
    pub(crate) fn here() -> Self {
        Self { architecture: Some(Architecture::HERE) }
    }
}

/// Builds the functions as they are released, into `dist/`: a zip, a list of parts and a template for each processor.
///
/// # Errors
///
/// If a tool is missing, the build fails, or the standard library of the processor that is asked for is missing.
pub(crate) fn run(options: &Options) -> Result {
    setup::run_for_packages()?;
    let dist = workspace::root().join("dist");
    if dist.exists() {
        fs::remove_dir_all(&dist).map_err(|error| cannot("emptied", &dist, &error))?;
    }
    into(&workspace::root(), &dist, options)
}

/// Packages twice, from two copies of what is committed in two folders, and compares the files byte by byte.
///
/// # Errors
///
/// If a file differs, or something is not committed.
pub(crate) fn verify(options: &Options) -> Result {
    setup::run_for_packages()?;
    let base = workspace::target_dir().join("verify-release");
    if base.exists() {
        fs::remove_dir_all(&base).map_err(|error| cannot("emptied", &base, &error))?;
    }
    let mut lists = Vec::new();
    for name in ["one", "another-folder"] {
        let copy = base.join(name);
        let arguments = ["clone", "--quiet", "--no-hardlinks", &text(&workspace::root())?, &text(&copy)?];
        Invocation::new("git", arguments).run()?;
        let dist = copy.join("dist");
        into(&copy, &dist, options)?;
        lists.push(read(&dist.join("SHA256SUMS"))?);
    }
    if lists[0] != lists[1] {
        return Err(Failure::new("two builds of one commit differ").next(format!("{}\n{}", lists[0], lists[1])));
    }
    terminal::line(format_args!("\nTwo builds in two folders are equal, byte by byte:\n{}", lists[0]));
    Ok(())
}

/// Packages the workspace in `root`.
fn into(root: &Path, dist: &Path, options: &Options) -> Result {
    fs::create_dir_all(dist).map_err(|error| cannot("made", dist, &error))?;
    let architectures = match options.architecture {
        Some(architecture) => {
            architecture.require()?;
            vec![architecture]
        }
        None => Architecture::installed(),
    };
    for architecture in architectures {
        build(root, architecture)?;
        for function in FUNCTIONS {
            let name = format!("{function}-{VERSION}-{}", architecture.name());
            let binary = built(root, function);
            let zip = dist.join(format!("{name}.zip"));
            archive::write(&zip, &binary)?;
            let count = parts::write(&dist.join(format!("{name}.cdx.json")), &binary)?;
            let size = fs::metadata(&zip).map_err(|error| cannot("read", &zip, &error))?.len();
            terminal::item("packaged", format_args!("{name}.zip: {size} bytes, {count} parts"));
        }
        let path = dist.join(format!("template-{}.yaml", architecture.name()));
        let own = read(&root.join("template.yaml"))?;
        fs::write(&path, template::for_zips(&own, architecture)?).map_err(|error| cannot("written", &path, &error))?;
        terminal::item("packaged", format_args!("template-{}.yaml", architecture.name()));
    }
    archive::write_sums(dist)
}

/// Returns the options of cargo that choose the functions.
pub(crate) fn selection() -> String {
    FUNCTIONS.map(|name| format!("--package {name} --bin {name}")).join(" ")
}

fn build(root: &Path, architecture: Architecture) -> Result {
    let packages = selection();
    // A folder, and so a path in a message of a panic, must not make one machine's build differ from another's.
    let home = std::env::var("CARGO_HOME").or_else(|_| std::env::var("HOME").map(|home| format!("{home}/.cargo")));
    let home = home.map_err(|_| Failure::new("neither CARGO_HOME nor HOME is set"))?;
    // Cargo gives the workspace's own files by relative paths. So the flags are the same for each clone, and what an
    // earlier one built in the same folder is used again.
    let built = text(&target(root))?;
    let flags = format!("--remap-path-prefix={built}=/target --remap-path-prefix={home}=/cargo");
    let build = Invocation::cargo(&format!("auditable lambda build --release --locked {packages}"))
        .with(["--target", architecture.target(), "--manifest-path", &text(&root.join("Cargo.toml"))?])
        .with(["--lambda-dir", &text(&lambda(root))?])
        .variable("CARGO_TARGET_DIR", text(&target(root))?)
        .variable("RUSTFLAGS", flags)
        .variable("PATH", setup::path_of_lambda_tools());
    terminal::announce("build", &build.to_string());
    build.run()
}

/// Returns where cargo builds: for this workspace where it always does, for a copy within it.
fn target(root: &Path) -> PathBuf {
    if root == workspace::root() { workspace::target_dir() } else { root.join("target") }
}

fn lambda(root: &Path) -> PathBuf {
    target(root).join("lambda")
}

fn built(root: &Path, function: &str) -> PathBuf {
    lambda(root).join(function).join("bootstrap")
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|error| cannot("read", path, &error))
}

fn cannot(what: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("{} cannot be {what}: {error}", path.display()))
}

fn text(path: &Path) -> Result<String> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| Failure::new(format!("{} has a name that is not Unicode", path.display())))
}
