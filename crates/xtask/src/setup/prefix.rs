mod mirror;
mod programs;

use std::fs;
use std::path::{Path, PathBuf};

use super::debian;
use crate::failure::{Failure, Result};
use crate::process::Invocation;
use crate::workspace;

/// A package of some Debian suite, unpacked into a folder of its own with all that it depends on, the C library too.
///
/// The machine's own packages are not touched, nothing is started, and no right of root is needed. Which version comes
/// is the suite's to say: the newest that it has.
pub(super) struct Prefix {
    /// The name of the folder, among the tools.
    pub(super) name: &'static str,
    pub(super) suite: &'static str,
    pub(super) package: &'static str,
    /// The programs that are run from it, or folders of them; first the one that tells its version.
    pub(super) programs: &'static [&'static str],
    /// Folders of libraries of the package's own, beside those where Debian has all others.
    pub(super) libraries: &'static [&'static str],
}

impl Prefix {
    /// Returns which version is installed, and where.
    pub(super) fn find(&self) -> Option<String> {
        let folder = self.folder();
        let receipt = fs::read_to_string(self.receipt()).ok()?;
        let (version, of) = receipt.split_once('\n')?;
        (of == self.identity() && folder.join(self.programs[0]).is_file())
            .then(|| format!("{version}, in {}", folder.display()))
    }

    /// Downloads, unpacks and tries it. What was downloaded before an interruption is not downloaded again.
    ///
    /// # Errors
    ///
    /// Reports what could not be downloaded, unpacked or run.
    pub(super) fn install(&self) -> Result {
        debian::need_apt(self.package)?;
        let apt = self.apt();
        self.prepare(&apt)?;
        self.apt_get(&apt, &["update"]).run().map_err(|failure| self.not_downloaded(failure))?;
        let download = ["install", "--yes", "--download-only", self.package, "patchelf"];
        self.apt_get(&apt, &download).run().map_err(|failure| self.not_downloaded(failure))?;
        self.unpack(&apt.join("archives"))?;
        programs::run_from(&self.folder(), self.programs, self.libraries)?;
        let version = self.version()?;
        fs::remove_dir_all(&apt).map_err(|error| unwritable(&apt, &error))?;
        let receipt = self.receipt();
        fs::write(&receipt, format!("{version}\n{}", self.identity())).map_err(|error| unwritable(&receipt, &error))
    }

    fn folder(&self) -> PathBuf {
        workspace::tools_dir().join(self.name)
    }

    /// Holds the version and the identity, written last.
    fn receipt(&self) -> PathBuf {
        self.folder().join("receipt.txt")
    }

    /// What was asked for, and where: its programs know the folder by its path, so that it cannot be moved.
    fn identity(&self) -> String {
        format!("{} of {}\n{}\n{}\n", self.package, self.suite, self.programs.join(" "), self.folder().display())
    }

    /// Where apt keeps what it knows of the suite, apart from what it knows of this machine.
    fn apt(&self) -> PathBuf {
        workspace::tools_dir().join(format!("{}.apt", self.name))
    }

    fn prepare(&self, apt: &Path) -> Result {
        for folder in ["etc/preferences.d", "state/lists/partial", "archives/partial"] {
            let folder = apt.join(folder);
            fs::create_dir_all(&folder).map_err(|error| unwritable(&folder, &error))?;
        }
        let source = format!("deb [signed-by={}] {} {} main\n", mirror::KEYRING, mirror::find()?, self.suite);
        // Nothing is installed yet, so that all dependencies come.
        for (file, text) in [("etc/sources.list", source.as_str()), ("state/status", "")] {
            let file = apt.join(file);
            fs::write(&file, text).map_err(|error| unwritable(&file, &error))?;
        }
        Ok(())
    }

    fn apt_get(&self, apt: &Path, arguments: &[&str]) -> Invocation {
        let apt = apt.display();
        let options = [
            format!("Dir::Etc={apt}/etc"),
            format!("Dir::Etc::sourcelist={apt}/etc/sources.list"),
            "Dir::Etc::sourceparts=/dev/null".to_owned(),
            format!("Dir::State={apt}/state"),
            format!("Dir::State::status={apt}/state/status"),
            format!("Dir::Cache={apt}"),
            format!("Dir::Cache::archives={apt}/archives"),
            "APT::Install-Recommends=false".to_owned(),
            // The user that apt downloads as may be kept out of the target directory.
            "APT::Sandbox::User=root".to_owned(),
            // The copy of a suite that a mirror has of long ago is as good.
            "Acquire::Check-Valid-Until=false".to_owned(),
            // Descriptions in other languages, and icons.
            "Acquire::Languages=none".to_owned(),
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false".to_owned(),
        ];
        let options = options.into_iter().flat_map(|option| ["-o".to_owned(), option]);
        Invocation::new("apt-get", ["-qq"]).with(options).with(arguments.iter().copied())
    }

    fn not_downloaded(&self, failure: Failure) -> Failure {
        failure.of(&format!("{} of Debian {} could not be downloaded", self.package, self.suite)).next(format!(
            "apt says why above. If the mirror has no such suite, name one that has it in {}",
            mirror::VARIABLE
        ))
    }

    fn unpack(&self, archives: &Path) -> Result {
        let folder = self.folder();
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(|error| unwritable(&folder, &error))?;
        }
        let entries = fs::read_dir(archives).map_err(|error| unwritable(archives, &error))?;
        let mut packages: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        packages.retain(|path| path.extension().is_some_and(|extension| extension == "deb"));
        for package in packages {
            let words = ["--extract".to_owned(), package.display().to_string(), folder.display().to_string()];
            Invocation::new("dpkg-deb", words).run()?;
        }
        Ok(())
    }

    /// Runs the first program, which says its version.
    fn version(&self) -> Result<String> {
        let program = self.folder().join(self.programs[0]);
        let version = Invocation::new(program.display().to_string(), ["--version"]).output().ok_or_else(|| {
            Failure::new(format!("{} of Debian {} does not run on this machine", self.package, self.suite))
                .next(format!("See what it says:\n    {} --version", program.display()))
        })?;
        // MySQL and MariaDB begin with the path by which they were called.
        let path = program.display().to_string();
        Ok(version.lines().next().unwrap_or_default().replace(&path, self.package).trim().to_owned())
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("{} cannot be written: {error}", path.display()))
        .next("Remove the folder and try again, or name another target directory in CARGO_TARGET_DIR")
}
