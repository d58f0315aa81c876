//! The program that hosts run.

macro_rules! script {
    () => {
        concat!(
            include_str!("script/shared.sh"),
            "keys='",
            include_str!("script/keys.awk"),
            "'\n\n",
            include_str!("script/file.sh"),
            include_str!("script/host.sh")
        )
    };
}

/// The text of the program that edits `authorized_keys`, the same for both transports. It takes all that it is told from
/// variables.
pub const SCRIPT: &str = script!();

/// The text that the template's document of Systems Manager runs: its parameters, given to [`SCRIPT`].
pub const DOCUMENT: &str = concat!(include_str!("script/document.sh"), script!(), "END_OF_SCRIPT\n");

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::Path;
    use std::process::{Command, Stdio};

    use fourstep_test_servers::tools::skip;

    use super::*;

    #[test]
    fn the_program_of_awk_fits_between_quotes_and_nothing_is_a_parameter_of_systems_manager() {
        assert!(!include_str!("script/keys.awk").contains('\''));
        assert!(!SCRIPT.contains("{{") && !SCRIPT.contains("END_OF_SCRIPT"));
    }

    #[test]
    fn shellcheck_finds_nothing() {
        let shellcheck = Path::new("/usr/bin/shellcheck");
        if !shellcheck.exists() {
            return skip("ShellCheck is not installed; `cargo xtask setup` installs it");
        }
        for text in [SCRIPT.to_owned(), format!("named_users=x\n{}", DOCUMENT.replace("{{ ", "").replace(" }}", ""))] {
            let mut child = Command::new(shellcheck)
                .args(["--shell=sh", "-"])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        }
    }
}
