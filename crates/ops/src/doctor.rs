mod function;
mod key;
mod trail;

use fourstep::{AWSCURRENT, SETTINGS};
use serde::Serialize;
use serde_json::Value;

use crate::call::Call;
use crate::error::{Error, Result};
use crate::operator::Operator;
use crate::secret::Secret;

/// What is right or wrong with the rotation of a secret, before it is needed.
#[derive(Clone, Debug, Serialize)]
pub struct Examination {
    /// Name of the secret.
    pub secret: String,
    /// What was looked at.
    pub findings: Vec<Finding>,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// What.
    pub what: &'static str,
    /// How it is.
    pub health: Health,
    /// What was found: a sentence.
    pub found: String,
    /// What to do, if something is to be done: a sentence.
    pub next: Option<String>,
}

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// As it should be.
    Good,
    /// It works, and could be better.
    Doubtful,
    /// It could not be looked at.
    Unknown,
    /// Rotation does not work like this.
    Bad,
}

impl Operator {
    /// Looks at everything that a rotation needs, and changes nothing.
    ///
    /// # Errors
    ///
    /// If the secret cannot be described. What else cannot be looked at is a finding.
    pub async fn examine(&self, name: &str) -> Result<Examination> {
        let (secret, _) = self.look(name).await?;
        let mut findings = vec![schedule(&secret), tags(&secret)];
        findings.extend(replicas(&secret));
        findings.push(self.value(&secret).await);
        let configuration = match secret.function.as_deref() {
            None => {
                findings.push(bad("function", "No function rotates this secret.", "Name one: fourstep configure"));
                None
            }
            Some(function) => {
                let configuration = self.configuration(function).await;
                findings.push(function::settings(&configuration));
                findings.push(self.permission(function, &secret).await);
                findings.push(self.invocation(function).await);
                findings.push(self.role(&configuration, function, &secret).await);
                configuration.ok()
            }
        };
        let role = configuration.as_ref().and_then(|configuration| configuration.role());
        findings.extend(self.key(&secret, role).await);
        findings.push(self.history().await);
        findings.push(self.trail().await);
        Ok(Examination { secret: secret.name, findings })
    }

    /// Looks at the names of the fields of AWSCURRENT, and at no value.
    async fn value(&self, secret: &Secret) -> Finding {
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
            return good(what, &format!("It has what an account of {} needs.", crate::error::printable(engine)));
        }
        bad(what, &format!("It lacks {}.", missing.join(" and ")), "Add these fields to the secret's JSON")
    }
}

fn schedule(secret: &Secret) -> Finding {
    let what = "schedule";
    if !secret.rotation_enabled {
        return bad(what, "Rotation is turned off.", "Turn it on: fourstep configure");
    }
    if secret.rules.is_empty() {
        let found = "There is no schedule: it is rotated by hand only.";
        return doubtful(what, found, "Set one: fourstep configure --every 30d");
    }
    good(what, &format!("It is rotated {}.", secret.rules))
}

fn tags(secret: &Secret) -> Finding {
    let known: Vec<_> = SETTINGS.iter().filter_map(|setting| setting.tag).collect();
    let ours = secret.tags.keys().filter(|key| key.starts_with("fourstep:"));
    let unknown: Vec<_> = ours.filter(|key| !known.contains(&key.as_str())).map(String::as_str).collect();
    if unknown.is_empty() {
        return good("tags", "All tags of Fourstep are known.");
    }
    let found = format!("These are not known, and the function refuses them: {}.", unknown.join(", "));
    bad("tags", &found, &format!("Correct or remove them; there are {}", known.join(", ")))
}

fn replicas(secret: &Secret) -> Option<Finding> {
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

fn good(what: &'static str, found: &str) -> Finding {
    Finding { what, health: Health::Good, found: found.to_owned(), next: None }
}

fn bad(what: &'static str, found: &str, next: &str) -> Finding {
    Finding { what, health: Health::Bad, found: found.to_owned(), next: Some(format!("{next}.")) }
}

fn doubtful(what: &'static str, found: &str, next: &str) -> Finding {
    Finding { health: Health::Doubtful, ..bad(what, found, next) }
}

fn unknown(what: &'static str, error: &Error) -> Finding {
    let Error { message, next, .. } = error;
    Finding { what, health: Health::Unknown, found: format!("{message}."), next: Some(format!("{next}.")) }
}
