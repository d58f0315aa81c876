use std::io;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use fourstep_api_key::{Kind, Preview, ProviderFile};
use serde::Serialize;
use url::Url;

use crate::ending::Ending;
use crate::global::Global;
use crate::output::{self, Format, say};
use crate::provider::rotation::{self, Rotation};

/// Validates a file and shows the requests that it would send, with secrets masked, and what each answer would mean.
///
/// With `--against`, it also runs one whole rotation of the key in a file. Before that, it tries the key with some characters
/// changed, which the service has to refuse. The new key is stored beside that file before the old one changes.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The provider file
    file: PathBuf,
    /// Runs one whole rotation against the service at this URL, in place of the whole of the file's `base_url`, its path too
    #[arg(long, value_name = "URL", requires = "secret")]
    against: Option<Url>,
    /// The file with the secret's JSON. The new version is stored in a file of the same name with `.rotated` at its end
    #[arg(long, value_name = "FILE", requires = "against")]
    secret: Option<PathBuf>,
    /// The file with the JSON of the administrator's secret, if the secret has `masterarn`
    #[arg(long, value_name = "FILE", requires = "against")]
    admin: Option<PathBuf>,
    /// How long the rotation may take as a whole, such as 90s or 10m
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = humantime::parse_duration, requires = "against")]
    within: Duration,
}

/// What was found, for programs.
#[derive(Serialize)]
struct Checked<'c> {
    service: &'c str,
    kind: &'static str,
    base_url: &'c str,
    notes: Vec<&'static str>,
    requests: Vec<Preview>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rotation: Option<Rotation>,
}

pub(crate) async fn run(check: Check, global: &Global) -> Result<(), Ending> {
    let provider = ProviderFile::read(&check.file).map_err(Ending::failed)?;
    let requests = provider
        .previews()
        .map_err(|error| Ending::failed(format!("provider file {}: {error}", check.file.display())))?;
    let is_table = global.output == Format::Table;
    if is_table {
        show(&provider, &requests)?;
    }
    let mut rotation = None;
    let ended = match (&check.against, &check.secret) {
        (Some(url), Some(secret)) => {
            let plan =
                rotation::Plan { file: &check.file, provider: &provider, url, secret, within: check.within, is_table };
            rotation::rotate(&plan, check.admin.as_deref(), rotation.insert(Rotation::default())).await
        }
        _ => Ok(()),
    };
    if !is_table {
        let (service, base_url, notes) = (&provider.service, &provider.base_url, notes(&provider));
        let kind = match provider.kind {
            Kind::Minted => "minted",
            Kind::Pushed => "pushed",
            Kind::Rolled => "rolled",
        };
        output::json(&Checked { service, kind, base_url, notes, requests, rotation })?;
    }
    ended
}

fn show(provider: &ProviderFile, requests: &[Preview]) -> io::Result<()> {
    let kind = match provider.kind {
        Kind::Minted => "minted: the service makes the key, and the old one works until it is revoked",
        Kind::Pushed => "pushed: the new value replaces the old one at once",
        Kind::Rolled => "rolled: the old key dies in the call that makes the new one, which is lost if its answer is",
    };
    say(&format!("{}, {kind}", provider.service))?;
    say(&format!("base_url  {}", provider.base_url))?;
    for note in notes(provider) {
        say(note)?;
    }
    for preview in requests {
        say("")?;
        say(&format!("{:<9} {} {}", preview.name, preview.method, preview.path))?;
        say(&format!("{:<9} to {}{}", "", provider.base_url.trim_end_matches('/'), preview.path))?;
        for line in preview.headers.iter().chain(&preview.body) {
            say(&format!("{:<9} {line}", ""))?;
        }
        for meaning in &preview.answers {
            say(&format!("{:<9} answer {meaning}", ""))?;
        }
    }
    Ok(())
}

/// Returns what a file lacks that its author may want.
fn notes(provider: &ProviderFile) -> Vec<&'static str> {
    let mut notes = Vec::new();
    match &provider.list {
        None if provider.kind == Kind::Minted => {
            notes.push("there is no `list`: a key whose value is lost on the way stays at the service unnoticed");
        }
        Some(list) if list.answer.name.is_none() && list.answer.created.is_none() => notes.push(
            "`list` shows neither names nor times: a key whose value is lost on the way stays at the service unnoticed",
        ),
        _ => {}
    }
    notes
}
