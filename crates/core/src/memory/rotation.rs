use crate::schedule::RotationRules;
use crate::store::{AWSCURRENT, AWSPENDING};

use super::exception::Exception;
use super::model::Model;

/// What RotateSecret is asked.
#[derive(Clone, Debug)]
pub struct RotateSecret<'a> {
    /// ARN or name of the secret.
    pub secret_id: &'a str,
    /// Id of the version that the rotation makes. Left out, one is made up, as the SDKs do.
    pub token: Option<&'a str>,
    /// ARN of the function, unless the secret has one already.
    pub lambda_arn: Option<&'a str>,
    /// When to rotate from now on.
    pub rules: Option<RotationRules>,
    /// Whether to rotate now, and not only to try the configuration with testSecret.
    pub rotate_immediately: bool,
}

impl<'a> RotateSecret<'a> {
    /// Asks for a rotation now, by the function that the secret has.
    #[must_use]
    pub fn now(secret_id: &'a str) -> Self {
        Self { secret_id, token: None, lambda_arn: None, rules: None, rotate_immediately: true }
    }
}

/// What RotateSecret answers, and what Secrets Manager does after it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Rotated {
    /// The answer: the id of the version.
    pub answer: Result<String, Exception>,
    /// What is run now. A refusal may run something: the rotation that was not complete.
    pub run: Option<Run>,
}

/// What Secrets Manager asks the function to do after RotateSecret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Run {
    /// The four steps for this version.
    Rotation(String),
    /// testSecret for this version, which has no value; then [`Model::remove_test_version`].
    Test(String),
}

impl Model {
    /// Creates an empty version under AWSPENDING and returns what is to be run for it.
    ///
    /// The rules, from the API reference of RotateSecret:
    ///
    /// - While AWSPENDING is on another version than AWSCURRENT, it refuses ("A previous rotation isn't complete. That
    ///   rotation will be reattempted.") and runs that one again. The refusal changes nothing.
    /// - With RotateImmediately=false it only runs testSecret, on a version that it makes under AWSPENDING and removes
    ///   after. Whether that version has a value is not documented; it has none here, which is harder on a function.
    /// - A token that is a version already is a repeated call: a success that runs nothing.
    ///
    /// The answer is `ResourceNotFound`; `InvalidRequest` if the secret is marked for deletion, has no function, or is
    /// in a rotation; `InvalidParameter` for a token or a number of days out of its limits.
    pub fn rotate_secret(&mut self, request: RotateSecret<'_>) -> Rotated {
        match self.start_rotation(request) {
            Ok(rotated) => rotated,
            Err(exception) => Rotated { answer: Err(exception), run: None },
        }
    }

    fn start_rotation(&mut self, request: RotateSecret<'_>) -> Result<Rotated, Exception> {
        let RotateSecret { secret_id, token, lambda_arn, rules, rotate_immediately } = request;
        let days = rules.as_ref().and_then(|rules| rules.automatically_after_days);
        if days.is_some_and(|days| !(1..=1000).contains(&days)) {
            return Err(Exception::parameter("RotationRules.AutomaticallyAfterDays must be within 1-1000."));
        }
        let token = self.token(token)?;
        let now = self.now();
        let secret = self.live(secret_id)?;
        if secret.version(&token).is_some() {
            return Ok(Rotated { answer: Ok(token), run: None });
        }
        let enabled = secret.rotation.as_ref().is_some_and(|rotation| rotation.enabled);
        if let Some(pending) = secret.labelled(AWSPENDING).filter(|pending| !pending.has(AWSCURRENT)) {
            return Ok(Rotated {
                answer: Err(Exception::request(
                    "A previous rotation isn't complete. That rotation will be reattempted.",
                )),
                run: enabled.then(|| Run::Rotation(pending.id.clone())),
            });
        }
        let known = secret.rotation.as_ref().and_then(|rotation| rotation.lambda_arn.as_deref());
        let Some(lambda_arn) = lambda_arn.or(known).map(str::to_owned) else {
            return Err(Exception::request("No Lambda rotation function ARN is associated with this secret."));
        };
        let rotation = secret.rotation.get_or_insert_default();
        rotation.enabled = true;
        rotation.lambda_arn = Some(lambda_arn);
        if let Some(rules) = rules {
            rotation.rules = rules;
        }
        secret.add_version(&token, now);
        secret.move_label(AWSPENDING, &token);
        let run = if rotate_immediately { Run::Rotation(token.clone()) } else { Run::Test(token.clone()) };
        Ok(Rotated { answer: Ok(token), run: Some(run) })
    }

