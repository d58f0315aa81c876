/// Returns a text as it may stand in a command that is advised, or `otherwise`. Whoever writes a secret chooses its name, the
/// ids of its versions and the names in its value: nothing of them is to run when an operator pastes the command.
pub(crate) fn argument<'a>(text: &'a str, otherwise: &'a str) -> &'a str {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+=.@:-".contains(&byte);
    // An option; and what zsh replaces by the path of a program.
    let special = text.is_empty() || text.starts_with(['-', '=']);
    if !special && text.bytes().all(plain) { text } else { otherwise }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_runs_when_the_command_is_pasted() {
        for plain in ["app", "prod/db_1", "0a-1B", "user@host", "arn:aws:secretsmanager:eu:1:secret:app-AbCdEf"] {
            assert_eq!(argument(plain, "NAME"), plain);
        }
        for odd in
            ["", "-x", "--endpoint-url=mine", "=ls", "a b", "app'; id; '", "$(id)", "a\nid", "gr\u{f6}\u{df}e", "a\\"]
        {
            assert_eq!(argument(odd, "NAME"), "NAME", "{odd:?}");
        }
    }
}
