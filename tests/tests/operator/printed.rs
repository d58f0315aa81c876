//! What people see, at the widths of small and large terminals.

use fourstep_testkit::function;
use serde_json::{Value, json};

use crate::world::{SECRET, World, command_at, finish};

/// Replaces what differs between two runs by something of the same length.
fn assert_looks(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", "2026-01-02T03:04:05Z");
    settings.add_filter(
        r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}",
        "00000000-0000-4000-8000-000000000000",
    );
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

impl World {
    fn printed(&self, columns: &str, arguments: &[&str]) -> String {
        let mut command = self.command(arguments);
        command.env("COLUMNS", columns);
        let ran = finish(command).succeeded();
        let width = ran.out.lines().map(|line| line.chars().count()).max().unwrap_or_default();
        assert!(width <= columns.parse().unwrap(), "{width} columns:\n{}", ran.out);
        assert!(!ran.out.contains('\u{1b}'), "no colours where nobody sees them");
        ran.out
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_fit_the_terminal() {
    let world = World::configured().await;
    world.aws.secrets().with(|model| {
        model.secret_mut(SECRET).unwrap().replicas.insert("eu-west-1".to_owned(), "InProgress".to_owned());
    });
    world.create("a/secret/of/another/team/with-a-long-name", "{}");
    for columns in ["80", "140"] {
        assert_looks(&format!("status_idle_{columns}"), &world.printed(columns, &["status", SECRET]));
    }
    world.target.set_down(true);
    world.fourstep(&["start", SECRET]).succeeded();
    world.aws.rotation_end(SECRET).await;
    for columns in ["80", "140"] {
        assert_looks(&format!("status_failed_{columns}"), &world.printed(columns, &["status", SECRET]));
        assert_looks(&format!("status_all_{columns}"), &world.printed(columns, &["status", "--all"]));
        assert_looks(&format!("versions_{columns}"), &world.printed(columns, &["versions", SECRET]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn findings_and_what_the_function_says_fit_the_terminal() {
    let world = World::configured().await;
    world.aws.set_trails(Vec::new());
    world.aws.forbid_to_roles("secretsmanager:PutSecretValue");
    world.target.set_down(true);
    world.fourstep(&["start", SECRET]).succeeded();
    world.aws.rotation_end(SECRET).await;
    let line = json!({
        "level": "ERROR", "target": "fourstep", "kind": "Unavailable", "step": "setSecret", "version": world.pending(),
        "message": "the door does not answer. AWSCURRENT opens it. Look at the way to it, then start the rotation again.",
    });
    world.aws.log("/aws/lambda/rotate", &line.to_string());
    for columns in ["80", "140"] {
        assert_looks(&format!("status_explained_{columns}"), &world.printed(columns, &["status", SECRET]));
        let mut command = world.command(&["doctor", SECRET]);
        command.env("COLUMNS", columns);
        let ran = finish(command).refused(1, &["1 finding keeps app/db from being rotated"]);
        assert_looks(&format!("doctor_{columns}"), &ran.out);
        let fleet = ["fleet", "rotate", "--all", "--dry-run"];
        assert_looks(&format!("fleet_{columns}"), &world.printed(columns, &fleet));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_json_of_a_status_stays_as_it_is() {
    let world = World::configured().await;
    let status = world.json(&["status", SECRET]);
    assert_looks("status_json", &format!("{status:#}"));
}

#[test]
fn the_help_of_a_command_says_what_it_needs_and_what_it_does_not_do() {
    for (command, part) in [
        ("recover", "ends after one refused login"),
        ("stage", "use rollback"),
        ("status", "cloudtrail:LookupEvents"),
        ("diagnose", "lambda:InvokeFunction"),
        ("cancel", "--resume turns it on again"),
    ] {
        let ran = finish(command_at("http://127.0.0.1:1", &[command, "--help"])).succeeded();
        let words: Vec<_> = ran.out.split_whitespace().collect();
        assert!(words.join(" ").contains(part), "{part:?} is not in: {}", ran.out);
    }
}

#[test]
fn completions_and_the_manual_page_name_every_command() {
    let run = |arguments: &[&str]| {
        let mut command = std::process::Command::new(function::binary_of("fourstep-cli", "fourstep").unwrap());
        command.args(arguments);
        finish(command).succeeded().out
    };
    let help = run(&["--help"]);
    let commands = help.split("Commands:").nth(1).unwrap().split("Options:").next().unwrap();
    let commands: Vec<_> =
        commands.lines().filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").collect();
    assert!(commands.len() >= 15, "{commands:?}");
    let manual = run(&["man"]);
    for shell in ["bash", "zsh", "fish"] {
        let completions = run(&["completions", shell]);
        for command in &commands {
            assert!(completions.contains(command), "{shell}: {command}");
            assert!(manual.contains(&format!("fourstep\\-{command}")), "{command}");
        }
    }
    assert!(manual.contains("Exit codes"));
}

/// An error under `--output json` is on the standard error, and what is printed is JSON or nothing.
#[tokio::test(flavor = "multi_thread")]
async fn what_programs_read_is_json_only() {
    let world = World::configured().await;
    let ran = world.fourstep(&["start", "none", "--output", "json"]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    let ran = world.fourstep(&["status", "none", "--output", "json"]);
    let printed: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(printed["secrets"][0]["error"]["reason"], "not-found");
}
