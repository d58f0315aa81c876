/// Names that a function's owner lists, each as it is or with `*` for any characters, also none, and `?` for one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patterns(Vec<String>);

impl Patterns {
    /// Reads patterns that commas separate. `None`: one is empty or holds a control character.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let patterns = value.split(',').map(str::trim);
        let valid = |pattern: &str| !pattern.is_empty() && !pattern.chars().any(char::is_control);
        patterns.map(|pattern| valid(pattern).then(|| pattern.to_owned())).collect::<Option<_>>().map(Self)
    }

    /// Returns whether a name, as a whole, is listed.
    #[must_use]
    pub fn list(&self, name: &str) -> bool {
        self.0.iter().any(|pattern| is_like(name, pattern))
    }

    /// Returns whether a name is listed that begins with this one and has as many characters more.
    pub(crate) fn list_longer(&self, name: &str, more: usize) -> bool {
        self.0.iter().any(|pattern| {
            pattern.strip_prefix(name).is_some_and(|rest| rest.chars().count() == more && !rest.contains('*'))
        })
    }

    /// Returns whether nothing is listed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Display for Patterns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

/// Compares in time that grows with the product of both lengths at the most: whoever writes a secret chooses `name`.
fn is_like(name: &str, pattern: &str) -> bool {
    let (name, pattern): (Vec<char>, Vec<char>) = (name.chars().collect(), pattern.chars().collect());
    let (mut at, mut in_pattern) = (0, 0);
    // Where the last star is, and how much of the name it covers so far.
    let mut star = None;
    while at < name.len() {
        match pattern.get(in_pattern) {
            Some('*') => {
                star = Some((in_pattern, at));
                in_pattern += 1;
            }
            Some(sign) if *sign == '?' || *sign == name[at] => (at, in_pattern) = (at + 1, in_pattern + 1),
            _ => {
                let Some((of_star, covered)) = star else { return false };
                star = Some((of_star, covered + 1));
                (at, in_pattern) = (covered + 1, of_star + 1);
            }
        }
    }
    pattern[in_pattern..].iter().all(|sign| *sign == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_covers_whole_names() {
        for (pattern, name, covers) in [
            ("app", "app", true),
            ("app", "app2", false),
            ("app", "my-app", false),
            ("app*", "app", true),
            ("app*", "app/one", true),
            ("*app", "my-app", true),
            ("*", "", true),
            ("a*b*c", "abc", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "acb", false),
            ("a*a", "a", false),
            ("ab*ba", "aba", false),
            ("**", "x", true),
            ("App", "app", false),
            ("app-??????", "app-AbCdEf", true),
            ("app-??????", "app-AbCdE", false),
            ("?*", "", false),
            ("größ?", "größe", true),
        ] {
            assert_eq!(is_like(name, pattern), covers, "{pattern} {name}");
        }
    }

    #[test]
    fn patterns_are_separated_by_commas_and_none_is_empty() {
        let patterns = Patterns::parse("one, two*").unwrap();
        assert!(patterns.list("one") && patterns.list("two three") && !patterns.list("on"));
        assert_eq!(patterns.to_string(), "one, two*");
        for value in ["", "one,", ",one", "one,,two", "o\nne"] {
            assert_eq!(Patterns::parse(value), None, "{value:?}");
        }
        assert!(!Patterns::default().list(""));
    }
}
