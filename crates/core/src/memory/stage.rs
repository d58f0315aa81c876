use crate::store::{AWSCURRENT, AWSPENDING};

use super::exception::Exception;
use super::model::Model;
use super::secret::{MOST_LABELS, check_label};

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

impl<'a> UpdateSecretVersionStage<'a> {
    /// Asks what finishSecret asks: AWSCURRENT from one version to another.
    #[must_use]
    pub fn promotion(secret_id: &'a str, to: &'a str, from: &'a str) -> Self {
        Self { secret_id, stage: AWSCURRENT, move_to: Some(to), remove_from: Some(from) }
    }

    /// Asks to take a label off a version.
    #[must_use]
    pub fn removal(secret_id: &'a str, stage: &'a str, from: &'a str) -> Self {
        Self { secret_id, stage, move_to: None, remove_from: Some(from) }
    }
}

impl Model {
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
                let version = secret.version(to);
                if version.is_some_and(|version| version.labels.len() >= MOST_LABELS) {
                    return Err(Exception::limit(format!("A version can have at most {MOST_LABELS} staging labels.")));
                }
                let rotated = stage == AWSCURRENT && version.is_some_and(|version| version.has(AWSPENDING));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::fixture::{T1, T2, T3, labels, rotating};
    use crate::memory::{ExceptionName, PutSecretValue};
    use crate::store::AWSPREVIOUS;

    fn stage<'a>(
        stage: &'a str,
        move_to: Option<&'a str>,
        remove_from: Option<&'a str>,
    ) -> UpdateSecretVersionStage<'a> {
        UpdateSecretVersionStage { secret_id: "app", stage, move_to, remove_from }
    }

    #[test]
    fn promotion_moves_current_and_previous_and_removes_pending() {
        let mut model = rotating();
        model.put_secret_value(PutSecretValue::pending("app", T2, "v2")).unwrap();
        model.update_secret_version_stage(UpdateSecretVersionStage::promotion("app", T2, T1)).unwrap();
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
        model.update_secret_version_stage(UpdateSecretVersionStage::promotion("app", T2, T1)).unwrap();
        let refused =
            model.update_secret_version_stage(UpdateSecretVersionStage::promotion("app", T2, T1)).unwrap_err();
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

    #[test]
    fn a_version_takes_20_labels_of_at_most_256_characters() {
        let mut model = rotating();
        let labels: Vec<_> = (1..20).map(|number| number.to_string()).collect();
        for label in &labels {
            model.update_secret_version_stage(stage(label, Some(T1), None)).unwrap();
        }
        let refused = model.update_secret_version_stage(stage("another", Some(T1), None)).unwrap_err();
        assert_eq!(refused.name, ExceptionName::LimitExceeded);
        let long = "l".repeat(257);
        let refused = model.update_secret_version_stage(stage(&long, Some(T2), None)).unwrap_err();
        assert_eq!(refused.name, ExceptionName::InvalidParameter);
    }
}
