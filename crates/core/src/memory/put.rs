use crate::store::{AWSCURRENT, AWSPENDING};

use super::exception::Exception;
use super::model::{Model, check_value};
use super::secret::{MOST_LABELS, Secret, SecretValue, check_label};

/// What PutSecretValue is asked.
#[derive(Clone, Debug)]
pub struct PutSecretValue<'a> {
    /// ARN or name of the secret.
    pub secret_id: &'a str,
    /// Id of the version. Left out, one is made up, as the SDKs do.
    pub token: Option<&'a str>,
    /// The version's value.
    pub value: SecretValue,
    /// The labels to put on the version. Empty: AWSCURRENT.
    pub stages: &'a [&'a str],
    /// Whether there is a RotationToken.
    pub rotation_token: bool,
}

impl<'a> PutSecretValue<'a> {
    /// Asks what a human asks: this value now, under AWSCURRENT.
    pub fn current(secret_id: &'a str, value: impl Into<String>) -> Self {
        Self { secret_id, token: None, value: SecretValue::text(value), stages: &[], rotation_token: false }
    }

    /// Asks what createSecret asks: this value under AWSPENDING.
    pub fn pending(secret_id: &'a str, token: &'a str, value: impl Into<String>) -> Self {
        Self { token: Some(token), stages: &[AWSPENDING], ..Self::current(secret_id, value) }
    }
}

impl Model {
    /// Stores a value as a new version, or as the value of a version that has none, and moves labels to it.
    ///
    /// Returns the id of the version. The rules, from the API reference of PutSecretValue:
    ///
    /// - The same token with the same value is ignored: a success that changes nothing, the labels included.
    /// - The labels are taken from whichever version has them, without comparing.
    /// - Without labels, AWSCURRENT moves here and AWSPREVIOUS to the version that it was on. If a rotation was
    ///   running, AWSPENDING is removed from its version: the event RotationAbandoned in CloudTrail.
    /// - The first version of a secret gets AWSCURRENT, whatever was asked.
    ///
    /// # Errors
    ///
    /// `ResourceExists` if the version has another value; `ResourceNotFound`; `InvalidRequest` if the secret is marked
    /// for deletion; `InvalidParameter` for a token, value or label out of its limits.
    pub fn put_secret_value(&mut self, request: PutSecretValue<'_>) -> Result<String, Exception> {
        let PutSecretValue { secret_id, token, value, stages, rotation_token } = request;
        let token = self.token(token)?;
        check_value(&value)?;
        if stages.len() > MOST_LABELS {
            return Err(Exception::limit(format!("A version can have at most {MOST_LABELS} staging labels.")));
        }
        stages.iter().try_for_each(|stage| check_label(stage))?;
        let now = self.now();
        let secret = self.live(secret_id)?;
        let first = secret.versions.is_empty();
        if let Some(stored) = secret.version(&token).and_then(|version| version.value.as_ref()) {
            return if *stored == value {
                Ok(token)
            } else {
                Err(Exception::exists(format!(
                    "You can't use ClientRequestToken {token} because that value is already in use for a version of \
                     secret {secret_id}."
                )))
            };
        }
        let version = secret.version_or_new(&token, now);
        version.value = Some(value);
        version.rotation_token = rotation_token;
        if first || stages.is_empty() || stages.contains(&AWSCURRENT) {
            abandon_rotation(secret, &token);
            secret.promote(&token);
        }
        for stage in stages.iter().filter(|stage| **stage != AWSCURRENT) {
            secret.move_label(stage, &token);
        }
        Ok(token)
    }
}

