use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::ext::IdentExt as _;
use syn::{Lit, parse_str};

use crate::tree::Path;

/// Returns the paths in the arguments of a macro or attribute: names joined by `::`, whatever the syntax around them.
pub(crate) fn paths_in(tokens: TokenStream) -> Vec<Path> {
    let mut found = Vec::new();
    let mut path: Vec<Ident> = Vec::new();
    let mut in_macro = false;
    // The signs since the last token of another kind.
    let mut signs = String::new();
    for token in tokens {
        if let TokenTree::Punct(sign) = token {
            signs.push(sign.as_char());
            continue;
        }
        if signs != "::" || !matches!(token, TokenTree::Ident(_)) {
            found.extend(end(&mut path, in_macro));
        }
        match token {
            TokenTree::Ident(name) => {
                let in_another_crate = signs.ends_with("::") && path.is_empty();
                let variable = signs.ends_with('$') && name != "crate";
                if !(in_another_crate || variable || signs == ".") {
                    if path.is_empty() {
                        in_macro = signs.ends_with('$');
                    }
                    path.push(name);
                }
            }
            TokenTree::Group(group) => found.extend(paths_in(group.stream())),
            _ => {}
        }
        signs.clear();
    }
    found.extend(end(&mut path, in_macro));
    found
}

/// Returns the paths that an attribute has as strings, as serde's name functions.
pub(crate) fn paths_in_strings(tokens: TokenStream) -> Vec<Path> {
    let paths = tokens.into_iter().flat_map(|token| match token {
        TokenTree::Group(group) => paths_in_strings(group.stream()),
        TokenTree::Literal(literal) => match Lit::new(literal) {
            Lit::Str(string) => {
                let path: Option<syn::Path> = parse_str(&string.value()).ok();
                path.map(|path| path_at(string.span().start().line, path.segments.iter().map(|it| &it.ident)))
                    .into_iter()
                    .collect()
            }
            _ => Vec::new(),
        },
        _ => Vec::new(),
    });
    // A single word may be a text like any other.
    paths.filter(|path| path.segments.len() > 1).collect()
}

/// Returns the path that has ended. One that a macro writes into other crates keeps its `$`.
fn end(path: &mut Vec<Ident>, in_macro: bool) -> Option<Path> {
    let line = path.first()?.span().start().line;
    let mut ended = path_at(line, path.iter());
    if in_macro {
        ended.text.insert(0, '$');
    }
    path.clear();
    Some(ended)
}

fn path_at<'a>(line: usize, names: impl Iterator<Item = &'a Ident>) -> Path {
    let segments: Vec<_> = names.map(|name| name.unraw().to_string()).collect();
    Path { text: segments.join("::"), segments, line }
}
