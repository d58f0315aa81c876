/// Writes a text so that a terminal shows it and does nothing else: a character that would steer the terminal, begin a line,
/// turn the direction or be invisible is spelled out, such as `\u{1b}`.
///
/// What the owner of a secret wrote into a name, a label, the id of a version or a tag is in the results of this crate as it
/// is, and in the sentences of its errors. Pass each through this before you print it; JSON needs it not.
#[must_use]
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_unseen(character) {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Controls, ends of lines, and what Unicode says that nobody sees.
/// <https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point>
fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_or_is_unseen_is_spelled_out() {
        for (text, shown) in [
            ("\u{1b}[31mred", r"\u{1b}[31mred"),
            ("a\r\nb\tc", r"a\u{d}\u{a}b\u{9}c"),
            ("\u{9b}2J\u{7f}\0", r"\u{9b}2J\u{7f}\u{0}"),
            ("txt.\u{202e}exe", r"txt.\u{202e}exe"),
            ("\u{2066}a\u{2069}", r"\u{2066}a\u{2069}"),
            ("a\u{200b}b\u{feff}c\u{2028}d", r"a\u{200b}b\u{feff}c\u{2028}d"),
            ("\u{e0041}", r"\u{e0041}"),
        ] {
            assert_eq!(printable(text), shown);
        }
        for plain in ["app/db", "Schlüssel für Ödön", "鍵 №1", "=cmd|' /C calc'!A0 <script>"] {
            assert_eq!(printable(plain), plain);
        }
    }
}