/// Removes AWSPENDING from a rotation that a new current version overtakes.
fn abandon_rotation(secret: &mut Secret, token: &str) {
    if secret.labelled(AWSPENDING).is_some_and(|version| version.id != token) {
        secret.remove_label(AWSPENDING);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::fixture::{T1, T2, T3, labels, rotating};
    use crate::memory::{CreateSecret, ExceptionName, UpdateSecretVersionStage};
    use crate::store::AWSPREVIOUS;

    #[test]
    fn a_put_fills_the_empty_pending_version() {
        let mut model = rotating();
        assert!(model.get_secret_value("app", None, Some(AWSPENDING)).is_err());
        model.put_secret_value(PutSecretValue::pending("app", T2, "v2")).unwrap();
        let (version, value) = model.get_secret_value("app", Some(T2), Some(AWSPENDING)).unwrap();
        assert_eq!((version.id.as_str(), value), (T2, &SecretValue::text("v2")));
        assert_eq!(labels(&model, T1), [AWSCURRENT]);
    }

    #[test]
    fn the_same_token_takes_the_same_value_again_and_no_other() {
        let mut model = rotating();
        model.put_secret_value(PutSecretValue::pending("app", T2, "v2")).unwrap();
        model.update_secret_version_stage(UpdateSecretVersionStage::removal("app", AWSPENDING, T2)).unwrap();
        model.put_secret_value(PutSecretValue::pending("app", T2, "v2")).unwrap();
        assert_eq!(labels(&model, T2), [""; 0], "a repeated call moves no label");
        let refused = model.put_secret_value(PutSecretValue::pending("app", T2, "other")).unwrap_err();
        assert_eq!(refused.name, ExceptionName::ResourceExists);
        assert_eq!(model.secret("app").unwrap().version(T2).unwrap().value, Some(SecretValue::text("v2")));
    }

    #[test]
    fn a_put_takes_pending_from_whichever_version_has_it() {
        let mut model = rotating();
        model.put_secret_value(PutSecretValue::pending("app", T3, "v3")).unwrap();
        assert_eq!((labels(&model, T2), labels(&model, T3)), (vec![], vec![AWSPENDING]));
        model.put_secret_value(PutSecretValue::pending("app", T2, "v2")).unwrap();
        assert_eq!((labels(&model, T2), labels(&model, T3)), (vec![AWSPENDING], vec![]));
    }

    #[test]
    fn a_put_without_labels_moves_current_and_previous_and_abandons_the_rotation() {
        let mut model = rotating();
        model.put_secret_value(PutSecretValue::pending("app", T2, "v2")).unwrap();
        model.put_secret_value(PutSecretValue { token: Some(T3), ..PutSecretValue::current("app", "human") }).unwrap();
        assert_eq!(labels(&model, T1), [AWSPREVIOUS]);
        assert_eq!(labels(&model, T2), [""; 0]);
        assert_eq!(labels(&model, T3), [AWSCURRENT]);
        let unlabelled: Vec<_> = model.secret("app").unwrap().unlabelled().map(|version| version.id.clone()).collect();
        assert_eq!(unlabelled, [T2]);
    }

    #[test]
    fn the_first_version_becomes_current_whatever_was_asked() {
        let mut model = Model::default();
        model.create_secret(CreateSecret { name: "app", ..CreateSecret::default() }).unwrap();
        model.put_secret_value(PutSecretValue::pending("app", T1, "v1")).unwrap();
        assert_eq!(labels(&model, T1), [AWSCURRENT, AWSPENDING]);
    }

    #[test]
    fn a_put_records_whether_there_was_a_rotation_token() {
        let mut model = rotating();
        model
            .put_secret_value(PutSecretValue { rotation_token: true, ..PutSecretValue::pending("app", T2, "v2") })
            .unwrap();
        assert!(model.secret("app").unwrap().version(T2).unwrap().rotation_token);
    }

    #[test]
    fn a_put_brings_at_most_20_labels() {
        let mut model = rotating();
        let many: Vec<_> = (0..21).map(|number| number.to_string()).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        let refused = model.put_secret_value(PutSecretValue { stages: &many, ..PutSecretValue::current("app", "x") });
        assert_eq!(refused.unwrap_err().name, ExceptionName::LimitExceeded);
        model
            .put_secret_value(PutSecretValue {
                token: Some(T3),
                stages: &many[..20],
                ..PutSecretValue::current("app", "x")
            })
            .unwrap();
    }
}
