//! AWS IAM, as far as an operator asks it: SimulatePrincipalPolicy, in the wire format of its Query API.

use std::collections::BTreeSet;

use percent_encoding::percent_decode_str;

/// Answers SimulatePrincipalPolicy: every action is allowed but those that are forbidden.
pub(super) fn simulate(forbidden: &BTreeSet<String>, form: &str) -> String {
    let results: String = form
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .filter(|(name, _)| name.starts_with("ActionNames.member."))
        .map(|(_, action)| {
            let action = percent_decode_str(action).decode_utf8_lossy();
            let decision = if forbidden.contains(action.as_ref()) { "implicitDeny" } else { "allowed" };
            format!(
                "<member><EvalActionName>{action}</EvalActionName><EvalDecision>{decision}</EvalDecision>\
                 <MissingContextValues/></member>"
            )
        })
        .collect();
    format!(
        "<SimulatePrincipalPolicyResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">\
         <SimulatePrincipalPolicyResult><IsTruncated>false</IsTruncated><EvaluationResults>{results}\
         </EvaluationResults></SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"
    )
}
