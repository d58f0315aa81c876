/// Writes a name as an argument of a command that is advised: whoever wrote the name, nothing of it runs when the command
/// is pasted into a shell. It is the last of the options' side: what follows it is no option.
///
/// A name of the characters that Secrets Manager allows stays as it is. Others are quoted; one that shells read in
/// different ways even then is left out, as `NAME`.
#[must_use]
pub fn argument(name: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "/_+=.@:-".contains(character);
    let printable = |character: char| character.is_ascii_graphic() || character == ' ';
    let end_of_options = if name.starts_with('-') { "-- " } else { "" };
    // zsh replaces a word that begins with `=` by the path of a program.
    if !name.is_empty() && !name.starts_with('=') && name.chars().all(plain) {
        format!("{end_of_options}{name}")
    } else if !name.is_empty() && name.chars().all(printable) && !name.contains(['\'', '\\']) {
        format!("{end_of_options}'{name}'")
    } else {
        "NAME".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_argument_in_every_shell() {
        for (name, written) in [
            ("app/db_1+2=3.4@5-6", "app/db_1+2=3.4@5-6"),
            (
                "arn:aws:secretsmanager:us-east-1:123456789012:secret:app-AbCdEf",
                "arn:aws:secretsmanager:us-east-1:123456789012:secret:app-AbCdEf",
            ),
            ("a b", "'a b'"),
            ("$(id)`id`;id|id&id>id\"!*~", "'$(id)`id`;id|id&id>id\"!*~'"),
            ("=ls", "'=ls'"),
            ("-x", "-- -x"),
            ("--x y", "-- '--x y'"),
            ("it's", "NAME"),
            ("a\\", "NAME"),
            ("a\nid", "NAME"),
            ("a\u{1b}[31m", "NAME"),
            ("a\u{202e}", "NAME"),
            ("", "NAME"),
        ] {
            assert_eq!(argument(name), written);
        }
    }
}
