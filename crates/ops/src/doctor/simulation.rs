use aws_sdk_iam::types::{ContextEntry, ContextKeyTypeEnum, PolicyEvaluationDecisionType};

use crate::call::Call;
use crate::error::Result;
use crate::operator::Operator;

/// What a role may not do of what was asked.
pub(super) enum Simulated {
    /// These actions are not allowed.
    Forbids(Vec<String>),
    /// These conditions decide, and nobody knows their values.
    DependsOn(Vec<String>),
}

impl Operator {
    /// Asks IAM which of the actions a role's own policies do not allow. Policies of the resource are not in it.
    pub(super) async fn simulate(
        &self,
        role: &str,
        actions: &[&str],
        resource: &str,
        context: Vec<ContextEntry>,
    ) -> Result<Simulated> {
        let subject = format!("role {role}");
        let call = Call { service: "iam", operation: "SimulatePrincipalPolicy", subject: &subject };
        let request = self
            .permissions
            .simulate_principal_policy()
            .policy_source_arn(role)
            .set_action_names(Some(actions.iter().map(|action| (*action).to_owned()).collect()))
            .resource_arns(resource)
            .set_context_entries(Some(context));
        let answer = request.send().await.map_err(|error| call.failed(&error))?;
        let forbidden: Vec<_> = answer
            .evaluation_results()
            .iter()
            .filter(|result| *result.eval_decision() != PolicyEvaluationDecisionType::Allowed)
            .collect();
        let mut missing: Vec<_> =
            forbidden.iter().flat_map(|result| result.missing_context_values()).cloned().collect();
        missing.sort_unstable();
        missing.dedup();
        if missing.is_empty() {
            Ok(Simulated::Forbids(forbidden.iter().map(|result| result.eval_action_name().to_owned()).collect()))
        } else {
            Ok(Simulated::DependsOn(missing))
        }
    }
}

/// Creates the value of a condition key.
pub(super) fn entry(key: &str, value: &str) -> ContextEntry {
    ContextEntry::builder()
        .context_key_name(key)
        .context_key_type(ContextKeyTypeEnum::String)
        .context_key_values(value)
        .build()
}
