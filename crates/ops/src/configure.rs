use std::collections::BTreeMap;

use aws_sdk_secretsmanager::types::{RotationRulesType, Tag};
use fourstep::Sensitive;
use serde::Serialize;

use crate::argument::argument;
use crate::call::Call;
use crate::error::{Error, Reason, Result};
use crate::operator::Operator;
use crate::request::Request;
use crate::schedule::{Rules, Schedule};

/// What is to be changed of a secret's rotation. What is not given stays as it is.
#[derive(Clone, Debug, Default)]
pub struct Configure {
    /// ARN or name of the function.
    pub function: Option<String>,
    /// When to rotate.
    pub schedule: Option<Schedule>,
    /// Rotates at once, too. Otherwise Secrets Manager only runs testSecret, to check the configuration.
    pub immediately: bool,
}

/// How a secret is rotated from now on.
#[derive(Clone, Debug, Serialize)]
pub struct Configured {
    /// Name of the secret.
    pub secret: String,
    /// The function.
    pub function: Option<String>,
    /// When it is rotated.
    pub rules: Rules,
    /// The version that a rotation makes, if one was started.
    pub version: Option<String>,
}

/// A secret that is to be made, and how it is rotated from the start.
#[derive(Clone, Debug)]
pub struct Create {
    /// Its first value, of 1 to 65,536 bytes.
    pub value: Sensitive,
    /// What it is for.
    pub description: Option<String>,
    /// Id or ARN of the KMS key that encrypts it. `None`: the key `aws/secretsmanager`.
    pub kms_key: Option<String>,
    /// Its tags, those of Fourstep's settings too.
    pub tags: BTreeMap<String, String>,
    /// The function, which has to be named, and the schedule.
    pub configure: Configure,
}

impl Create {
    /// Creates a secret of a value, without anything else.
    #[must_use]
    pub fn new(value: Sensitive) -> Self {
        Self { value, description: None, kms_key: None, tags: BTreeMap::new(), configure: Configure::default() }
    }
}

/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html>
const LONGEST_VALUE: usize = 65_536;

impl Operator {
    /// Changes which function rotates a secret, and when; also for a secret that was never rotated.
    ///
    /// # Errors
    ///
    /// `WrongUsage` if there is no function; those of RotateSecret.
    pub async fn configure(&self, name: &str, configure: &Configure) -> Result<Configured> {
        let secret = self.describe(name).await?;
        secret.check_primary()?;
        let Some(function) = configure.function.clone().or_else(|| secret.function.clone()) else {
            return Err(Error::wrong_usage(
                format!("no function rotates secret {}", secret.name),
                "Name one: --function ARN",
            ));
        };
        let rules = configure.schedule.as_ref().map(Rules::from);
        let request = Request {
            function: Some(&function),
            rules: rules.as_ref().map(RotationRulesType::from),
            immediately: configure.immediately,
            ..Request::default()
        };
        let version = self.rotate(&secret, request).await?;
        let now = self.describe(&secret.arn).await?;
        Ok(Configured {
            secret: secret.name,
            function: now.function,
            rules: now.rules,
            version: configure.immediately.then_some(version),
        })
    }

    /// Creates a secret that a function rotates from the start.
    ///
    /// Secrets Manager does it in two calls. If the second fails, the secret is there, and
    /// [`configure`](Self::configure) goes on.
    ///
    /// # Errors
    ///
    /// `WrongUsage` without a function, or for a value out of its limits; `StateForbids` if the name is taken, and nothing
    /// was changed; those of CreateSecret and RotateSecret.
    pub async fn create(&self, name: &str, create: &Create) -> Result<Configured> {
        if create.configure.function.is_none() {
            return Err(Error::wrong_usage(
                format!("no function is to rotate secret {name}"),
                "Name one: --function ARN",
            ));
        }
        let length = create.value.expose().len();
        if !(1..=LONGEST_VALUE).contains(&length) {
            return Err(Error::wrong_usage(
                format!("the value of secret {name} has {length} bytes"),
                format!("Give 1 to {LONGEST_VALUE} bytes"),
            ));
        }
        let subject = format!("secret {name}");
        let call = Call { service: "secretsmanager", operation: "CreateSecret", subject: &subject };
        let tags = create.tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build());
        let request = self
            .secrets
            .create_secret()
            .name(name)
            .secret_string(create.value.expose())
            .set_description(create.description.clone())
            .set_kms_key_id(create.kms_key.clone())
            .set_tags((!create.tags.is_empty()).then(|| tags.collect()));
        request.send().await.map_err(|error| match call.failed(&error) {
            Error { reason: Reason::Exists, .. } => Error::forbidden_by_state(
                format!("there is a secret {name} already, and it was not changed"),
                format!("Configure its rotation as it is, without --create: fourstep configure {}", argument(name)),
            ),
            error => error,
        })?;
        self.configure(name, &create.configure).await.map_err(|error| Error {
            message: format!("secret {name} was made, and its rotation is not configured: {}", error.message),
            next: format!("{}. Then go on, without --create: fourstep configure {}", error.next, argument(name)),
            ..error
        })
    }
}
