//! What the tests of the model begin with.

use super::{CreateSecret, Model, RotateSecret, SecretValue};

pub(super) const T1: &str = "t1t1t1t1t1t1t1t1t1t1t1t1t1t1t1t1";
pub(super) const T2: &str = "t2t2t2t2t2t2t2t2t2t2t2t2t2t2t2t2";
pub(super) const T3: &str = "t3t3t3t3t3t3t3t3t3t3t3t3t3t3t3t3";

/// A secret whose version T1 is current, in a rotation that makes T2.
pub(super) fn rotating() -> Model {
    let mut model = Model::default();
    let value = Some(SecretValue::text("v1"));
    model
        .create_secret(CreateSecret { name: "app", token: Some(T1), value, ..CreateSecret::default() })
        .expect("the secret can be made");
    let request = RotateSecret { token: Some(T2), lambda_arn: Some("arn:lambda"), ..RotateSecret::now("app") };
    model.rotate_secret(request).answer.expect("no rotation is under way");
    model
}

pub(super) fn labels<'m>(model: &'m Model, id: &str) -> Vec<&'m str> {
    let version = model.secret("app").and_then(|secret| secret.version(id)).expect("the version exists");
    let mut labels: Vec<_> = version.labels.iter().map(String::as_str).collect();
    labels.sort_unstable();
    labels
}