    /// Removes the version that RotateImmediately=false made for testSecret, unless a value was stored in it.
    pub fn remove_test_version(&mut self, secret_id: &str, token: &str) {
        if let Some(secret) = self.secret_mut(secret_id) {
            secret.versions.retain(|version| version.id != token || version.value.is_some());
        }
    }

    /// Turns rotation off. Labels stay as they are, also AWSPENDING on a version that is half made.
    ///
    /// Returns the id of the version under AWSPENDING, if there is one.
    ///
    /// # Errors
    ///
    /// `ResourceNotFound`; `InvalidRequest` if the secret is marked for deletion or was never given a function.
    pub fn cancel_rotate_secret(&mut self, secret_id: &str) -> Result<Option<String>, Exception> {
        let secret = self.live(secret_id)?;
        let Some(rotation) = &mut secret.rotation else {
            return Err(Exception::request("No Lambda rotation function ARN is associated with this secret."));
        };
        rotation.enabled = false;
        Ok(secret.labelled(AWSPENDING).map(|version| version.id.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{ExceptionName, MemoryStore, PutSecretValue, UpdateSecretVersionStage};

    const TOKEN: &str = "t2t2t2t2t2t2t2t2t2t2t2t2t2t2t2t2";

    fn model() -> Model {
        MemoryStore::with_secret("app", "{}").snapshot()
    }

    fn first() -> RotateSecret<'static> {
        RotateSecret { token: Some(TOKEN), lambda_arn: Some("arn:lambda"), ..RotateSecret::now("app") }
    }

    #[test]
    fn a_rotation_makes_an_empty_version_under_pending_and_turns_rotation_on() {
        let mut model = model();
        let rotated = model.rotate_secret(first());
        assert_eq!(rotated, Rotated { answer: Ok(TOKEN.to_owned()), run: Some(Run::Rotation(TOKEN.to_owned())) });
        let secret = model.secret("app").unwrap();
        let pending = secret.labelled(AWSPENDING).unwrap();
        assert_eq!((pending.id.as_str(), &pending.value), (TOKEN, &None));
        assert!(secret.description().rotation_enabled && secret.description().stages.contains_key(TOKEN));
        let refused = model.get_secret_value("app", Some(TOKEN), Some(AWSPENDING)).unwrap_err();
        assert_eq!(refused.name, ExceptionName::ResourceNotFound);
    }

    #[test]
    fn a_secret_without_value_may_be_rotated() {
        let mut model = Model::default();
        model.create_secret(crate::memory::CreateSecret { name: "app", ..Default::default() }).unwrap();
        assert!(model.rotate_secret(first()).answer.is_ok());
    }

    #[test]
    fn a_rotation_needs_a_function() {
        let mut model = model();
        let rotated = model.rotate_secret(RotateSecret::now("app"));
        assert_eq!(rotated.answer.unwrap_err().name, ExceptionName::InvalidRequest);
        assert_eq!(rotated.run, None);
    }

    #[test]
    fn an_unfinished_rotation_is_run_again_in_place_of_a_new_one() {
        let mut model = model();
        let _ = model.rotate_secret(first());
        let rotated = model.rotate_secret(RotateSecret::now("app"));
        let refused = rotated.answer.unwrap_err();
        assert_eq!(refused.name, ExceptionName::InvalidRequest);
        assert_eq!(refused.message, "A previous rotation isn't complete. That rotation will be reattempted.");
        assert_eq!(rotated.run, Some(Run::Rotation(TOKEN.to_owned())));
        assert_eq!(model.secret("app").unwrap().versions.len(), 2);
    }

    #[test]
    fn a_rotation_may_start_when_pending_is_on_the_current_version() {
        let mut model = model();
        let current = model.secret("app").unwrap().versions[0].id.clone();
        model
            .update_secret_version_stage(UpdateSecretVersionStage {
                secret_id: "app",
                stage: AWSPENDING,
                move_to: Some(&current),
                remove_from: None,
            })
            .unwrap();
        assert!(model.rotate_secret(first()).answer.is_ok());
        assert_eq!(model.secret("app").unwrap().labelled(AWSPENDING).unwrap().id, TOKEN);
    }

    #[test]
    fn the_same_token_again_starts_nothing() {
        let mut model = model();
        let _ = model.rotate_secret(first());
        assert_eq!(model.rotate_secret(first()), Rotated { answer: Ok(TOKEN.to_owned()), run: None });
    }

    #[test]
    fn without_rotate_immediately_only_a_test_is_run_on_a_version_that_goes_away() {
        let mut model = model();
        let rotated = model.rotate_secret(RotateSecret { rotate_immediately: false, ..first() });
        assert_eq!(rotated.run, Some(Run::Test(TOKEN.to_owned())));
        assert_eq!(model.secret("app").unwrap().labelled(AWSPENDING).unwrap().value, None);
        model.remove_test_version("app", TOKEN);
        let secret = model.secret("app").unwrap();
        assert!(secret.version(TOKEN).is_none() && secret.labelled(AWSPENDING).is_none());
        assert!(secret.description().rotation_enabled);
    }

    #[test]
    fn cancelling_turns_rotation_off_and_leaves_the_labels() {
        let mut model = model();
        assert_eq!(model.cancel_rotate_secret("app").unwrap_err().name, ExceptionName::InvalidRequest);
        let _ = model.rotate_secret(first());
        model.put_secret_value(PutSecretValue::pending("app", TOKEN, "v2")).unwrap();
        assert_eq!(model.cancel_rotate_secret("app").unwrap().as_deref(), Some(TOKEN));
        let secret = model.secret("app").unwrap();
        assert!(!secret.description().rotation_enabled && secret.labelled(AWSPENDING).is_some());
        let rotated = model.rotate_secret(RotateSecret::now("app"));
        assert_eq!((rotated.answer.is_err(), rotated.run), (true, None), "what was cancelled is not run again");
    }

    #[test]
    fn the_function_and_the_rules_are_kept_until_others_are_given() {
        let mut model = model();
        let rules = |days| Some(RotationRules { automatically_after_days: Some(days), ..RotationRules::default() });
        let _ = model.rotate_secret(RotateSecret { rules: rules(30), ..first() });
        model.remove_test_version("app", TOKEN);
        let _ = model.rotate_secret(RotateSecret::now("app"));
        let rotation = model.secret("app").unwrap().rotation.clone().unwrap();
        assert_eq!(rotation.lambda_arn.as_deref(), Some("arn:lambda"));
        assert_eq!(Some(rotation.rules), rules(30));
        for days in [0, 1001] {
            let refused = model.rotate_secret(RotateSecret { rules: rules(days), ..first() });
            assert_eq!(refused.answer.unwrap_err().name, ExceptionName::InvalidParameter);
        }
    }

    #[test]
    fn a_deleted_secret_is_not_rotated() {
        let mut model = model();
        model.delete_secret("app", None).unwrap();
        assert_eq!(model.rotate_secret(first()).answer.unwrap_err().name, ExceptionName::InvalidRequest);
    }
}
