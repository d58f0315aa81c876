use aws_sdk_lambda::types::{FunctionConfiguration, InvocationType};
use serde_json::Value;

use crate::call::Call;
use crate::doctor::finding::{Finding, bad, doubtful, good, unknown};
use crate::doctor::simulation::{Simulated, entry};
use crate::error::{Reason, Result};
use crate::operator::Operator;
use crate::secret::Secret;

/// The four steps wait for the target a few times; AWS's own functions have 30 s.
const LEAST_TIMEOUT: i32 = 30;
/// What a function does with the secret, as `template.yaml` allows it.
const ACTIONS: [&str; 5] = [
    "secretsmanager:DescribeSecret",
    "secretsmanager:GetSecretValue",
    "secretsmanager:ListSecretVersionIds",
    "secretsmanager:PutSecretValue",
    "secretsmanager:UpdateSecretVersionStage",
];

/// Judges runtime and time-out of the function.
pub(super) fn settings(configuration: &Result<FunctionConfiguration>) -> Finding {
    let what = "function";
    let configuration = match configuration {
        Ok(configuration) => configuration,
        Err(error) => return unknown(what, error),
    };
    let runtime = configuration.runtime.as_ref().map_or("none", |runtime| runtime.as_str());
    let timeout = configuration.timeout.unwrap_or_default();
    let found = format!("Its runtime is {runtime}, its time-out {timeout} s.");
    if timeout < LEAST_TIMEOUT {
        return doubtful(what, &found, "Raise the time-out to 30 s or more");
    }
    if !runtime.starts_with("provided") {
        let next = "Fourstep's functions run on provided.al2023: look whether this is the right function";
        return doubtful(what, &found, next);
    }
    good(what, &found)
}

impl Operator {
    /// Checks whether Secrets Manager may invoke the function, for this account only.
    pub(super) async fn permission(&self, function: &str, secret: &Secret) -> Finding {
        let what = "permission of Secrets Manager";
        let subject = format!("policy of function {function}");
        let call = Call { service: "lambda", operation: "GetPolicy", subject: &subject };
        let missing =
            "Allow lambda:InvokeFunction to secretsmanager.amazonaws.com, with the condition aws:SourceAccount";
        let policy = match self.functions.get_policy().function_name(function).send().await {
            Ok(answer) => answer.policy.unwrap_or_default(),
            Err(error) => {
                let error = call.failed(&error);
                return if error.reason == Reason::NotFound {
                    bad(what, "The function has no policy: Secrets Manager may not invoke it.", missing)
                } else {
                    unknown(what, &error)
                };
            }
        };
        let policy: Value = serde_json::from_str(&policy).unwrap_or_default();
        let statements = policy["Statement"].as_array().cloned().unwrap_or_default();
        let for_us = |statement: &&Value| {
            statement["Effect"] == "Allow" && has(&statement["Principal"]["Service"], "secretsmanager.amazonaws.com")
        };
        let Some(statement) = statements.iter().find(for_us) else {
            return bad(what, "The function's policy does not let Secrets Manager invoke it.", missing);
        };
        // arn:partition:secretsmanager:region:account:secret:name
        let account = secret.arn.split(':').nth(4).unwrap_or_default();
        let condition = statement["Condition"].to_string().to_lowercase();
        if condition.contains("aws:sourceaccount") && condition.contains(account) || condition.contains("aws:sourcearn")
        {
            return good(what, "Secrets Manager may invoke the function, for this account.");
        }
        let found = "Secrets Manager may invoke the function for any account.";
        doubtful(what, found, "Add the condition aws:SourceAccount to its policy")
    }

    /// Checks whether the caller may invoke the function, without running it.
    pub(super) async fn invocation(&self, function: &str) -> Finding {
        let what = "your permission to invoke it";
        let subject = format!("function {function}");
        let call = Call { service: "lambda", operation: "InvokeFunction", subject: &subject };
        let request = self.functions.invoke().function_name(function).invocation_type(InvocationType::DryRun);
        match request.send().await.map_err(|error| call.failed(&error)) {
            Ok(_) => good(what, "You may use diagnose, rollback, recover and retire."),
            // It is rotated without this; only you cannot repair it.
            Err(error) if error.reason == Reason::Denied => doubtful(what, &format!("{}.", error.message), &error.next),
            Err(error) => unknown(what, &error),
        }
    }

    /// Checks whether the function's role may do with the secret what a rotation does.
    pub(super) async fn role(
        &self,
        configuration: &Result<FunctionConfiguration>,
        function: &str,
        secret: &Secret,
    ) -> Finding {
        let what = "the function's role";
        let role = match configuration {
            Ok(configuration) => configuration.role.as_deref().unwrap_or_default(),
            Err(error) => return unknown(what, error),
        };
        let mut context = vec![entry("secretsmanager:resource/AllowRotationLambdaArn", function)];
        context.extend(secret.tags.iter().map(|(key, value)| entry(&format!("aws:ResourceTag/{key}"), value)));
        match self.simulate(role, &ACTIONS, &secret.arn, context).await {
            Ok(Simulated::Forbids(actions)) if actions.is_empty() => {
                good(what, &format!("By its own policies, {role} may do what a rotation does."))
            }
            Ok(Simulated::Forbids(actions)) => bad(
                what,
                &format!("{role} may not use {}.", actions.join(", ")),
                &format!("Allow the role to do so, on {}", secret.arn),
            ),
            Ok(Simulated::DependsOn(keys)) => doubtful(
                what,
                &format!("Whether {role} may do what a rotation does depends on {}.", keys.join(", ")),
                "Look whether these conditions of the role's policies hold",
            ),
            Err(error) => unknown(what, &error),
        }
    }
}

fn has(value: &Value, text: &str) -> bool {
    value == text || value.as_array().is_some_and(|values| values.iter().any(|value| value == text))
}
