use std::collections::BTreeMap;

use super::input::Input;
use super::operation::Operation;

/// One call that the emulation received. It holds no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its number among all calls, from 1.
    pub number: usize,
    /// Its number among the calls of its operation, from 1.
    pub nth: usize,
    /// The operation.
    pub operation: Operation,
    /// The secret, as the caller named it.
    pub secret_id: Option<String>,
    /// The version that is read, written or moved to.
    pub version_id: Option<String>,
    /// The labels that the caller named.
    pub stages: Vec<String>,
    /// Whether there was a RotationToken.
    pub rotation_token: bool,
}

/// The calls so far, in order.
#[derive(Default)]
pub(super) struct Journal {
    calls: Vec<Call>,
    counts: BTreeMap<Operation, usize>,
}

impl Journal {
    pub(super) fn add(&mut self, operation: Operation, input: &Input) -> Call {
        let nth = self.counts.entry(operation).or_default();
        *nth += 1;
        let versions = [&input.client_request_token, &input.version_id, &input.move_to_version_id];
        let stages = input.version_stages.iter().flatten().chain(&input.version_stage);
        let call = Call {
            number: self.calls.len() + 1,
            nth: *nth,
            operation,
            secret_id: input.secret_id.clone().or_else(|| input.name.clone()),
            version_id: versions.into_iter().flatten().next().cloned(),
            stages: stages.cloned().collect(),
            rotation_token: input.rotation_token.is_some(),
        };
        self.calls.push(call.clone());
        call
    }

    pub(super) fn calls(&self) -> &[Call] {
        &self.calls
    }

    pub(super) fn count(&self, operation: Operation) -> usize {
        self.counts.get(&operation).copied().unwrap_or_default()
    }
}
