use std::time::{Duration, SystemTime};

use aws_sdk_cloudtrail::types::{Event, LookupAttribute, LookupAttributeKey};
use serde::Serialize;

use crate::call::Call;
use crate::error::{Error, Result, one_line};
use crate::operator::Operator;
use crate::time::{rfc3339, time};

/// A rotation that failed, as CloudTrail recorded it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// When.
    #[serde(serialize_with = "rfc3339")]
    pub at: SystemTime,
    /// ARN of the secret.
    #[serde(skip)]
    pub arn: String,
    /// What Secrets Manager says: which function failed in which step.
    pub message: String,
}

impl Failure {
    /// Returns when it happened at the latest. CloudTrail tells whole seconds.
    pub(crate) fn latest(&self) -> SystemTime {
        let part = self.at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().subsec_nanos();
        if part == 0 { self.at + Duration::from_secs(1) } else { self.at }
    }
}

/// LookupEvents answers two calls a second in an account and region, each with 50 events.
/// <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html>
const BETWEEN_PAGES: Duration = Duration::from_millis(500);
/// The operator waits for this answer, so few pages are requested.
pub(crate) const FEW_PAGES: usize = 6;

impl Operator {
    /// Looks up which rotations failed since a time, of all secrets at once, latest first.
    ///
    /// CloudTrail may show an event some minutes late.
    pub(crate) async fn failures_since(&self, since: SystemTime, most_pages: usize) -> Result<Vec<Failure>> {
        let call = Call { service: "cloudtrail", operation: "LookupEvents", subject: "the event history" };
        let attribute = LookupAttribute::builder()
            .attribute_key(LookupAttributeKey::EventName)
            .attribute_value("RotationFailed")
            .build()
            .map_err(|_| Error::wrong_usage("the look-up could not be made", "This is a defect of Fourstep"))?;
        let request = self.trail.lookup_events().lookup_attributes(attribute).start_time(since.into());
        let mut pages = request.into_paginator().send();
        let mut failures = Vec::new();
        for _ in 0..most_pages {
            let Some(page) = pages.next().await else { break };
            let page = page.map_err(|error| call.failed(&error))?;
            failures.extend(page.events.unwrap_or_default().iter().filter_map(failure));
            if page.next_token.is_some() {
                tokio::time::sleep(BETWEEN_PAGES).await;
            }
        }
        failures.sort_by_key(|failure| std::cmp::Reverse(failure.at));
        Ok(failures)
    }
}

fn failure(event: &Event) -> Option<Failure> {
    let record: serde_json::Value = serde_json::from_str(event.cloud_trail_event.as_deref()?).ok()?;
    let message = record["errorMessage"].as_str().unwrap_or("the rotation failed");
    Some(Failure { at: event.event_time.and_then(time)?, arn: secret_arn(&record)?, message: one_line(message) })
}

/// Finds the secret's ARN in a record. Its place and the spelling of its name differ between events.
/// <https://docs.aws.amazon.com/secretsmanager/latest/userguide/monitoring-eventbridge.html>
fn secret_arn(record: &serde_json::Value) -> Option<String> {
    match record {
        serde_json::Value::String(text) => {
            let is_arn = text.starts_with("arn:") && text.split(':').nth(2) == Some("secretsmanager");
            is_arn.then(|| text.clone())
        }
        serde_json::Value::Array(values) => values.iter().find_map(secret_arn),
        serde_json::Value::Object(fields) => fields.values().find_map(secret_arn),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arn_is_found_wherever_the_record_has_it() {
        let arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:app-AbCdEf";
        for record in [
            serde_json::json!({"eventSource": "secretsmanager.amazonaws.com", "additionalEventData": {"SecretId": arn}}),
            serde_json::json!({"responseElements": {"aRN": arn}, "errorMessage": "Error when executing lambda arn:aws:lambda:x"}),
            serde_json::json!({"resources": [{"ARN": arn}]}),
        ] {
            assert_eq!(secret_arn(&record).as_deref(), Some(arn), "{record}");
        }
        assert_eq!(secret_arn(&serde_json::json!({"errorMessage": "arn:aws:lambda:us-east-1:1:function:f"})), None);
    }
}
