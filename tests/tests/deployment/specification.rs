//! SPECIFICATION.md: each promise has a number and a test that there is, and the page counts itself rightly.

use std::fs;

use crate::template::path;

/// A row of the page.
struct Promise<'a> {
    number: &'a str,
    text: &'a str,
    held_by: &'a str,
}

fn promises(page: &str) -> Vec<Promise<'_>> {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let cells = rows.map(|row| row.split(" | ").collect::<Vec<_>>());
    let numbered = cells.filter(|cells| cells[0].starts_with(|first: char| first.is_ascii_digit()));
    numbered
        .map(|cells| {
            let [number, text, held_by] = cells[..] else { panic!("three cells: {cells:?}") };
            Promise { number, text, held_by }
        })
        .collect()
}

/// Whether a file has a test of this name, as a function or as a line of a macro that makes functions.
fn has_test(file: &str, name: &str) -> bool {
    let code = fs::read_to_string(path(file)).unwrap_or_default();
    code.contains(&format!("fn {name}("))
        || code.lines().any(|line| line.trim_start().starts_with(&format!("{name}: ")))
}

#[test]
fn each_promise_has_its_number_in_order_and_tests_that_there_are() {
    let page = fs::read_to_string(path("SPECIFICATION.md")).unwrap();
    let promises = promises(&page);
    let (mut chapter, mut place, mut pending, mut missing) = (0, 0, 0, Vec::new());
    for Promise { number, text, held_by } in &promises {
        (chapter, place) =
            if *number == format!("{}.1", chapter + 1) { (chapter + 1, 1) } else { (chapter, place + 1) };
        assert_eq!(*number, format!("{chapter}.{place}"), "{text}");
        if *held_by == "[test pending]" {
            pending += 1;
            continue;
        }
        let tests: Vec<_> = held_by.split(", ").collect();
        for test in tests {
            let test = test
                .strip_prefix('`')
                .and_then(|test| test.strip_suffix('`'))
                .unwrap_or_else(|| panic!("{number}: {test}"));
            let (file, name) = test.split_once("::").unwrap_or_else(|| panic!("{number}: {test}"));
            if !has_test(file, name) {
                missing.push(format!("{number}: {test}"));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
    let said = format!("{} promises are below; {pending} of them have no test yet.", promises.len());
    assert!(page.contains(&said), "the page has to say: {said}");
}
