//! AWS CloudTrail, as far as an operator asks it: rotations that failed, and trails.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::api::epoch_seconds;
use super::refusal::Refusal;

/// A rotation that failed.
#[derive(Clone, Debug)]
pub(super) struct Recorded {
    pub(super) at: SystemTime,
    pub(super) arn: String,
    pub(super) message: String,
}

/// A trail.
#[derive(Clone, Debug)]
pub struct Trail {
    /// Its name.
    pub name: String,
    /// Whether it logs now.
    pub logs: bool,
}

impl Trail {
    fn arn(&self) -> String {
        format!("arn:aws:cloudtrail:us-east-1:123456789012:trail/{}", self.name)
    }
}

/// Answers DescribeTrails.
pub(super) fn describe(trails: &[Trail]) -> Value {
    let trails: Vec<_> = trails.iter().map(|trail| json!({ "Name": trail.name, "TrailARN": trail.arn() })).collect();
    json!({ "trailList": trails })
}

/// Answers GetTrailStatus.
pub(super) fn status(trails: &[Trail], input: &Value) -> Result<Value, Refusal> {
    let trail = trails.iter().find(|trail| input["Name"] == trail.name || input["Name"] == trail.arn());
    let trail = trail.ok_or_else(|| Refusal::new("TrailNotFoundException", "Unknown trail."))?;
    Ok(json!({ "IsLogging": trail.logs }))
}

/// LookupEvents gives so many events at the most.
const PAGE: usize = 50;

/// Answers LookupEvents: the events of a name since a time, latest first, in pages.
pub(super) fn look_up(recorded: &[Recorded], input: &Value) -> Value {
    let name = input["LookupAttributes"][0]["AttributeValue"].as_str().unwrap_or_default();
    let since = input["StartTime"].as_f64().unwrap_or_default();
    // CloudTrail's times have whole seconds.
    let matching: Vec<_> = recorded
        .iter()
        .rev()
        .filter(|event| name == "RotationFailed" && epoch_seconds(event.at).ceil() >= since.floor())
        .collect();
    let start = input["NextToken"].as_str().and_then(|token| token.parse::<usize>().ok()).unwrap_or_default();
    let events = matching.iter().skip(start).take(PAGE).map(|event| {
        let record = json!({
            "eventVersion": "1.08",
            "eventSource": "secretsmanager.amazonaws.com",
            "eventName": "RotationFailed",
            "eventType": "AwsServiceEvent",
            "errorMessage": event.message,
            "additionalEventData": { "SecretId": event.arn },
        });
        json!({
            "EventName": "RotationFailed",
            "EventSource": "secretsmanager.amazonaws.com",
            "EventTime": epoch_seconds(event.at),
            "CloudTrailEvent": record.to_string(),
        })
    });
    let mut answer = json!({ "Events": events.collect::<Vec<_>>() });
    if start + PAGE < matching.len() {
        answer["NextToken"] = json!((start + PAGE).to_string());
    }
    answer
}
