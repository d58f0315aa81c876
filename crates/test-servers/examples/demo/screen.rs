//! What the demo shows: 80 columns, readable without colour.

use std::time::Duration;

use anstyle::{AnsiColor, Style};
use fourstep::memory::Model;
use fourstep::{AWSCURRENT, AWSPENDING, AWSPREVIOUS};
use fourstep_test_servers::sshd::Host;
use fourstep_testkit::aws::FunctionError;

use crate::consumer::Seen;

const HEADING: Style = AnsiColor::Cyan.on_default().bold();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const FAINT: Style = Style::new().dimmed();

/// Where the three labels are: the end of a version's id, and the account that it names.
pub(crate) struct Labels(Vec<(&'static str, String)>);

impl Labels {
    pub(crate) fn of(model: &Model, secret: &str) -> Self {
        let secret = model.secret(secret);
        let at = |label| {
            let version = secret?.labelled(label)?;
            // Ids that the emulation makes up differ at their end.
            let id = &version.id[version.id.len().saturating_sub(8)..];
            let account = version.text().and_then(|text| {
                let value: serde_json::Value = serde_json::from_str(text.expose()).ok()?;
                let name = value["username"].as_str().or(value["key_id"].as_str());
                let fingerprint = || value["Fingerprint"].as_str().map(|text| format!("{text:.22}…"));
                Some(name.map(str::to_owned).or_else(fingerprint).unwrap_or_else(|| "(no key yet)".to_owned()))
            });
            Some((label, format!("…{id} {}", account.as_deref().unwrap_or("(no value yet)"))))
        };
        Self([AWSCURRENT, AWSPENDING, AWSPREVIOUS].into_iter().filter_map(at).collect())
    }
}

pub(crate) fn title(url: &str) {
    anstream::println!("\n{HEADING}Fourstep rotates accounts of real servers, an API key and SSH keys{HEADING:#}");
    anstream::println!("  AWS       Secrets Manager, emulated on {}", url.trim_start_matches("http://"));
}

pub(crate) fn function(name: &str, size: u64) {
    anstream::println!("\n  function  {name}, {:.1} MiB, behind a Lambda Runtime API", mebibytes(size));
}

pub(crate) fn database(version: &str, port: u16) {
    anstream::println!("  database  {version} on 127.0.0.1:{port}");
}

pub(crate) fn strategy(name: &str, is: &str) {
    anstream::println!("\n{HEADING}{name}{HEADING:#}: {is}\n");
}

pub(crate) fn labels(when: &str, labels: &Labels) {
    for (position, (label, version)) in labels.0.iter().enumerate() {
        let when = if position == 0 { when } else { "" };
        anstream::println!("  {when:<19} {label:<11} {version}");
    }
}

pub(crate) fn step(step: &str, time: Duration, cold: Option<Duration>, error: Option<&FunctionError>, labels: &Labels) {
    let milliseconds = time.as_secs_f64() * 1000.0;
    if let Some(error) = error {
        anstream::println!(
            "    {step:<12} {milliseconds:>6.0} ms  {BAD}{}{BAD:#}: {}",
            error.error_type,
            error.message
        );
        return;
    }
    let pending = labels.0.iter().find(|(label, _)| *label == AWSPENDING);
    let did = match step {
        "createSecret" => pending.map_or_else(String::new, |(label, version)| format!("stored {label} {version}")),
        "setSecret" => "the server accepts it".to_owned(),
        "testSecret" => "it works".to_owned(),
        _ => "promoted".to_owned(),
    };
    anstream::println!("    {step:<12} {milliseconds:>6.0} ms  {GOOD}{did}{GOOD:#}");
    if let Some(cold) = cold {
        let cold = cold.as_secs_f64() * 1000.0;
        anstream::println!("    {FAINT}{:<12} {cold:>6.0} ms  the function's process started before that{FAINT:#}", "");
    }
}

pub(crate) fn consumer(seen: &Seen, calls: usize) {
    let Seen { accepted, refused, .. } = seen;
    let style = if *refused == 0 { GOOD } else { AnsiColor::Yellow.on_default() };
    anstream::println!(
        "  {:<19} {} logins with AWSCURRENT: {GOOD}{accepted} accepted{GOOD:#}, {style}{refused} refused{style:#}",
        "consumer",
        accepted + refused
    );
    if *refused > 0 {
        let window = seen.window.as_secs_f64() * 1000.0;
        anstream::println!("  {:<19} AWSCURRENT was refused for {style}{window:.0} ms{style:#}", "");
    }
    anstream::println!("  {:<19} {calls} to Secrets Manager\n", "calls");
}

/// Shows a file's text.
pub(crate) fn file(text: &str) {
    text.lines().for_each(|line| anstream::println!("    {FAINT}{line}{FAINT:#}"));
    anstream::println!();
}

/// Shows what a consumer of keys saw, and how many keys the service holds at the end.
pub(crate) fn keys(accepted: usize, refused: usize, left: usize) {
    let style = if refused == 0 { GOOD } else { BAD };
    anstream::println!(
        "  {:<19} {} uses of AWSCURRENT: {GOOD}{accepted} accepted{GOOD:#}, {style}{refused} refused{style:#}",
        "consumer",
        accepted + refused
    );
    anstream::println!("  {:<19} {left} at the service: those of AWSCURRENT and AWSPREVIOUS\n", "keys");
}

pub(crate) fn host(id: &str, host: &Host) {
    anstream::println!("  host      {id}, a real sshd on {}:{}", host.address(), host.port());
}

/// Shows what a consumer of an SSH key saw, and how many keys each host's file holds at the end.
pub(crate) fn authorized_keys(accepted: usize, refused: usize, left: &[usize]) {
    let style = if refused == 0 { GOOD } else { BAD };
    anstream::println!(
        "  {:<19} {} ssh sessions with AWSCURRENT: {GOOD}{accepted} opened{GOOD:#}, {style}{refused} refused{style:#}",
        "consumer",
        accepted + refused
    );
    let left: Vec<_> = left.iter().map(usize::to_string).collect();
    anstream::println!("  {:<19} {} in authorized_keys of the hosts\n", "keys", left.join(" and "));
}

pub(crate) fn usage(first_poll: Option<Duration>, cpu: Duration, memory: u64, rotations: usize) {
    let start = first_poll.map_or(0.0, |time| time.as_secs_f64() * 1000.0);
    anstream::println!(
        "  {:<19} {:.0} ms of CPU for {rotations} rotations, {:.1} MiB at the peak,",
        "function",
        cpu.as_secs_f64() * 1000.0,
        mebibytes(memory)
    );
    anstream::println!("  {:<19} {start:.0} ms from start to first poll", "");
}

pub(crate) fn failed(why: &str) {
    anstream::eprintln!("{BAD}FAILED{BAD:#}: {why}");
}

fn mebibytes(bytes: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a size in MiB with one digit needs no more")]
    let bytes = bytes as f64;
    bytes / 1024.0 / 1024.0
}
