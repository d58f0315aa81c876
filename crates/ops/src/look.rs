use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType};

use crate::argument::argument;
use crate::call::Call;
use crate::error::{Error, Reason, Result};
use crate::operator::Operator;
use crate::secret::{Secret, Value, Version};

impl Operator {
    /// Describes a secret with all its versions, also those without a label, newest first.
    ///
    /// # Errors
    ///
    /// As [`status`](Self::status).
    pub async fn versions(&self, name: &str) -> Result<Vec<Version>> {
        let mut secret = self.describe(name).await?;
        self.add_versions(&mut secret).await?;
        Ok(secret.versions)
    }

    /// Describes a secret with its versions; what the caller may not see is a note.
    pub(crate) async fn look(&self, name: &str) -> Result<(Secret, Vec<String>)> {
        let mut secret = self.describe(name).await?;
        let mut notes = Vec::new();
        if let Err(error) = self.add_versions(&mut secret).await {
            notes.push(format!("The versions' ages and those without a label are not known: {error}"));
        }
        if let Some(id) = secret.pending().map(|pending| pending.id.clone()) {
            let value = self.has_value(&secret.arn, &id).await.unwrap_or_else(|error| {
                notes.push(format!("Whether the pending version has a value is not known: {error}"));
                Value::Unknown
            });
            secret.versions.iter_mut().filter(|version| version.id == id).for_each(|version| version.value = value);
        }
        Ok((secret, notes))
    }

    /// Describes a secret: labels, rules, replicas.
    pub(crate) async fn describe(&self, name: &str) -> Result<Secret> {
        let subject = format!("secret {name}");
        let call = Call { service: "secretsmanager", operation: "DescribeSecret", subject: &subject };
        match self.secrets.describe_secret().secret_id(name).send().await {
            Ok(answer) => Ok(Secret::from(answer)),
            Err(error) => {
                let error = call.failed(&error);
                Err(if error.reason == Reason::NotFound { self.not_found(name, error).await } else { error })
            }
        }
    }

    async fn add_versions(&self, secret: &mut Secret) -> Result<()> {
        let subject = format!("secret {}", secret.name);
        let call = Call { service: "secretsmanager", operation: "ListSecretVersionIds", subject: &subject };
        let request = self.secrets.list_secret_version_ids().secret_id(&secret.arn).include_deprecated(true);
        let mut pages = request.into_paginator().send();
        while let Some(page) = pages.next().await {
            for entry in page.map_err(|error| call.failed(&error))?.versions.unwrap_or_default() {
                let listed = Version::from(entry);
                match secret.versions.iter_mut().find(|version| version.id == listed.id) {
                    // The labels are those of DescribeSecret, which is consistent with the last write.
                    Some(version) => version.created = listed.created,
                    None => secret.versions.push(Version { labels: Vec::new(), ..listed }),
                }
            }
        }
        secret.versions.sort_by_key(|version| std::cmp::Reverse(version.created));
        Ok(())
    }

    /// Returns whether a version has a value. The value itself is dropped unread.
    async fn has_value(&self, arn: &str, id: &str) -> Result<Value> {
        let call = Call { service: "secretsmanager", operation: "GetSecretValue", subject: "the pending version" };
        match self.secrets.get_secret_value().secret_id(arn).version_id(id).send().await {
            Ok(_) => Ok(Value::Stored),
            Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(Value::Empty),
            Err(error) => Err(call.failed(&error)),
        }
    }

    /// Names the secrets that somebody may have meant.
    async fn not_found(&self, name: &str, error: Error) -> Error {
        let filter = Filter::builder().key(FilterNameStringType::Name).values(name).build();
        let answer = self.secrets.list_secrets().filters(filter).max_results(5).send().await;
        let listed = answer.ok().and_then(|answer| answer.secret_list).unwrap_or_default();
        let names: Vec<_> = listed.into_iter().filter_map(|secret| secret.name).collect();
        // arn:partition:secretsmanager:region:account:secret:name
        let here = self.secrets.config().region().map(ToString::to_string);
        let elsewhere = name.starts_with("arn:").then(|| name.split(':').nth(3)).flatten();
        match (&names[..], elsewhere) {
            (_, Some(region)) if here.as_deref() != Some(region) => Error {
                message: format!("secret {name} is in region {region}, and {} was asked", here.unwrap_or_default()),
                next: format!("Ask that region: --region {}", argument(region)),
                ..error
            },
            ([], _) => error,
            ([one], _) => Error { next: format!("There is a secret {one}"), ..error },
            (several, _) => Error {
                message: format!("`{name}` names no secret, and begins the names of several"),
                next: format!("Name one of them: {}", several.join(", ")),
                ..error
            },
        }
    }
}
