use std::time::{Duration, SystemTime};

use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType};
use futures_util::StreamExt;
use serde::Serialize;

use crate::call::Call;
use crate::error::{Error, Reason, Result};
use crate::function_log::FunctionFailure;
use crate::operator::Operator;
use crate::secret::{Secret, Value, Version};
use crate::state::{Judgement, State, judge};
use crate::trail::{FEW_PAGES, Failure};

/// Which secrets are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Those with these names or ARNs.
    Names(Vec<String>),
    /// Those with all of these tags.
    Tags(Vec<(String, String)>),
    /// All of the account in this region.
    All,
}

/// What is true of a secret and its rotation now.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// What Secrets Manager says.
    #[serde(flatten)]
    pub secret: Secret,
    /// What follows from it.
    #[serde(flatten)]
    pub judgement: Judgement,
    /// Why the function says that it failed, where the state is `failed` or `stuck` and its log may be read.
    pub function_failure: Option<FunctionFailure>,
    /// What could not be looked up, and which permission would change it.
    pub notes: Vec<String>,
}

/// The status of one secret of several.
#[derive(Debug)]
pub struct Looked {
    /// The name as the caller gave it, or of the secret that was found.
    pub name: String,
    /// Its status, or why there is none.
    pub status: Result<Status>,
}

/// Failures of CloudTrail that are older belong to rotations that ended long ago.
const OLDEST_FAILURE: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How many secrets are looked at at the same time. DescribeSecret has a quota of 40,000 a second.
const AT_ONCE: usize = 16;
/// FilterLogEvents answers a few calls a second.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html>
const MOST_LOGS: usize = 20;

impl Operator {
    /// Looks at one secret: its versions, whether the pending one has a value, and the last failure.
    ///
    /// # Errors
    ///
    /// `NotFound`, with the names that begin like it; `Denied` if even DescribeSecret is not allowed. What else is not
    /// allowed is a note.
    pub async fn status(&self, name: &str) -> Result<Status> {
        let (secret, mut notes) = self.look(name).await?;
        let failures = match &secret.pending() {
            Some(pending) => self.failures_or_note(pending.created, &mut notes).await,
            None => Vec::new(),
        };
        let mut status = status_of(secret, &failures, notes);
        self.add_function_failure(&mut status).await;
        Ok(status)
    }

    /// Looks at several secrets. CloudTrail is asked once for all.
    ///
    /// # Errors
    ///
    /// If the secrets cannot be listed. What is wrong with one of them is in its place.
    pub async fn statuses(&self, selection: &Selection) -> Result<Vec<Looked>> {
        let names = match selection {
            Selection::Names(names) => names.clone(),
            listed => self.list(listed).await?.into_iter().map(|secret| secret.name).collect(),
        };
        let look = |name: String| async move { (self.look(&name).await, name) };
        let looked: Vec<_> = futures_util::stream::iter(names).map(look).buffered(AT_ONCE).collect().await;
        let pending = looked.iter().filter_map(|(looked, _)| looked.as_ref().ok()?.0.pending());
        let mut shared = Vec::new();
        let failures = match pending.map(|pending| pending.created).min() {
            Some(since) => self.failures_or_note(since, &mut shared).await,
            None => Vec::new(),
        };
        let looked = looked.into_iter().map(|(looked, name)| {
            let status = looked.map(|(secret, mut notes)| {
                notes.extend(shared.iter().filter(|_| secret.pending().is_some()).cloned());
                status_of(secret, &failures, notes)
            });
            Looked { name, status }
        });
        let mut looked: Vec<_> = looked.collect();
        let failed =
            looked.iter_mut().filter_map(|looked| looked.status.as_mut().ok()).filter(|status| status.failed());
        for (number, status) in failed.enumerate() {
            if number < MOST_LOGS {
                self.add_function_failure(status).await;
            } else {
                status.notes.push(format!(
                    "The function's log was read for the first {MOST_LOGS} only: ask for this one alone"
                ));
            }
        }
        Ok(looked)
    }

    /// Adds why the function failed, in a state in which somebody wants to know.
    async fn add_function_failure(&self, status: &mut Status) {
        let Some(((function, version), created)) = status.failed().then_some(&status.secret).and_then(|secret| {
            let pending = secret.pending()?;
            Some(((secret.function.as_ref()?, &pending.id), pending.created?))
        }) else {
            return;
        };
        match self.function_failure(function, version, created).await {
            Ok(failure) => status.function_failure = failure,
            Err(error) => status.notes.push(format!("Why the function failed is not known: {error}")),
        }
    }

    /// Lists the secrets of a selection, by name, as ListSecrets describes them.
    pub(crate) async fn list(&self, selection: &Selection) -> Result<Vec<Secret>> {
        let mut secrets = Vec::new();
        self.list_each(selection, |secret| secrets.push(secret)).await?;
        secrets.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(secrets)
    }

    /// Lists the secrets of a selection page by page, so that not all of them are held at once.
    pub(crate) async fn list_each(&self, selection: &Selection, mut take: impl FnMut(Secret)) -> Result<()> {
        let call = Call { service: "secretsmanager", operation: "ListSecrets", subject: "all secrets" };
        let mut filters = Vec::new();
        if let Selection::Tags(tags) = selection {
            let filter = |key, value: &str| Filter::builder().key(key).values(value).build();
            for (key, value) in tags {
                filters.push(filter(FilterNameStringType::TagKey, key));
                filters.push(filter(FilterNameStringType::TagValue, value));
            }
        }
        let request =
            self.secrets.list_secrets().set_filters((!filters.is_empty()).then_some(filters)).max_results(100);
        let mut pages = request.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| call.failed(&error))?;
            for secret in page.secret_list.unwrap_or_default().into_iter().map(Secret::from) {
                // The filters match the beginnings of keys and of values, each on its own.
                let is_meant = match selection {
                    Selection::Tags(tags) => tags.iter().all(|(key, value)| secret.tags.get(key) == Some(value)),
                    Selection::Names(_) | Selection::All => true,
                };
                if is_meant {
                    take(secret);
                }
            }
        }
        Ok(())
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
                next: format!("Ask that region: --region {region}"),
                ..error
            },
            ([], _) => error,
            ([one], _) => Error { next: format!("There is a secret {one}"), ..error },
            (several, _) => Error {
                message: format!("{} names no secret, and begins the names of several", error_subject(name)),
                next: format!("Name one of them: {}", several.join(", ")),
                ..error
            },
        }
    }

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

    async fn failures_or_note(&self, since: Option<SystemTime>, notes: &mut Vec<String>) -> Vec<Failure> {
        let oldest = SystemTime::now() - OLDEST_FAILURE;
        match self.failures_since(since.map_or(oldest, |since| since.max(oldest)), FEW_PAGES).await {
            Ok(failures) => failures,
            Err(error) => {
                notes.push(format!("Whether a step failed is not known: {error}"));
                Vec::new()
            }
        }
    }
}

fn error_subject(name: &str) -> String {
    format!("`{name}`")
}

fn status_of(secret: Secret, failures: &[Failure], notes: Vec<String>) -> Status {
    let own: Vec<_> = failures.iter().filter(|failure| failure.arn == secret.arn).cloned().collect();
    let judgement = judge(&secret, &own, SystemTime::now());
    Status { secret, judgement, function_failure: None, notes }
}

impl Status {
    fn failed(&self) -> bool {
        matches!(self.judgement.state, State::Failed | State::Stuck)
    }
}
