use crate::{AWSCURRENT, AWSPENDING};

use super::exception::Exception;
use super::model::{Model, check_value};
use super::secret::{Secret, SecretValue};

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

/// What UpdateSecretVersionStage is asked.
#[derive(Clone, Copy, Debug)]
pub struct UpdateSecretVersionStage<'a> {
    /// ARN or name of the secret.
    pub secret_id: &'a str,
    /// The label.
    pub stage: &'a str,
    /// The version to put it on.
    pub move_to: Option<&'a str>,
    /// The version to take it from, which must have it.
    pub remove_from: Option<&'a str>,
}

const MOST_LABELS: usize = 20;

impl Model {
    /// Stores a value as a new version, or as the value of a version that has none, and moves labels to it.
    ///
    /// Gives the id of the version. The rules, from the API reference of PutSecretValue:
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
        let version = match secret.version_mut(&token) {
            Some(version) if version.value.as_ref() == Some(&value) => return Ok(token),
            Some(version) if version.value.is_some() => {
                return Err(Exception::exists(format!(
                    "You can't use ClientRequestToken {token} because that value is already in use for a version of \
                     secret {secret_id}."
                )));
            }
            Some(_) => secret.version_mut(&token).expect("the version was found just above"),
            None => secret.add_version(&token, now),
        };
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

    /// Moves a label to a version, from a version, or both.
    ///
    /// The rules, from the API reference of UpdateSecretVersionStage:
    ///
    /// - A label that another version has moves only if `remove_from` names that version: a compare-and-swap.
    /// - When AWSCURRENT moves, AWSPREVIOUS moves to the version that it was on, and AWSPENDING is removed from the
    ///   version that is promoted.
    /// - AWSCURRENT can be moved, but not removed.
    ///
    /// That the version may lack a value is not documented; it is allowed here, which is harder on a caller.
    ///
    /// # Errors
    ///
    /// `InvalidParameter` if the label is not where the caller says, or for a removal of AWSCURRENT;
    /// `ResourceNotFound` if there is no such secret or version; `InvalidRequest` if the secret is marked for deletion;
    /// `LimitExceeded` for the 21st label on a version.
    pub fn update_secret_version_stage(&mut self, request: UpdateSecretVersionStage<'_>) -> Result<(), Exception> {
        let UpdateSecretVersionStage { secret_id, stage, move_to, remove_from } = request;
        check_label(stage)?;
        let now = self.now();
        let secret = self.live(secret_id)?;
        for id in [move_to, remove_from].into_iter().flatten() {
            if secret.version(id).is_none() {
                return Err(Exception::not_found(format!(
                    "Secrets Manager can't find the specified secret version: {id}"
                )));
            }
        }
        let holder = secret.labelled(stage).map(|version| version.id.as_str());
        if let Some(from) = remove_from
            && holder != Some(from)
        {
            return Err(Exception::parameter(format!("Staging label {stage} isn't attached to version {from}.")));
        }
        match (move_to, holder) {
            (None, _) if remove_from.is_none() => {
                return Err(Exception::parameter("You must specify MoveToVersionId, RemoveFromVersionId, or both."));
            }
            (None, _) if stage == AWSCURRENT => {
                return Err(Exception::parameter(
                    "You can only move staging label AWSCURRENT to a different secret version. It can't be completely removed.",
                ));
            }
            (None, _) => secret.remove_label(stage),
            (Some(to), Some(holder)) if to == holder => {}
            (Some(_), Some(holder)) if remove_from.is_none() => {
                return Err(Exception::parameter(format!(
                    "The parameter RemoveFromVersionId can't be empty. Staging label {stage} is currently attached to \
                     version {holder}, so you must explicitly reference that version in RemoveFromVersionId."
                )));
            }
            (Some(to), _) => {
                let version = secret.version(to).expect("the version was found above");
                if version.labels.len() >= MOST_LABELS {
                    return Err(Exception::limit(format!("A version can have at most {MOST_LABELS} staging labels.")));
                }
                let rotated = stage == AWSCURRENT && version.has(AWSPENDING);
                if stage == AWSCURRENT {
                    secret.promote(to);
                } else {
                    secret.move_label(stage, to);
                }
                if let (true, Some(rotation)) = (rotated, &mut secret.rotation) {
                    rotation.last_rotated = Some(now);
                }
            }
        }
        Ok(())
    }
}

/// Removes AWSPENDING from a rotation that a new current version overtakes.
fn abandon_rotation(secret: &mut Secret, token: &str) {
    if secret.labelled(AWSPENDING).is_some_and(|version| version.id != token) {
        secret.remove_label(AWSPENDING);
    }
}

