use crate::identifier::{literal, quote};

/// The parameters whose values are lists of names, each quoted by the server where it needs to be: a value of the
/// catalog is not one text to set, but has to be taken apart. All other lists (`DateStyle`) are stored as they were set.
///
/// GUC_LIST_QUOTE in the server's `guc_tables.c`, which an extension may not use; the list of `pg_dump` is the same one
/// (`variable_is_guc_list_quote`).
const LISTS: [&str; 6] = [
    "local_preload_libraries",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "temp_tablespaces",
    "unix_socket_directories",
];

/// Quotes the name of a parameter, of which each part is a name by itself.
pub(crate) fn quote_parameter(name: &str) -> String {
    name.split('.').map(quote).collect::<Vec<_>>().join(".")
}

/// Returns a value of the catalog as what comes after `SET … TO`.
pub(crate) fn quote_value(name: &str, value: &str) -> String {
    let elements = if LISTS.contains(&name.to_lowercase().as_str()) { elements(value) } else { None };
    let Some(elements) = elements else { return literal(value) };
    elements.iter().map(|element| literal(element)).collect::<Vec<_>>().join(", ")
}

/// Splits a list of names. `None` if the text is not a list, or an empty one.
fn elements(list: &str) -> Option<Vec<String>> {
    let mut rest = list.trim();
    let mut elements = Vec::new();
    loop {
        let (element, after) =
            if let Some(quoted) = rest.strip_prefix('"') { quoted_element(quoted)? } else { plain_element(rest)? };
        elements.push(element);
        rest = after.trim_start();
        if rest.is_empty() {
            return Some(elements);
        }
        rest = rest.strip_prefix(',')?.trim_start();
    }
}

/// Reads up to the closing quote, where two quotes stand for one.
fn quoted_element(text: &str) -> Option<(String, &str)> {
    let mut element = String::new();
    let mut rest = text;
    loop {
        let (inside, after) = rest.split_once('"')?;
        element.push_str(inside);
        let Some(after_second) = after.strip_prefix('"') else { return Some((element, after)) };
        element.push('"');
        rest = after_second;
    }
}

fn plain_element(text: &str) -> Option<(String, &str)> {
    let end = text.find(|character: char| character == ',' || character.is_ascii_whitespace()).unwrap_or(text.len());
    let (element, rest) = text.split_at(end);
    (!element.is_empty()).then(|| (element.to_owned(), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_names_is_set_name_by_name() {
        for (stored, set) in [
            (r#""$user", public"#, "'$user', 'public'"),
            (r#""""#, "''"),
            (r#"a, "B ""c"", d", e"#, r#"'a', 'B "c", d', 'e'"#),
            (r#""it's""#, "'it''s'"),
        ] {
            assert_eq!(quote_value("search_path", stored), set);
        }
        assert_eq!(quote_value("DateStyle", "ISO, DMY"), "'ISO, DMY'");
    }

    #[test]
    fn what_is_no_list_is_one_text() {
        for value in ["", "a b", "\"a", "a,,b", "a,"] {
            assert_eq!(quote_value("search_path", value), literal(value));
        }
    }

    #[test]
    fn a_parameter_of_an_extension_has_a_name_of_two_parts() {
        assert_eq!(quote_parameter("myapp.user"), r#""myapp"."user""#);
        assert_eq!(quote_parameter("DateStyle"), r#""DateStyle""#);
    }
}
