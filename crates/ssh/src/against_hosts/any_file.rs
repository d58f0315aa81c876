//! Any file: what is not ours in it stays as it is.

use proptest::prelude::*;

use super::*;

/// A line of a file, before the edit.
#[derive(Clone, Debug)]
enum Line {
    Foreign(String),
    /// One of the secret's own, by its number.
    Own(usize),
}

fn file() -> impl Strategy<Value = Vec<Line>> {
    let foreign = prop_oneof!["[ -~\t\r]{0,60}", "\\PC{0,30}", proptest::sample::select(nearly_ours())];
    let line = prop_oneof![3 => foreign.prop_map(Line::Foreign), 1 => (0..3_usize).prop_map(Line::Own)];
    proptest::collection::vec(line, 1..40)
}

/// Lines with the mark of the secret, which is not the whole comment of a key that logs in.
fn nearly_ours() -> Vec<String> {
    let other = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:other-AbCdEf";
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA";
    vec![
        String::new(),
        format!("# fourstep:{SECRET}:v1"),
        format!("# fourstep:{SECRET} generation x"),
        format!("{key} of bob fourstep:{SECRET}:v1"),
        format!("{key} fourstep:{SECRET}:v1 copied"),
        format!("command=\"x fourstep:{SECRET}:v1\" ssh-rsa AAAAB3NzaC1yc2EAAAA bob"),
        format!("{key} fourstep:{other}:v1"),
        format!("cert-authority,principals=\"a b\" {key} fourstep:{SECRET}:v1"),
    ]
}

#[test]
fn every_foreign_line_of_any_file_is_untouched() {
    let Some(hosts) = hosts() else { return };
    let [old, stray, new] = [(); 3].map(|()| new_key());
    let own = [
        line(old.public_key(), "v1"),
        line(stray.public_key(), "v2"),
        format!("restrict {}\r", line(stray.public_key(), "v2")),
    ];
    let config = ProptestConfig { failure_persistence: None, cases: 12, ..ProptestConfig::default() };
    let outcome = proptest::test_runner::TestRunner::new(config).run(&(file(), any::<bool>()), |(file, ends)| {
        let text = |line: &Line| match line {
            Line::Foreign(text) => text.clone(),
            Line::Own(number) => own[*number].clone(),
        };
        let mut before = file.iter().map(text).collect::<Vec<_>>().join("\n");
        // Without its newline, an empty last line is none.
        if ends || before.ends_with('\n') || before.is_empty() {
            before.push('\n');
        }
        let foreign: Vec<_> = file.iter().filter(|line| matches!(line, Line::Foreign(_))).map(text).collect();
        for host in &hosts {
            host.authorize(before.as_bytes());
            let answer = follow(host, &order(5, Phase::Set, &[(&old, "v1"), (&new, "v3")]));
            prop_assert_eq!(answer.outcome, Outcome::Changed);
            let after = String::from_utf8(host.authorized_keys()).unwrap();
            let after = after.strip_suffix('\n').expect("every line ends");
            let wanted = [line(old.public_key(), "v1"), line(new.public_key(), "v3")];
            let (found, mut left): (Vec<_>, Vec<_>) =
                after.split('\n').partition(|line| wanted.iter().any(|wanted| wanted == line));
            prop_assert_eq!(found.len(), 2, "each once: {:?}", after);
            let note = left.pop().expect("the generation is noted last");
            prop_assert!(note.starts_with(&format!("# fourstep:{SECRET} generation ")), "{}", note);
            prop_assert_eq!(&left, &foreign, "{:?}", before);
        }
        Ok(())
    });
    outcome.unwrap();
}
