use clap::Args;
use fourstep_ops::Health;

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
}

pub(crate) async fn run(doctor: Doctor, global: &Global) -> Result<(), Ending> {
    let examination = global.operator().await?.examine(&doctor.name, &tags::known()).await?;
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
