use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use fourstep::operator::{Action, OperatorEvent};
use fourstep::settings::Environment;
use fourstep::{Engine, Rotation};
use fourstep_aws::{SdkConfig, SecretsManagerStore};
use serde_json::Value;

use crate::error::{Error, Reason, Result};
use crate::function::{function_of, said};
use crate::operator::Operator;

/// As long as Lambda lets a function run.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// A setting of the function that is about the function alone: whether it answers events.
const EVENTS: &str = "OPERATOR_EVENTS";

impl Operator {
    /// Does in this process what [`operate`](Self::operate) lets the function do: where the function is broken, or may not
    /// be invoked. This machine needs a way to the target, and the caller the function's rights on the secret, and
    /// `lambda:GetFunction`.
    ///
    /// The settings are those of the function's variables and of the secret's tags. `rotation` makes the rotator from the
    /// variables, and from the configuration of this operator's calls. It is the caller's part to make the one of the
    /// secret's kind; another refuses the secret as `Invalid`.
    ///
    /// # Errors
    ///
    /// As [`operate`](Self::operate), with what the rotator says in place of the function.
    pub async fn operate_here<R: Rotation>(
        &self,
        name: &str,
        action: &Action,
        rotation: impl FnOnce(&Environment, &SdkConfig) -> R,
    ) -> Result<Value> {
        let secret = self.describe(name).await?;
        let function = function_of(&secret)?;
        let variables = self.variables(function).await?.into_iter();
        let environment: Environment = variables.filter(|(name, _)| name != EVENTS).collect();
        let rotation = rotation(&environment, &self.config);
        let store = Arc::new(SecretsManagerStore::new(self.secrets.clone()));
        let engine = Engine::new(store, environment);
        let event = OperatorEvent { action: action.clone(), secret_id: secret.arn.clone() };
        // Boxed: a rotator's futures nest deep.
        let report = Box::pin(engine.operate(&rotation, &event, function, SystemTime::now() + LONGEST)).await;
        match &report.result {
            Ok(_) => Ok(report.answer(&event.action)),
            Err(error) => Err(said(error.kind().name(), &error.to_string(), &secret, action)),
        }
    }

    /// Reads the variables of a function.
    pub(crate) async fn variables(&self, function: &str) -> Result<HashMap<String, String>> {
        let Some(environment) = self.configuration(function).await?.environment else {
            return Ok(HashMap::new());
        };
        if environment.error.is_some() {
            return Err(Error::new(
                Reason::Denied,
                format!("Lambda does not show the variables of function {function}, which hold the settings"),
                "Let the caller use the key that encrypts them (kms:Decrypt)",
            ));
        }
        Ok(environment.variables.unwrap_or_default())
    }
}
