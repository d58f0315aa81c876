//! CloudWatch Logs, as far as an operator asks it: FilterLogEvents by the fields of JSON lines.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::refusal::Refusal;

/// A line that a function logged.
#[derive(Clone, Debug)]
pub(super) struct Logged {
    pub(super) at: SystemTime,
    pub(super) group: String,
    pub(super) line: String,
}

/// FilterLogEvents gives so many events at the most here; the service up to 10,000, or a megabyte.
const PAGE: usize = 100;

/// Answers FilterLogEvents: the lines of a group since a time that meet a pattern, oldest first.
pub(super) fn filter(logged: &[Logged], input: &Value) -> Result<Value, Refusal> {
    let group = &input["logGroupName"];
    let mut of_group = logged.iter().filter(|logged| group == &logged.group).peekable();
    if of_group.peek().is_none() {
        return Err(Refusal::new("ResourceNotFoundException", "The specified log group does not exist."));
    }
    let fields = conditions(input["filterPattern"].as_str().unwrap_or_default())?;
    let since = input["startTime"].as_u64().unwrap_or_default();
    let start = input["nextToken"].as_str().and_then(|token| token.parse::<usize>().ok()).unwrap_or_default();
    let meets = |logged: &&Logged| {
        let line: Value = serde_json::from_str(&logged.line).unwrap_or_default();
        millis(logged.at) >= since && fields.iter().all(|(name, value)| line[name] == *value)
    };
    let matching: Vec<_> = of_group.filter(meets).collect();
    let events: Vec<_> = matching
        .iter()
        .skip(start)
        .take(PAGE)
        .map(|logged| json!({ "logStreamName": "stream", "timestamp": millis(logged.at), "message": logged.line }))
        .collect();
    let mut answer = json!({ "events": events });
    if start + PAGE < matching.len() {
        answer["nextToken"] = json!((start + PAGE).to_string());
    }
    Ok(answer)
}

/// Reads a pattern of the form `{ ($.name = "value") && … }`.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html>
fn conditions(pattern: &str) -> Result<Vec<(String, String)>, Refusal> {
    let refused = || Refusal::new("InvalidParameterException", "Invalid filter pattern");
    let inner = pattern.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).ok_or_else(refused)?;
    let condition = |text: &str| {
        let (name, value) = text.trim().strip_prefix('(')?.strip_suffix(')')?.split_once('=')?;
        let value = value.trim().strip_prefix('"')?.strip_suffix('"')?;
        Some((name.trim().strip_prefix("$.")?.to_owned(), value.to_owned()))
    };
    inner.split("&&").map(|text| condition(text).ok_or_else(refused)).collect()
}

fn millis(time: SystemTime) -> u64 {
    let millis = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    u64::try_from(millis).unwrap_or(u64::MAX)
}
