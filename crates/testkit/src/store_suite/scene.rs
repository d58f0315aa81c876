use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use fourstep::store::SecretStore;
use serde_json::{Value, json};

use crate::aws::{Operation, Refusal};

use super::subject::Subject;

/// A secret of its own for one rule, on the subject.
pub(super) struct Scene<'s> {
    subject: &'s Subject,
    pub(super) name: String,
}

/// Tokens, and so version ids, that rules use.
pub(super) const T1: &str = "11111111-1111-4111-8111-111111111111";
pub(super) const T2: &str = "22222222-2222-4222-8222-222222222222";
pub(super) const T3: &str = "33333333-3333-4333-8333-333333333333";

pub(super) const LAMBDA: &str = "arn:aws:lambda:us-east-1:123456789012:function:rotate";

/// Labels by version id.
pub(super) type Labels = BTreeMap<String, BTreeSet<String>>;

impl<'s> Scene<'s> {
    pub(super) fn new(subject: &'s Subject, name: String) -> Self {
        Self { subject, name }
    }

    /// Returns the store. Rules about stores are only checked where there is one.
    pub(super) fn store(&self) -> Result<&dyn SecretStore, String> {
        self.subject.store.as_deref().ok_or_else(|| "the subject has no store".to_owned())
    }

    /// Calls an operation on this rule's secret.
    pub(super) async fn try_call(&self, operation: Operation, mut input: Value) -> Result<Value, Refusal> {
        let id = if operation == Operation::CreateSecret { "Name" } else { "SecretId" };
        if input.get(id).is_none() {
            input[id] = json!(self.name);
        }
        self.subject.api.call(operation, &input).await
    }

    /// Calls an operation that must succeed.
    pub(super) async fn call(&self, operation: Operation, input: Value) -> Result<Value, String> {
        self.try_call(operation, input)
            .await
            .map_err(|refusal| format!("{operation} was refused: {}: {}", refusal.exception, refusal.message))
    }

    /// Calls an operation that must be refused with `exception`.
    pub(super) async fn refused(&self, operation: Operation, input: Value, exception: &str) -> Result<(), String> {
        match self.try_call(operation, input).await {
            Ok(_) => Err(format!("{operation} succeeded in place of {exception}")),
            Err(refusal) if refusal.exception == exception => Ok(()),
            Err(refusal) => Err(format!("{operation} was refused as {} in place of {exception}", refusal.exception)),
        }
    }

    /// Creates the secret, with version T1 current.
    pub(super) async fn create(&self) -> Result<Value, String> {
        self.call(Operation::CreateSecret, json!({ "ClientRequestToken": T1, "SecretString": "v1" })).await
    }

    /// Creates the secret and starts a rotation, so that T2 is pending and empty.
    ///
    /// That RotateSecret may answer with an error is for the rule about RotateSecret: moto wants a function in Docker.
    pub(super) async fn create_rotating(&self) -> Result<(), String> {
        self.create().await?;
        let input = json!({
            "ClientRequestToken": T2, "RotationLambdaARN": LAMBDA, "RotationRules": { "AutomaticallyAfterDays": 30 },
        });
        let _ = self.try_call(Operation::RotateSecret, input).await;
        same(&self.labels().await?, &labels([(T1, &["AWSCURRENT"]), (T2, &["AWSPENDING"])]))
    }

    /// Stores a value under labels: AWSCURRENT if there are none.
    pub(super) async fn put(&self, token: &str, value: &str, stages: &[&str]) -> Result<Value, String> {
        self.call(Operation::PutSecretValue, put(token, value, stages)).await
    }

    /// Moves AWSCURRENT.
    pub(super) async fn promote(&self, to: &str, from: &str) -> Result<Value, String> {
        self.call(Operation::UpdateSecretVersionStage, stage("AWSCURRENT", Some(to), Some(from))).await
    }

    /// Reads the text of a version.
    pub(super) async fn text(&self, token: &str) -> Result<Value, String> {
        Ok(self.call(Operation::GetSecretValue, json!({ "VersionId": token })).await?["SecretString"].clone())
    }

    pub(super) async fn describe(&self) -> Result<Value, String> {
        self.call(Operation::DescribeSecret, json!({})).await
    }

    /// Returns the labels as DescribeSecret tells them, without versions that have none.
    pub(super) async fn labels(&self) -> Result<Labels, String> {
        let description = self.describe().await?;
        let labels: Labels = serde_json::from_value(description["VersionIdsToStages"].clone())
            .map_err(|_| "VersionIdsToStages is no map of labels".to_owned())?;
        Ok(labels.into_iter().filter(|(_, labels)| !labels.is_empty()).collect())
    }

    /// Checks the labels of all versions.
    pub(super) async fn has_labels<const N: usize>(&self, wanted: [(&str, &[&str]); N]) -> Result<(), String> {
        same(&self.labels().await?, &labels(wanted))
    }
}

/// The input of PutSecretValue.
pub(super) fn put(token: &str, value: &str, stages: &[&str]) -> Value {
    let mut input = json!({ "ClientRequestToken": token, "SecretString": value });
    if !stages.is_empty() {
        input["VersionStages"] = json!(stages);
    }
    input
}

/// The input of UpdateSecretVersionStage.
pub(super) fn stage(label: &str, to: Option<&str>, from: Option<&str>) -> Value {
    let mut input = json!({ "VersionStage": label });
    if let Some(to) = to {
        input["MoveToVersionId"] = json!(to);
    }
    if let Some(from) = from {
        input["RemoveFromVersionId"] = json!(from);
    }
    input
}

/// Checks that `found` is `wanted`.
pub(super) fn same<T: PartialEq + Debug + ?Sized>(found: &T, wanted: &T) -> Result<(), String> {
    if found == wanted { Ok(()) } else { Err(format!("found {found:?} in place of {wanted:?}")) }
}

/// Checks that something holds.
pub(super) fn holds(condition: bool, what: &str) -> Result<(), String> {
    if condition { Ok(()) } else { Err(format!("it does not hold that {what}")) }
}

fn labels<const N: usize>(labels: [(&str, &[&str]); N]) -> Labels {
    labels
        .into_iter()
        .map(|(id, labels)| (id.to_owned(), labels.iter().map(|label| (*label).to_owned()).collect()))
        .collect()
}
