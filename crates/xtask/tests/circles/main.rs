//! How the files of a published crate may use each other: never in a circle, and never through the crate's root.
//!
//! So each file can be read and tested with nothing but the files below it. The sources are parsed, not compiled, so two
//! uses go unseen: calls of methods that one file adds to another's type, and macros that are called without a path.

mod attributes;
mod circle;
mod edges;
mod published;
mod read;
mod resolve;
mod small_crates;
mod tokens;
mod tree;

use crate::circle::circles;
use crate::edges::{edges, from_root};
use crate::published::published;
use crate::read::read;
use crate::tree::Tree;

#[test]
fn no_files_of_a_published_crate_use_each_other_in_a_circle() {
    let found: String = trees()
        .flat_map(|(package, tree)| {
            circles(&edges(&tree)).into_iter().map(move |circle| format!("{package}: {circle}\n"))
        })
        .collect();
    assert!(
        found.is_empty(),
        "\n{found}To break a circle, move what both files need into a file below both. A parent file may define the types \
         that its children use, or call its children, but not both.\n"
    );
}

#[test]
fn no_file_of_a_published_crate_uses_what_its_root_re_exports() {
    let found: String = trees()
        .flat_map(|(_, tree)| from_root(&tree))
        .map(|it| format!("{}:{}: {}\n    write {}\n", it.file, it.place.line, it.place.text, it.instead))
        .collect();
    assert!(
        found.is_empty(),
        "\n{found}The root re-exports names for other crates. Inside the crate, name the module that defines the thing, so \
         that each `use` shows which file it depends on.\n"
    );
}

fn trees() -> impl Iterator<Item = (String, Tree)> {
    published().into_iter().flat_map(|package| {
        let trees: Vec<_> = package.roots.iter().map(|root| read(&package.sources, root)).collect();
        trees.into_iter().map(move |tree| (package.name.clone(), tree))
    })
}

/// Strangers build on these names, so that each new one is a promise.
#[test]
fn the_root_of_core_has_at_most_35_names() {
    let core = published().into_iter().find(|package| package.name == "fourstep").expect("core is published");
    let root = &core.sources[&core.roots[0]];
    let public = root.lines().filter_map(|line| line.strip_prefix("pub "));
    let names = public.map(|item| match item.split_once('{') {
        Some((_, list)) => list.split(',').count(),
        None => 1,
    });
    // And the macro `settings!`.
    let count = names.sum::<usize>() + 1;
    assert!((20..=35).contains(&count), "{count} names");
}

/// The text of an event is its field `message`: in a line of JSON, another one of that name would stand beside it.
#[test]
fn no_event_has_a_second_message() {
    let mut found = Vec::new();
    for package in published() {
        for (file, text) in &package.sources {
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            let named = code.lines().filter(|line| line.contains("message = %") || line.contains("message = ?"));
            found.extend(named.map(|line| format!("{file}: {}", line.trim())));
        }
    }
    assert!(found.is_empty(), "call the field `reason`:\n{}", found.join("\n"));
}

#[test]
fn the_published_crates_are_found() {
    let names: Vec<_> = published().into_iter().map(|package| package.name).collect();
    assert!(
        names.iter().any(|name| name == "fourstep") && names.iter().any(|name| name == "fourstep-cli"),
        "{names:?}"
    );
    assert!(!names.iter().any(|name| name == "xtask" || name == "fourstep-testkit"), "{names:?}");
    assert!(trees().all(|(_, tree)| tree.modules.len() > 1));
}
