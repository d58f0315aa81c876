//! The checks, on crates of a few lines.

use std::collections::BTreeMap;

use crate::circle::{Circle, circles};
use crate::edges::{edges, from_root};
use crate::read::read;
use crate::tree::Tree;

/// Reads a crate from its files in `src`. The first is its root.
fn tree(files: &[(&str, &str)]) -> Tree {
    let sources: BTreeMap<_, _> =
        files.iter().map(|(file, text)| (format!("src/{file}"), (*text).to_owned())).collect();
    read(&sources, &format!("src/{}", files[0].0))
}

fn circles_of(files: &[(&str, &str)]) -> Vec<Circle> {
    circles(&edges(&tree(files)))
}

/// Returns the edges, each as `from -> to: line text`, with the files' names in `src`.
fn edges_of(files: &[(&str, &str)]) -> Vec<String> {
    let name = |file: &str| file.replace("src/", "");
    let edges = edges(&tree(files));
    let lines = edges.iter().flat_map(|((from, to), places)| {
        places.iter().map(move |it| format!("{} -> {}: {} {}", name(from), name(to), it.line, it.text))
    });
    lines.collect()
}

#[test]
fn two_files_that_import_each_other_are_named_with_each_use() {
    let found = circles_of(&[
        ("lib.rs", "mod login;\nmod session;\nmod error;"),
        ("error.rs", "pub struct Error;"),
        ("login.rs", "use crate::error::Error;\nuse crate::session::{Other, Session as Opened};\npub struct Login;"),
        ("session.rs", "\n\nuse crate::login::Login;\npub struct Session;\npub struct Other;"),
    ]);
    let [circle] = &found[..] else { panic!("{} circles", found.len()) };
    assert_eq!(
        circle.to_string(),
        "\
2 files use each other in a circle:
    src/login.rs
    src/session.rs
  src/login.rs uses src/session.rs:
    src/login.rs:2: use crate::session::Other
    src/login.rs:2: use crate::session::Session as Opened
  src/session.rs uses src/login.rs:
    src/session.rs:3: use crate::login::Login
"
    );
}

#[test]
fn a_circle_of_three_is_found_through_a_re_export() {
    let files = [
        ("lib.rs", "mod engine;\nmod protocol;\nmod report;"),
        ("engine.rs", "use crate::protocol::Finish;"),
        ("protocol.rs", "mod finish;\npub(crate) use finish::Finish;"),
        ("protocol/finish.rs", "use crate::report::Report;\npub(crate) struct Finish;"),
        ("report.rs", "use crate::engine::Engine;"),
    ];
    let found = circles_of(&files);
    assert_eq!(found.len(), 1);
    // The file that only re-exports the name is not part of the circle.
    assert_eq!(found[0].files, ["src/engine.rs", "src/protocol/finish.rs", "src/report.rs"]);
    assert_eq!(found[0].shortest.len(), 3);
}

#[test]
fn the_shortest_part_of_a_large_circle_comes_first() {
    let found = circles_of(&[
        ("lib.rs", "mod a;\nmod b;\nmod c;"),
        ("a.rs", "use crate::b::B;\npub struct A;"),
        ("b.rs", "use crate::c::C;\npub struct B;"),
        ("c.rs", "use crate::a::A;\nuse crate::b::B;\npub struct C;"),
    ]);
    let text = found[0].to_string();
    let (short, other) = text.split_once("  Other uses among these files:\n").unwrap();
    assert!(
        short.ends_with("src/b.rs:1: use crate::c::C\n  src/c.rs uses src/b.rs:\n    src/c.rs:2: use crate::b::B\n")
    );
    assert!(other.contains("src/a.rs:1: use crate::b::B") && other.contains("src/c.rs:1: use crate::a::A"), "{other}");
}

