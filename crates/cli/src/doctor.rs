use std::collections::HashMap;
use std::path::PathBuf;

use clap::Args;
use fourstep::settings::{Environment, read};
use fourstep_api_key::{ApiKeySettings, ApiKeys, ProviderFile};
use fourstep_ops::{Health, Lifetime, Secret};

use crate::ending::Ending;
use crate::global::Global;
use crate::output::{self, Cell, Format};
use crate::tags;

/// Looks at everything that a rotation needs, before it is needed. It changes nothing.
///
/// It looks at the secret and its tags, its replicas and its KMS key, at the function with its role and its policy, and
/// at CloudTrail. What the caller may not look at is a finding too, with the missing permission.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Name or ARN of the secret
    name: String,
    /// The provider file of the secret's API key, where it is one of your own: its `lifetime` is compared with the schedule
    #[arg(long, value_name = "FILE")]
    provider: Option<PathBuf>,
}

pub(crate) async fn run(doctor: Doctor, global: &Global) -> Result<(), Ending> {
    let provider = doctor.provider.as_deref().map(ProviderFile::read).transpose().map_err(Ending::failed)?;
    let lifetime = |variables: &HashMap<String, String>, secret: &Secret| lifetime(variables, secret, provider);
    let examination = global.operator().await?.examine(&doctor.name, &tags::known(), lifetime).await?;
    match global.output {
        Format::Json => output::json(&examination)?,
        Format::Table => output::table(
            &["what", "health", "found"],
            examination.findings.iter().map(|finding| {
                let next = finding.next.as_ref().map(|next| format!(" {next}")).unwrap_or_default();
                vec![
                    Cell::new(finding.what),
                    output::health(finding.health),
                    Cell::new(format!("{}{next}", finding.found)),
                ]
            }),
        )?,
    }
    let bad = examination.findings.iter().filter(|finding| finding.health == Health::Bad).count();
    match bad {
        0 => Ok(()),
        1 => Err(Ending::failed(format!("1 finding keeps {} from being rotated", doctor.name))),
        bad => Err(Ending::failed(format!("{bad} findings keep {} from being rotated", doctor.name))),
    }
}

/// Returns how long a new key of the secret lives, if the function rotates API keys.
fn lifetime(variables: &HashMap<String, String>, secret: &Secret, own: Option<ProviderFile>) -> Lifetime {
    let environment: Environment = variables.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    let wrong = |error: fourstep::Error| Lifetime::Wrong {
        why: error.to_string(),
        next: "Correct the function's variables, or the secret's tags".to_owned(),
    };
    let keys = ApiKeys::new(environment.clone());
    let (name, ready_made) = match keys.provider_of(&secret.name, &secret.tags) {
        Ok(Some(found)) => found,
        Ok(None) => return Lifetime::Endless,
        Err(error) => return wrong(error),
    };
    let Some(provider) = own.or(ready_made) else {
        return Lifetime::Unknown {
            why: format!(
                "The provider file of `{name}` is in the function's zip or a layer, and is not read from here."
            ),
            next: format!("Name it: fourstep doctor {} --provider FILE", fourstep_ops::argument(&secret.name)),
        };
    };
    let tag = match read::group::<ApiKeySettings>(&environment, &secret.tags) {
        Ok(settings) => settings.lifetime,
        Err(error) => return wrong(error),
    };
    let limited = |lifetime, source| Lifetime::Limited { lifetime: provider.certain(lifetime), source };
    match (provider.lifetime, tag) {
        (None, None) => Lifetime::Endless,
        (Some(limit), Some(lifetime)) if lifetime <= limit => {
            limited(lifetime, "the tag `fourstep:lifetime`".to_owned())
        }
        (Some(lifetime), None) => limited(lifetime, format!("the provider file of `{name}`")),
        (_, Some(_)) => Lifetime::Wrong {
            why: "The tag `fourstep:lifetime` asks for more than the provider file's `lifetime`.".to_owned(),
            next: "Correct or remove the tag".to_owned(),
        },
    }
}
