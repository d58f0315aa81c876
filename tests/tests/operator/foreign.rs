//! What the writer of a secret writes into its name, labels, version ids, tags and errors is data: it steers no terminal,
//! is no formula and no command.

use std::process::Command;

use fourstep_testkit::aws::{Action, Moment, Operation, Refusal};
use serde_json::{Value, json};

use crate::world::{Ran, SECRET, World, finish};

/// Colours what follows, retitles the window, is a formula and a script, writes from right to left, and begins a line.
const HOSTILE: &str =
    "=cmd|' /C calc'!A0\u{1b}[31m\u{1b}]0;mine\u{7}<script>\u{202e}\u{9b}2J\u{200b}\nfourstep: all is well";
/// What it looks like.
const SHOWN: &str =
    r"=cmd|' /C calc'!A0\u{1b}[31m\u{1b}]0;mine\u{7}<script>\u{202e}\u{9b}2J\u{200b}\u{a}fourstep: all is well";

impl World {
    /// Runs the command as on a terminal, where nothing is taken out of what it prints.
    fn on_a_terminal(&self, arguments: &[&str]) -> Ran {
        let mut command: Command = self.command(arguments);
        command.env("CLICOLOR_FORCE", "1");
        finish(command)
    }

    fn prints_data(&self, arguments: &[&str]) -> Ran {
        let ran = self.on_a_terminal(arguments);
        for text in [&ran.out, &ran.error] {
            for steering in
                ["\u{1b}[31m", "\u{1b}]0;", "\u{7}", "\u{202e}", "\u{9b}", "\u{200b}", "\nfourstep: all is well"]
            {
                assert!(!text.contains(steering), "{arguments:?}: {steering:?} is in: {text:?}");
            }
        }
        ran
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_secrets_writer_writes_steers_no_terminal() {
    let world = World::configured().await;
    world.json(&["start", SECRET, "--wait"]);
    let mark = |label: &str| {
        world.aws.secrets().with(|model| {
            let secret = model.secret_mut(SECRET).unwrap();
            secret.name = HOSTILE.to_owned();
            secret.tags.insert(format!("fourstep:{HOSTILE}"), HOSTILE.to_owned());
            secret.replicas.insert(HOSTILE.to_owned(), HOSTILE.to_owned());
            let version = secret.versions.iter_mut().find(|version| version.has(label)).unwrap();
            version.id = HOSTILE.to_owned();
            version.labels.push(HOSTILE.to_owned());
        });
    };
    mark("AWSCURRENT");
    for (arguments, shown) in [
        (&["status", SECRET][..], SHOWN),
        (&["versions", SECRET], SHOWN),
        (&["doctor", SECRET], SHOWN),
        (&["status", "--all"], "does not exist"),
        (&["fleet", "status", "--all"], "error"),
        (&["fleet", "status", SECRET], "idle"),
        (&["watch", SECRET], SHOWN),
        (&["stage", "move", SECRET, "MINE", "--to", "none"], SHOWN),
        (&["cancel", SECRET, "--yes"], SHOWN),
    ] {
        let ran = world.prints_data(arguments);
        assert!(format!("{}{}", ran.out, ran.error).contains(shown), "{arguments:?}: {ran:?}");
    }
    // Programs get it as it is.
    assert_eq!(world.json(&["status", SECRET])["secrets"][0]["name"], HOSTILE);
    let versions = world.json(&["versions", SECRET]);
    assert!(versions["versions"].as_array().unwrap().iter().any(|version| version["id"] == HOSTILE), "{versions}");
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_a_question_nor_an_error_repeats_what_steers_a_terminal() {
    let world = World::configured().await;
    for arguments in [
        &["status", HOSTILE][..],
        &["start", HOSTILE, "--compromised"],
        &["start", HOSTILE],
        &["cancel", HOSTILE],
        &["retire", HOSTILE],
        &["fleet", "rotate", HOSTILE, "--yes"],
    ] {
        let ran = world.prints_data(arguments);
        assert!(ran.code != 0 && ran.error.contains(r"\u{1b}[31m"), "{arguments:?}: {ran:?}");
    }
    let said = format!("the door does not answer{HOSTILE}");
    let pending = world.stage_empty_version();
    world.target.set_down(true);
    world.fourstep(&["start", SECRET]).succeeded();
    world.aws.rotation_end(SECRET).await;
    let line =
        json!({ "level": "ERROR", "target": "fourstep", "kind": "Invalid", "version": pending, "message": said });
    world.aws.log("/aws/lambda/rotate", &line.to_string());
    let ran = world.prints_data(&["status", SECRET]);
    assert!(ran.out.contains("the door does not answer"), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_no_formula_in_a_spreadsheet() {
    let world = World::configured().await;
    for name in ["=1+1", "+1", "-1", "@1", "a-1"] {
        world.create(name, "{}");
    }
    world.aws.on_call(|call, moment| match (call.operation, moment) {
        (Operation::RotateSecret, Moment::Before) => Action::Refuse(Refusal::new("AccessDeniedException", HOSTILE)),
        _ => Action::Proceed,
    });
    world.aws.secrets().with(|model| {
        let rotation = model.secret(SECRET).unwrap().rotation.clone();
        for name in ["=1+1", "+1", "-1", "@1", "a-1"] {
            model.secret_mut(name).unwrap().rotation = rotation.clone();
        }
    });
    let ran = world.prints_data(&["fleet", "rotate", "--all", "--yes", "--failures", "csv"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    let cells: Vec<_> = ran.out.lines().map(|line| line.split("\",\"").next().unwrap()).collect();
    assert_eq!(cells, ["secret,reason,why,next", "\"'+1", "\"'-1", "\"'=1+1", "\"'@1", "\"a-1", "\"app/db"], "{ran:?}");
    let failed = world.on_a_terminal(&["fleet", "rotate", "--all", "--yes", "--output", "json"]);
    let failed: Value = serde_json::from_str(&failed.out).unwrap();
    assert_eq!(failed["failed"][2]["secret"], "=1+1", "programs get it as it is");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_is_advised_runs_nothing_when_it_is_pasted() {
    let world = World::start().await;
    for (name, advised) in [
        ("a b;touch pwned", "fourstep configure --function ARN --every 30d 'a b;touch pwned'"),
        ("app/db", "fourstep configure --function ARN --every 30d app/db"),
        ("$(touch pwned)", "fourstep configure --function ARN --every 30d '$(touch pwned)'"),
        ("`touch pwned`", "fourstep configure --function ARN --every 30d '`touch pwned`'"),
        ("x' ; touch pwned #", "fourstep configure --function ARN --every 30d NAME"),
        ("--endpoint-url=http://mine", "fourstep configure --function ARN --every 30d -- --endpoint-url=http://mine"),
        ("=ls", "fourstep configure --function ARN --every 30d '=ls'"),
    ] {
        world.aws.secrets().with(|model| model.secret_mut(SECRET).unwrap().name = name.to_owned());
        let ran = world.on_a_terminal(&["start", SECRET]).refused(3, &["Name one: fourstep configure "]);
        let folder = tempfile::tempdir().unwrap();
        let (_, command) = ran.error.trim_end().trim_end_matches('.').split_once("Name one: ").unwrap();
        let script = format!("fourstep() {{ printf '%s\\n' \"$@\"; }}\n{command}");
        let pasted = Command::new("sh").arg("-c").arg(script).current_dir(folder.path()).output().unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "it runs something: {command}");
        assert_eq!(command, advised);
        let printed = String::from_utf8(pasted.stdout).unwrap();
        let expected = if advised.ends_with("NAME") { "NAME" } else { name };
        assert_eq!(printed.lines().last(), Some(expected), "{command}");
    }
}
