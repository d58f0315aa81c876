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

    /// One line for each thing that the program does with a line.
    #[test]
    fn gawk_finds_nothing_in_the_program_of_awk() {
        let gawk = Path::new("/usr/bin/gawk");
        if !gawk.exists() {
            return skip("gawk is not installed; `cargo xtask setup` installs it");
        }
        let [secret, before] = ["AbCdEf", "GhIjKl"]
            .map(|end| format!("arn:aws:secretsmanager:eu-central-1:123456789012:secret:app/ssh-{end}"));
        let key = |number: u8| format!("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA{number}");
        let file = [
            format!("# fourstep:{secret} generation 3"),
            format!("{} fourstep:{secret}:v1", key(1)),
            format!("{} fourstep:{secret}:v0", key(2)),
            format!("restrict,command=\"a \\\" b\" {} me\r", key(3)),
            format!("{} fourstep:{before}:v1", key(4)),
            format!("cert-authority {}", key(5)),
            format!("{} gone", key(6)),
            "no key".to_owned(),
            String::new(),
        ]
        .map(|line| line + "\n")
        .concat();
        let want = [1, 3, 7].map(|number| format!("{} fourstep:{secret}:v1", key(number))).join("\n");
        let gone = key(6).split(' ').nth(1).unwrap().to_owned();
        for input in [&*file, ""] {
            for (task, generation) in [("edit", "4"), ("edit", "2"), ("strip", "4"), ("look", "4"), ("earlier", "4")] {
                let mut child = Command::new(gawk)
                    .args(["--lint", include_str!("script/keys.awk")])
                    .envs([("task", task), ("generation", generation), ("secret", &secret)])
                    .envs([("want", &*want), ("gone", &gone)])
                    .stdin(Stdio::piped())
                    .stdout(Stdio::null())
                    .stderr(Stdio::piped())
                    .spawn()
                    .unwrap();
                child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
                let found = String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap();
                assert_eq!(found, "", "{task} {generation}");
            }
        }
    }
}
