use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fourstep::ErrorKind;
use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::error::{Reason, Result, one_line};
use crate::operator::Operator;
use crate::time::optional_time;

/// What a function of Fourstep logged when a step failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FunctionFailure {
    /// When.
    #[serde(serialize_with = "optional_time")]
    pub at: Option<SystemTime>,
    /// The kind of error, which tells who has to act: see [`ErrorKind`].
    pub kind: &'static str,
    /// The step.
    pub step: Option<String>,
    /// What happened, what still works, and what to do next.
    pub message: String,
}

/// The line of a step that failed, as the function writes it. Its message went through the function's filter of secrets.
#[derive(Deserialize)]
struct Line {
    target: String,
    kind: String,
    step: Option<String>,
    version: String,
    message: String,
}

/// FilterLogEvents looks through a part of the log in each page, and some have nothing in them.
const MOST_PAGES: usize = 10;

impl Operator {
    /// Looks up, in the function's log, why the rotation to a version failed last.
    ///
    /// Only lines of Fourstep's own form are read: another function may log anything, secrets too.
    pub(crate) async fn function_failure(
        &self,
        function: &str,
        version: &str,
        since: SystemTime,
    ) -> Result<Option<FunctionFailure>> {
        let group = self.log_group(function).await;
        let subject = format!("log group {group}");
        let call = Call { service: "logs", operation: "FilterLogEvents", subject: &subject };
        let since = since.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let request = self
            .logs
            .filter_log_events()
            .log_group_name(&group)
            .start_time(i64::try_from(since).unwrap_or_default())
            .filter_pattern(pattern(version));
        let mut pages = request.into_paginator().send();
        let mut last = None;
        for _ in 0..MOST_PAGES {
            let Some(page) = pages.next().await else { break };
            let page = match page.map_err(|error| call.failed(&error)) {
                Ok(page) => page,
                // Lambda makes the group when the function logs for the first time.
                Err(error) if error.reason == Reason::NotFound => return Ok(None),
                Err(error) => return Err(error),
            };
            let events = page.events.unwrap_or_default();
            let read = |event: &aws_sdk_cloudwatchlogs::types::FilteredLogEvent| {
                failure(event.message.as_deref()?, event.timestamp, version)
            };
            last = events.iter().filter_map(read).max_by_key(|failure| failure.at).or(last);
        }
        Ok(last)
    }

    /// Returns the function's log group: the one that it names, or that of its name where nobody may look.
    async fn log_group(&self, function: &str) -> String {
        let logging = self.configuration(function).await.ok().and_then(|of| of.logging_config?.log_group);
        // arn:partition:lambda:region:account:function:name:qualifier
        let name = if function.starts_with("arn:") { function.split(':').nth(6).unwrap_or(function) } else { function };
        logging.unwrap_or_else(|| format!("/aws/lambda/{name}"))
    }
}

/// Selects the errors of the rotation to a version. Whoever stores a version chooses its id, of any characters: one that
/// could say something of its own in a pattern is not put into it, and each line is compared with it anyway.
fn pattern(version: &str) -> String {
    let plain = version.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let of_version = if plain { format!("($.version = \"{version}\") && ") } else { String::new() };
    format!("{{ {of_version}($.level = \"ERROR\") }}")
}

fn failure(line: &str, timestamp: Option<i64>, of: &str) -> Option<FunctionFailure> {
    let Line { target, kind, step, version, message } = serde_json::from_str(line).ok()?;
    let is_own = target == "fourstep" && version == of;
    let kind = ErrorKind::ALL.into_iter().find(|known| known.name() == kind).filter(|_| is_own)?;
    let at = timestamp.and_then(|millis| Some(UNIX_EPOCH + Duration::from_millis(u64::try_from(millis).ok()?)));
    Some(FunctionFailure { at, kind: kind.name(), step, message: one_line(&message) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_line_of_a_step_that_failed_is_read() {
        let line = r#"{"timestamp":"2026-01-02T03:04:05Z","level":"ERROR","message":"no answer","step":"setSecret","version":"v2","kind":"Unavailable","target":"fourstep"}"#;
        let read = failure(line, Some(1_000), "v2").unwrap();
        assert_eq!(
            (read.kind, read.step.as_deref(), read.message.as_str()),
            ("Unavailable", Some("setSecret"), "no answer")
        );
        for other in [
            "[ERROR] the password is hunter22",
            &line.replace(r#""kind":"Unavailable","#, ""),
            &line.replace("Unavailable", "ValueError"),
            &line.replace(r#""target":"fourstep""#, r#""target":"plugin""#),
            &line.replace("v2", "v1"),
        ] {
            assert_eq!(failure(other, Some(1_000), "v2"), None, "{other}");
        }
    }

    #[test]
    fn the_id_of_a_version_selects_no_other_lines() {
        assert_eq!(pattern("v2"), r#"{ ($.version = "v2") && ($.level = "ERROR") }"#);
        assert_eq!(pattern(r#"x") || ($.version = "y"#), r#"{ ($.level = "ERROR") }"#);
    }
}
