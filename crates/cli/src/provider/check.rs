use std::io;
use std::path::PathBuf;

use clap::Args;
use fourstep_api_key::{Kind, ProviderFile};
use url::Url;

use crate::ending::Ending;
use crate::output::say;
use crate::provider::rotation;

/// Validates a file and shows the requests that it would send, with secrets masked.
///
/// With `--against`, it also runs one whole rotation of the key in a file. The new key is stored beside that file before
/// the old one changes.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The provider file
    file: PathBuf,
    /// Runs one whole rotation against the service at this URL, in place of the file's `base_url`
    #[arg(long, value_name = "URL", requires = "secret")]
    against: Option<Url>,
    /// The file with the secret's JSON. The new version is stored in a file of the same name with `.rotated` at its end
    #[arg(long, value_name = "FILE", requires = "against")]
    secret: Option<PathBuf>,
    /// The file with the JSON of the administrator's secret, if the secret has `masterarn`
    #[arg(long, value_name = "FILE", requires = "against")]
    admin: Option<PathBuf>,
}

pub(crate) async fn run(check: Check) -> Result<(), Ending> {
    let provider = ProviderFile::read(&check.file).map_err(Ending::failed)?;
    show(&provider)?;
    let (Some(url), Some(secret)) = (check.against, check.secret) else { return Ok(()) };
    rotation::rotate(&check.file, &url, &secret, check.admin.as_deref()).await
}

fn show(provider: &ProviderFile) -> io::Result<()> {
    let kind = match provider.kind {
        Kind::Minted => "minted: the service makes the key, and the old one works until it is revoked",
        Kind::Pushed => "pushed: the new value replaces the old one at once",
        Kind::Rolled => "rolled: the old key dies in the call that makes the new one, which is lost if its answer is",
    };
    say(&format!("{}, {kind}", provider.service))?;
    say(&format!("base_url  {}", provider.base_url))?;
    if provider.kind == Kind::Minted && provider.list.is_none() {
        say("there is no `list`: a key whose value is lost on the way stays at the service unnoticed")?;
    }
    for preview in provider.previews() {
        say("")?;
        say(&format!("{:<9} {} {}", preview.name, preview.method, preview.path))?;
        for line in preview.headers.iter().chain(&preview.body) {
            say(&format!("{:<9} {line}", ""))?;
        }
    }
    Ok(())
}
