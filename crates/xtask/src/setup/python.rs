use std::fs;
use std::path::{Path, PathBuf};

use super::{Need, debian};
use crate::failure::{Failure, Result};
use crate::process::Invocation;
use crate::workspace;

pub(super) const MOTO: Need = Need {
    name: "moto",
    why: "emulates Secrets Manager too, and ours is compared to it; in Python",
    find: || MOTO_ENVIRONMENT.installed(),
    install: || MOTO_ENVIRONMENT.install(),
};

pub(super) const JUPYTERHUB: Need = Need {
    name: "JupyterHub",
    why: "a real service whose tokens are rotated by the tests; in Python",
    find: || JUPYTERHUB_ENVIRONMENT.installed(),
    install: || JUPYTERHUB_ENVIRONMENT.install(),
};

pub(super) const SAM: Need = Need {
    name: "AWS SAM",
    why: "validates the template, with cfn-lint; in Python",
    find: || SAM_ENVIRONMENT.installed(),
    install: || SAM_ENVIRONMENT.install(),
};

pub(super) const CHECKOV: Need = Need {
    name: "checkov",
    why: "judges the template's policies; in Python",
    find: || CHECKOV_ENVIRONMENT.installed(),
    install: || CHECKOV_ENVIRONMENT.install(),
};

pub(super) const ZIZMOR: Need = Need {
    name: "zizmor",
    why: "judges the workflows of GitHub; from Python's index",
    find: || ZIZMOR_ENVIRONMENT.installed(),
    install: || ZIZMOR_ENVIRONMENT.install(),
};

pub(super) const HCL: Need = Need {
    name: "python-hcl2",
    why: "parses the example for Terraform; in Python",
    find: || HCL_ENVIRONMENT.installed(),
    install: || HCL_ENVIRONMENT.install(),
};

pub(super) const MINISTACK: Need = Need {
    name: "ministack",
    why: "emulates CloudFormation and Lambda, on which the tests deploy the template; in Python",
    find: || MINISTACK_ENVIRONMENT.installed(),
    install: || MINISTACK_ENVIRONMENT.install(),
};

pub(super) const CARGO_LAMBDA: Need = Need {
    name: "cargo-lambda",
    why: "builds functions for Amazon Linux 2023, with the linker of Zig; in Python",
    find: || CARGO_LAMBDA_ENVIRONMENT.installed(),
    install: || CARGO_LAMBDA_ENVIRONMENT.install(),
};

const SAM_ENVIRONMENT: Environment =
    Environment { name: "sam", program: "bin/sam", requirements: include_str!("sam.txt") };

const CHECKOV_ENVIRONMENT: Environment =
    Environment { name: "checkov", program: "bin/checkov", requirements: include_str!("checkov.txt") };

const ZIZMOR_ENVIRONMENT: Environment =
    Environment { name: "zizmor", program: "bin/zizmor", requirements: include_str!("zizmor.txt") };

const HCL_ENVIRONMENT: Environment =
    Environment { name: "python-hcl2", program: "bin/hcl2tojson", requirements: include_str!("python-hcl2.txt") };

const MINISTACK_ENVIRONMENT: Environment =
    Environment { name: "ministack", program: "bin/ministack", requirements: include_str!("ministack.txt") };

const CARGO_LAMBDA_ENVIRONMENT: Environment =
    Environment { name: "cargo-lambda", program: "bin/cargo-lambda", requirements: include_str!("cargo-lambda.txt") };

const MOTO_ENVIRONMENT: Environment =
    Environment { name: "moto", program: "bin/moto_server", requirements: include_str!("moto.txt") };

const JUPYTERHUB_ENVIRONMENT: Environment =
    Environment { name: "jupyterhub", program: "bin/jupyterhub", requirements: include_str!("jupyterhub.txt") };

/// Returns PATH with cargo-lambda and its linker in front.
pub(crate) fn path_of_lambda_tools() -> String {
    let folder = CARGO_LAMBDA_ENVIRONMENT.folder().join("bin");
    format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default())
}

/// Returns a program of one of the environments. That of SAM has cfn-lint too.
pub(crate) fn program(environment: &str, name: &str) -> String {
    workspace::tools_dir().join(environment).join("bin").join(name).display().to_string()
}

/// A virtual environment of Python, in a folder of its own among the tools.
struct Environment {
    name: &'static str,
    program: &'static str,
    /// Every package of the environment, with its version.
    requirements: &'static str,
}

impl Environment {
    fn folder(&self) -> PathBuf {
        workspace::tools_dir().join(self.name)
    }

    /// Holds the identity of the environment as it was installed, written last.
    fn receipt(&self) -> PathBuf {
        self.folder().join("receipt.txt")
    }

    /// Records what is installed, and where: the programs name their interpreter by its full path, so an environment that
    /// was copied or moved is of no use.
    fn identity(&self) -> String {
        format!("{}\n{}", self.folder().display(), self.requirements)
    }

    fn installed(&self) -> Option<String> {
        let same = fs::read_to_string(self.receipt()).is_ok_and(|receipt| receipt == self.identity());
        let folder = self.folder();
        // The interpreter is a link to the Python that made the environment, which may have gone since.
        let complete = [self.program, "bin/python"].iter().all(|program| folder.join(program).is_file());
        (same && complete).then(|| folder.display().to_string())
    }

    fn install(&self) -> Result {
        let folder = self.folder();
        make_environment(&folder)?;
        let wanted = folder.join("wanted.txt");
        write(&wanted, self.requirements)?;
        let python = folder.join("bin/python");
        let arguments =
            ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", &text(&wanted)?];
        Invocation::new(text(&python)?, arguments).run()?;
        write(&self.receipt(), &self.identity())
    }
}

/// Creates an empty environment. Debian keeps a part of `venv` in a package of its own.
fn make_environment(folder: &Path) -> Result {
    let make = Invocation::new("python3", ["-m", "venv", "--clear", &text(folder)?]);
    if make.output().is_some() {
        return Ok(());
    }
    debian::install(&["python3-venv"])?;
    make.run()
}

fn text(path: &Path) -> Result<String> {
    let path = path.to_str().map(str::to_owned);
    path.ok_or_else(|| Failure::new("the target directory has a name that is not Unicode; set CARGO_TARGET_DIR"))
}

fn write(path: &Path, text: &str) -> Result {
    fs::write(path, text).map_err(|error| Failure::new(format!("{} cannot be written: {error}", path.display())))
}
