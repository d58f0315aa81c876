use crate::failure::{Failure, Result};
use crate::package::{Architecture, FUNCTIONS};
use crate::process::Invocation;
use crate::{setup, terminal, workspace};

/// Builds the functions from source by `sam build`, as somebody does who deploys a clone, and without the network.
///
/// It takes long, since SAM builds each function apart. With the variable `SAM_BUILD_MODE=debug`, which is SAM's own, the
/// functions are not optimized.
///
/// # Errors
///
/// If a tool is missing, the build fails, or a function is not there after it.
pub(crate) fn run() -> Result {
    setup::run_for_sam()?;
    let built = workspace::target_dir().join("sam-build");
    let place = built.to_str().ok_or_else(|| Failure::new("the target directory has a name that is not Unicode"))?;
    let build = Invocation::new(setup::program("sam", "sam"), ["build", "--template-file", "template.yaml"])
        .with(["--build-dir", place, "--region", "eu-central-1"])
        .with(["--parameter-overrides", &format!("Architecture={}", Architecture::HERE.name())])
        .variable("CARGO_TARGET_DIR", workspace::target_dir().display().to_string())
        .variable("CARGO_NET_OFFLINE", "true")
        .variable("SAM_CLI_TELEMETRY", "0")
        .variable("PATH", setup::path_of_lambda_tools());
    terminal::announce("sam build", &build.to_string());
    build.run()?;
    for function in FUNCTIONS {
        let bootstrap = built.join(logical_id(function)).join("bootstrap");
        let missing = |error: std::io::Error| Failure::new(format!("{} is not there: {error}", bootstrap.display()));
        let size = bootstrap.metadata().map_err(missing)?.len();
        terminal::item("built", format_args!("{function}: {size} bytes"));
    }
    Ok(())
}

/// Returns a function's name in the template: `ApiKeyFunction` for `rotate-api-key`.
fn logical_id(function: &str) -> String {
    let words = function.split('-').skip(1).map(|word| word[..1].to_uppercase() + &word[1..]);
    words.collect::<String>() + "Function"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_has_the_functions_by_these_names() {
        let template = include_str!("../../../template.yaml");
        for function in FUNCTIONS {
            assert!(template.contains(&format!("\n  {}:\n", logical_id(function))), "{function}");
        }
    }
}