fn check_label(label: &str) -> Result<(), Exception> {
    if (1..=256).contains(&label.len()) {
        Ok(())
    } else {
        Err(Exception::parameter("A staging label must have 1 to 256 characters."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AWSPREVIOUS;
    use crate::memory::{CreateSecret, ExceptionName, RotateSecret};

    const T1: &str = "t1t1t1t1t1t1t1t1t1t1t1t1t1t1t1t1";
    const T2: &str = "t2t2t2t2t2t2t2t2t2t2t2t2t2t2t2t2";
    const T3: &str = "t3t3t3t3t3t3t3t3t3t3t3t3t3t3t3t3";

    /// A secret whose version T1 is current, in a rotation that makes T2.
    fn rotating() -> Model {
        let mut model = Model::default();
        let value = Some(SecretValue::text("v1"));
        model.create_secret(CreateSecret { name: "app", token: Some(T1), value, ..CreateSecret::default() }).unwrap();
        let request = RotateSecret { token: Some(T2), lambda_arn: Some("arn:lambda"), ..RotateSecret::now("app") };
        model.rotate_secret(request).answer.unwrap();
        model
    }

    fn labels<'m>(model: &'m Model, id: &str) -> Vec<&'m str> {
        let version = model.secret("app").unwrap().version(id).unwrap();
        let mut labels: Vec<_> = version.labels.iter().map(String::as_str).collect();
        labels.sort_unstable();
        labels
    }

    fn stage<'a>(
        stage: &'a str,
        move_to: Option<&'a str>,
        remove_from: Option<&'a str>,
    ) -> UpdateSecretVersionStage<'a> {
        UpdateSecretVersionStage { secret_id: "app", stage, move_to, remove_from }
    }

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
        model.update_secret_version_stage(stage(AWSPENDING, None, Some(T2))).unwrap();
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
    fn a_version_has_at_most_20_labels_of_at_most_256_characters() {
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
        let refused = model.update_secret_version_stage(stage("another", Some(T3), None)).unwrap_err();
        assert_eq!(refused.name, ExceptionName::LimitExceeded);
        let long = "l".repeat(257);
        let refused = model.update_secret_version_stage(stage(&long, Some(T1), None)).unwrap_err();
        assert_eq!(refused.name, ExceptionName::InvalidParameter);
    }

    #[test]
    fn promotion_moves_current_and_previous_and_removes_pending() {
        let mut model = rotating();
        model.put_secret_value(PutSecretValue::pending("app", T2, "v2")).unwrap();
        model.update_secret_version_stage(stage(AWSCURRENT, Some(T2), Some(T1))).unwrap();
        assert_eq!((labels(&model, T1), labels(&model, T2)), (vec![AWSPREVIOUS], vec![AWSCURRENT]));
        let secret = model.secret("app").unwrap();
        assert!(secret.rotation.as_ref().unwrap().last_rotated.is_some());

        model.put_secret_value(PutSecretValue::pending("app", T3, "v3")).unwrap();
        model.update_secret_version_stage(stage(AWSCURRENT, Some(T3), Some(T2))).unwrap();
        assert_eq!((labels(&model, T1), labels(&model, T2)), (vec![], vec![AWSPREVIOUS]));

        // Back by hand: AWSPREVIOUS moves along there too.
        model.update_secret_version_stage(stage(AWSCURRENT, Some(T2), Some(T3))).unwrap();
        assert_eq!((labels(&model, T2), labels(&model, T3)), (vec![AWSCURRENT], vec![AWSPREVIOUS]));
    }

    #[test]
    fn a_label_moves_only_from_the_version_that_the_caller_names() {
        for label in [AWSCURRENT, "custom"] {
            let mut model = rotating();
            model.update_secret_version_stage(stage("custom", Some(T1), None)).unwrap();
            for wrong in [None, Some(T2)] {
                let refused = model.update_secret_version_stage(stage(label, Some(T2), wrong)).unwrap_err();
                assert_eq!(refused.name, ExceptionName::InvalidParameter, "{label} from {wrong:?}");
            }
            assert!(labels(&model, T1).contains(&label));
            model.update_secret_version_stage(stage(label, Some(T2), Some(T1))).unwrap();
            assert!(labels(&model, T2).contains(&label));
        }
    }

    #[test]
    fn promotion_again_with_the_old_version_is_refused_and_without_it_ignored() {
        let mut model = rotating();
        model.update_secret_version_stage(stage(AWSCURRENT, Some(T2), Some(T1))).unwrap();
        let refused = model.update_secret_version_stage(stage(AWSCURRENT, Some(T2), Some(T1))).unwrap_err();
        assert_eq!(refused.name, ExceptionName::InvalidParameter);
        model.update_secret_version_stage(stage(AWSCURRENT, Some(T2), None)).unwrap();
        assert_eq!((labels(&model, T1), labels(&model, T2)), (vec![AWSPREVIOUS], vec![AWSCURRENT]));
    }

    #[test]
    fn a_label_can_be_removed_but_not_current() {
        let mut model = rotating();
        model.update_secret_version_stage(stage(AWSPENDING, None, Some(T2))).unwrap();
        assert_eq!(labels(&model, T2), [""; 0]);
        for refused in
            [stage(AWSCURRENT, None, Some(T1)), stage(AWSCURRENT, None, None), stage(AWSPENDING, None, Some(T2))]
        {
            let refused = model.update_secret_version_stage(refused).unwrap_err();
            assert_eq!(refused.name, ExceptionName::InvalidParameter);
        }
        assert_eq!(labels(&model, T1), [AWSCURRENT]);
    }

    #[test]
    fn a_label_does_not_move_to_an_unknown_version() {
        let mut model = rotating();
        let refused = model.update_secret_version_stage(stage(AWSCURRENT, Some(T3), Some(T1))).unwrap_err();
        assert_eq!(refused.name, ExceptionName::ResourceNotFound);
    }
}
