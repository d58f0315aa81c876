//! Which secrets and versions may be acted on.

use crate::error::{Error, Result};
use crate::step::StepEvent;
use crate::store::{AWSPENDING, Description};

/// Refuses a secret that Secrets Manager may not ask this function to rotate.
///
/// Whoever may invoke the function could send it a step for any secret, as Secrets Manager does.
pub(crate) fn rotatable(description: &Description, function_arn: &str) -> Result<()> {
    exists_here(description)?;
    if description.rotation_enabled {
        return rotated_by(function_arn, description);
    }
    Err(Error::invalid(format!("rotation of secret {} is not enabled", description.name))
        .next("Turn it on with RotateSecret, naming this function"))
}

/// Refuses what an operator may not ask of this function: rotation may be off.
pub(crate) fn operable(description: &Description, function_arn: &str) -> Result<()> {
    exists_here(description)?;
    rotated_by(function_arn, description)
}

/// Refuses a secret that is deleted, or the copy of one in another region.
fn exists_here(description: &Description) -> Result<()> {
    let name = &description.name;
    if description.deleted.is_some() {
        return Err(Error::invalid(format!("secret {name} is scheduled for deletion"))
            .next("Restore it with RestoreSecret, or turn its rotation off"));
    }
    if description.is_replica() {
        let primary = description.primary_region.as_deref().unwrap_or("another region");
        return Err(Error::invalid(format!("secret {name} is a replica; its primary is in {primary}"))
            .next("Rotate the primary: Secrets Manager copies the result"));
    }
    Ok(())
}

/// Refuses a secret of another function: who may invoke this one has no business with the secrets of others.
fn rotated_by(function_arn: &str, description: &Description) -> Result<()> {
    let name = &description.name;
    let what = match description.rotation_lambda_arn.as_deref() {
        Some(arn) if unqualified(arn) == unqualified(function_arn) => return Ok(()),
        Some(_) => format!("secret {name} is rotated by another function"),
        None => format!("no function rotates secret {name}"),
    };
    Err(Error::invalid(what)
        .next("Invoke the function that RotationLambdaARN of the secret names, or name this one by RotateSecret"))
}

/// Leaves out the version or alias of `arn:aws:lambda:region:account:function:name:qualifier`.
fn unqualified(arn: &str) -> &str {
    arn.match_indices(':').nth(6).map_or(arn, |(end, _)| &arn[..end])
}

/// Explains why an event's version is not to be rotated to: it is neither AWSPENDING nor AWSCURRENT.
pub(crate) fn not_staged(description: &Description, event: &StepEvent) -> Error {
    let (name, token) = (&description.name, &event.token);
    let labels = description.labels_of(token);
    let what = if labels.is_empty() {
        format!("version {token} of secret {name} has no label")
    } else {
        format!("version {token} of secret {name} has {}, not AWSPENDING", labels.join(" and "))
    };
    let next = match description.version_with(AWSPENDING) {
        Some(other) => {
            format!("AWSPENDING is on version {other}: this event belongs to an older rotation, so ignore it")
        }
        None => "Start a rotation with RotateSecret, which stages a version".to_owned(),
    };
    Error::invalid(what).next(next)
}