#[test]
fn a_parent_that_calls_a_child_which_has_its_types_is_a_circle() {
    let found = circles_of(&[
        ("lib.rs", "mod grants;"),
        ("grants.rs", "mod parse;\npub struct Grants;\nfn read() -> Grants {\n    parse::grants(\"\")\n}"),
        ("grants/parse.rs", "use super::Grants;\npub(super) fn grants(_: &str) -> Grants { Grants }"),
    ]);
    assert_eq!(found.len(), 1);
    assert!(found[0].to_string().contains("src/grants.rs:4: parse::grants\n"), "{}", found[0]);
}

#[test]
fn a_tree_in_which_each_file_uses_only_files_below_it_has_no_circle() {
    let files = [
        ("main.rs", "mod call;\nmod error;\nuse call::Call;\nfn main() { let _ = (Call, self::error::Error); }"),
        ("call.rs", "mod answer;\nuse crate::error::{self, Error};\npub struct Call;\nfn f() { answer::read() }"),
        ("call/answer.rs", "use std::fmt;\nuse crate::error::Error;\npub fn read() { super::super::error::fail() }"),
        ("error.rs", "pub struct Error;\npub fn fail() {}"),
    ];
    assert!(circles_of(&files).is_empty());
    assert_eq!(edges_of(&files).len(), 6, "{:?}", edges_of(&files));
}

#[test]
fn a_parent_may_re_export_from_its_child_but_not_use_it() {
    let child = ("keys/minted.rs", "use super::Keys;\npub struct Minted;");
    let re_exports = "mod minted;\npub use minted::Minted;\npub struct Keys;";
    assert!(circles_of(&[("lib.rs", "mod keys;"), ("keys.rs", re_exports), child]).is_empty());
    let uses = format!("{re_exports}\nfn f() -> Minted {{ Minted }}");
    let found = circles_of(&[("lib.rs", "mod keys;"), ("keys.rs", &uses), child]);
    assert!(found[0].to_string().contains("src/keys.rs:4: Minted\n"));
}

#[test]
fn what_exists_only_for_tests_does_not_count() {
    let in_tests = "use crate::b::B;\n";
    let files = |a: &str| {
        let b = ("b.rs", "use crate::a::A;\npub struct B;");
        circles_of(&[("lib.rs", "mod a;\nmod b;"), ("a.rs", a), b, ("a/tests.rs", in_tests)]).len()
    };
    assert_eq!(files(&format!("pub struct A;\nmod tests {{ {in_tests} }}")), 1);
    assert_eq!(files(&format!("pub struct A;\n#[cfg(test)]\nmod tests {{ {in_tests} }}")), 0);
    assert_eq!(files(&format!("pub struct A;\n#[cfg(all(unix, test))]\nmod tests {{ {in_tests} }}")), 0);
    assert_eq!(files("pub struct A;\n#[cfg(test)]\nmod tests;"), 0);
    assert_eq!(files("pub struct A;\nimpl A { #[cfg(test)] fn f() { crate::b::f() } }"), 0);
    assert_eq!(files(&format!("pub struct A;\n#[cfg(any(test, feature = \"x\"))]\n{in_tests}")), 1);
    assert_eq!(files(&format!("pub struct A;\n#[cfg(not(test))]\n{in_tests}")), 1);
}

#[test]
fn a_name_is_followed_through_globs_renames_and_modules_to_its_file() {
    let files = [
        ("lib.rs", "mod one;\nmod two;\nmod three;\nmod user;"),
        ("one.rs", "pub use crate::two::*;"),
        ("two.rs", "pub use crate::three::Three as Renamed;"),
        ("three.rs", "pub struct Three;\npub enum Kind { A }\npub fn f() {}"),
        (
            "user.rs",
            "use crate::one::Renamed;\nuse crate::three as deep;\nuse crate::one::*;\n\
             fn f(_: deep::Kind) {\n    use deep::Kind::*;\n    deep::f();\n    Renamed::new();\n}",
        ),
    ];
    let expected = ["1 use crate::one::Renamed", "4 deep::Kind", "5 use deep::Kind::*", "6 deep::f"];
    assert_eq!(edges_of(&files), expected.map(|place| format!("user.rs -> three.rs: {place}")));
    let by_glob = ("user.rs", "use crate::one::*;\nfn f() -> Renamed { Renamed::new() }");
    let [files @ .., _] = files;
    let expected = ["2 Renamed", "2 Renamed::new"].map(|place| format!("user.rs -> three.rs: {place}"));
    assert_eq!(edges_of(&[&files[..], &[by_glob]].concat()), expected);
}

