pub(crate) mod finding;
mod function;
mod key;
pub(crate) mod lifetime;
mod secret;
mod simulation;
mod trail;

use std::collections::HashMap;

use serde::Serialize;

use crate::doctor::finding::{Finding, bad};
use crate::doctor::lifetime::Lifetime;
use crate::doctor::secret::{replicas, schedule, tags};
use crate::error::Result;
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

impl Operator {
    /// Looks at everything that a rotation needs, and changes nothing.
    ///
    /// `known_tags` are the tags that settings have. The caller knows them, because it knows the plugins; of the secret's
    /// tags that begin with `fourstep:`, any other is a finding. For the same reason `lifetime` says how long a new credential
    /// lives, by the function's variables.
    ///
    /// # Errors
    ///
    /// If the secret cannot be described. What else cannot be looked at is a finding.
    pub async fn examine(
        &self,
        name: &str,
        known_tags: &[&str],
        lifetime: impl FnOnce(&HashMap<String, String>, &Secret) -> Lifetime + Send,
    ) -> Result<Examination> {
        let (secret, _) = self.look(name).await?;
        let mut findings = vec![schedule(&secret), tags(&secret, known_tags)];
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
        if let Some(configuration) = &configuration {
            let variables = configuration.environment().and_then(|environment| environment.variables());
            let lifetime = lifetime(variables.unwrap_or(&HashMap::new()), &secret);
            findings.extend(lifetime::lifetime(&secret.name, &secret.rules, lifetime));
        }
        let role = configuration.as_ref().and_then(|configuration| configuration.role());
        findings.extend(self.key(&secret, role).await);
        findings.push(self.history().await);
        findings.push(self.trail().await);
        Ok(Examination { secret: secret.name, findings })
    }
}
