use fourstep::AWSCURRENT;
use serde_json::Value;

use crate::argument::argument;
use crate::call::Call;
use crate::doctor::finding::{Finding, bad, doubtful, good, unknown};
use crate::error::one_line;
use crate::operator::Operator;
use crate::secret::Secret;

/// Checks whether the secret is rotated, and by a schedule.
pub(super) fn schedule(secret: &Secret) -> Finding {
    let what = "schedule";
    if !secret.rotation_enabled {
        let next = format!("Turn it on: fourstep configure {}", argument(&secret.name));
        return bad(what, "Rotation is turned off.", &next);
    }
    if secret.rules.is_empty() {
        let found = "There is no schedule: it is rotated by hand only.";
        let next = format!("Set one: fourstep configure {} --every 30d", argument(&secret.name));
        return doubtful(what, found, &next);
    }
    good(what, &format!("It is rotated {}.", secret.rules))
}

/// Checks whether a setting has each of the secret's tags that begin with `fourstep:`.
pub(super) fn tags(secret: &Secret, known: &[&str]) -> Finding {
    let ours = secret.tags.keys().filter(|key| key.starts_with("fourstep:"));
    let unknown: Vec<_> = ours.filter(|key| !known.contains(&key.as_str())).map(String::as_str).collect();
    if unknown.is_empty() {
        return good("tags", "No tag is unknown.");
    }
    let found = format!("These are not known, and the function refuses them: {}.", unknown.join(", "));
    bad("tags", &found, &format!("Correct or remove them; there are {}", known.join(", ")))
}

/// Checks whether the copies in other regions are in sync, if there are any.
pub(super) fn replicas(secret: &Secret) -> Option<Finding> {
    let behind: Vec<_> = secret.replicas.iter().filter(|replica| replica.status != "InSync").collect();
    if secret.replicas.is_empty() {
        return None;
    }
    if behind.is_empty() {
        return Some(good("replicas", "All are in sync."));
    }
    let names: Vec<_> = behind.iter().map(|replica| format!("{} ({})", replica.region, replica.status)).collect();
    let found = format!("Not in sync: {}.", names.join(", "));
    Some(bad("replicas", &found, "Wait, or look at the KMS key of that region; retire=at-finish waits for them"))
}

impl Operator {
    /// Looks at the names of the fields of AWSCURRENT, and at no value.
    pub(super) async fn value(&self, secret: &Secret) -> Finding {
        let what = "the secret's JSON";
        let subject = format!("secret {}", secret.name);
        let call = Call { service: "secretsmanager", operation: "GetSecretValue", subject: &subject };
        let answer = self.secrets.get_secret_value().secret_id(&secret.arn).version_stage(AWSCURRENT).send().await;
        let text = match answer {
            Ok(answer) => answer.secret_string.unwrap_or_default(),
            Err(error) => return unknown(what, &call.failed(&error)),
        };
        let Ok(Value::Object(fields)) = serde_json::from_str(&text) else {
            return bad(what, "AWSCURRENT is not a JSON object.", "Store a JSON object in the secret");
        };
        let Some(engine) = fields.get("engine").and_then(Value::as_str) else {
            return good(what, "It has no `engine`: it is not an account of a database.");
        };
        let needed = ["host", "username", "password"];
        let missing: Vec<_> = needed.into_iter().filter(|name| !fields.contains_key(*name)).collect();
        if missing.is_empty() {
            return good(what, &format!("It has what an account of {} needs.", one_line(engine)));
        }
        bad(what, &format!("It lacks {}.", missing.join(" and ")), "Add these fields to the secret's JSON")
    }
}