#[test]
fn a_use_in_a_function_counts_only_there() {
    let files = [
        ("lib.rs", "mod a;\nmod b;\nmod c;"),
        (
            "a.rs",
            "fn f() { use crate::b as it; it::f() }\nfn g() {\n    use crate::c as it;\n    if true { it::f() }\n}",
        ),
        ("b.rs", "pub fn f() {}"),
        ("c.rs", "pub fn f() {}"),
    ];
    assert_eq!(edges_of(&files), ["a.rs -> b.rs: 1 it::f", "a.rs -> c.rs: 4 it::f"]);
}

#[test]
fn paths_in_macros_and_attributes_count_but_not_those_of_other_crates() {
    let files = [
        ("lib.rs", "mod a;\nmod b;\nmod text;"),
        (
            "a.rs",
            "use serde_json::text::Text;\nfn f() {\n    println!(\"crate::text::f\", self.text::<u8>(), ..crate::text::g());\n}\n\
             #[derive(Serialize)]\nstruct S {\n    #[serde(serialize_with = \"crate::text::f\")]\n    time: Time,\n\
             #[arg(value_parser = super::text::g)]\n    text: ::text::Text,\n}\nfn g() { crate::made!(); }",
        ),
        ("b.rs", "#[macro_export]\nmacro_rules! made { ($a:ident) => { $crate::text::g(); $a::text() } }"),
        ("text.rs", "pub fn f() {}\npub fn g() {}"),
    ];
    let expected = [
        "a.rs -> b.rs: 12 crate::made",
        "a.rs -> text.rs: 3 crate::text::g",
        "a.rs -> text.rs: 7 crate::text::f",
        "a.rs -> text.rs: 9 super::text::g",
        "b.rs -> text.rs: 2 $crate::text::g",
    ];
    assert_eq!(edges_of(&files), expected);
}

#[test]
fn a_name_that_a_macro_defines_belongs_to_the_file_of_its_module() {
    let files = [("lib.rs", "mod a;\nmod b;"), ("a.rs", "use crate::b::Made;"), ("b.rs", "make!(Made);")];
    assert_eq!(edges_of(&files), ["a.rs -> b.rs: 1 use crate::b::Made"]);
}

#[test]
fn a_name_that_the_root_only_re_exports_is_found_with_the_path_to_write_instead() {
    let tree = tree(&[
        (
            "lib.rs",
            "mod error;\nmod a;\nmod inner;\npub use error::{Error, Result as Outcome};\npub use other::Action;\n\
             pub use crate::inner::*;\npub fn own() -> Error { Error }",
        ),
        ("error.rs", "pub struct Error;\npub type Result = ();"),
        ("inner.rs", "pub struct Inner;"),
        (
            "a.rs",
            "use crate::error::Error;\nuse crate::{own, Error as Mistake, Outcome};\nuse super::Action;\n\
             fn f() -> crate::Error { crate::Error::new() }\nuse crate::Inner;\n#[cfg(test)]\nuse crate::Error;\n\
             mod b {\n    use super::super::Error;\n}\nuse crate::*;",
        ),
    ]);
    let found: Vec<_> = from_root(&tree)
        .into_iter()
        .map(|it| format!("{}: {} -> {}", it.place.line, it.place.text, it.instead))
        .collect();
    let expected = [
        "2: use crate::Error as Mistake -> crate::error::Error",
        "2: use crate::Outcome -> crate::error::Result",
        "3: use super::Action -> other::Action",
        "5: use crate::Inner -> crate::inner::Inner",
        "11: use crate::* -> crate::<module>::<name>",
        "4: crate::Error -> crate::error::Error",
        "4: crate::Error::new -> crate::error::Error::new",
        "9: use super::super::Error -> crate::error::Error",
    ];
    assert_eq!(found, expected);
}
