//! The metrics of a step, as a line of CloudWatch's embedded metric format.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fourstep::operator::Action;
use fourstep::{Done, Error, ErrorKind, Step};
use serde_json::{Value, json};

/// How a step ended, as far as it came.
pub(crate) struct Measured<'a> {
    /// The name of the function.
    pub(crate) function: &'a str,
    /// The name of the secret. It is a field: as a dimension it would be a metric, and a price, for each secret.
    pub(crate) secret: Option<&'a str>,
    /// Whose secret it is, where the function tells owners apart.
    pub(crate) owner: Option<&'a str>,
    /// The strategy that ran.
    pub(crate) strategy: Option<&'a str>,
    /// The step that ran.
    pub(crate) step: Option<&'a str>,
    /// How long it took.
    pub(crate) duration: Duration,
    /// How it ended.
    pub(crate) result: &'a Result<Done, Error>,
}

/// What a dimension says that is not known: the format allows no empty value.
const UNKNOWN: &str = "none";

/// Returns the line, at a time of day.
///
/// - `Duration` and, after a promotion, `WithoutCurrent`: milliseconds, by function, strategy, step and outcome or kind.
///   `WithoutCurrent` is the time in which AWSCURRENT may have been refused, at the most.
/// - `Success`, `Failure`: counts by the same; and both, one of them 0, by function alone, for an alarm on all failures.
/// - `Failure` by function and kind, for an alarm on one kind. An alarm can take no sum over dimensions.
/// - `ActionNeeded`: 1 by function where a failure was of another kind than `Unavailable`: a person has to act. Not for what
///   an operator asked, who reads the answer.
/// - `Rotated`: 1 by function where finishSecret promoted a version, for an alarm on its absence.
/// - All that is by function alone also by function and owner, so that the noise of one hides no silence of another.
pub(crate) fn line(measured: &Measured<'_>, now: SystemTime) -> String {
    let (dimension, ending, count, without_current) = match measured.result {
        Ok(done) => ("Outcome", done.outcome.name(), "Success", done.without_current),
        Err(error) => ("Kind", error.kind().name(), "Failure", None),
    };
    let failed = i32::from(measured.result.is_err());
    let milliseconds = |name: &str| json!({ "Name": name, "Unit": "Milliseconds" });
    let counted = |name: &str| json!({ "Name": name, "Unit": "Count" });
    let mut detailed = vec![milliseconds("Duration"), counted(count)];
    if without_current.is_some() {
        detailed.push(milliseconds("WithoutCurrent"));
    }
    let mut of_function = vec![counted("Success"), counted("Failure")];
    if without_current.is_some() {
        of_function.push(counted("Rotated"));
    }
    let action_needed = measured.result.as_ref().err().is_some_and(|error| error.kind() != ErrorKind::Unavailable)
        && !measured.step.is_some_and(is_read_by_who_asked);
    if action_needed {
        of_function.push(counted("ActionNeeded"));
    }
    let directive = |dimensions: &[&str], metrics: &[Value]| json!({ "Namespace": "Fourstep", "Dimensions": [dimensions], "Metrics": metrics });
    let mut directives = vec![
        directive(&["FunctionName", "Strategy", "Step", dimension], &detailed),
        directive(&["FunctionName"], &of_function),
    ];
    if measured.owner.is_some() {
        directives.push(directive(&["FunctionName", "Owner"], &of_function));
    }
    if failed == 1 {
        directives.push(directive(&["FunctionName", "Kind"], &[counted("Failure")]));
    }
    let mut line = json!({
        "_aws": {
            "Timestamp": whole_milliseconds(now.duration_since(UNIX_EPOCH).unwrap_or_default()),
            "CloudWatchMetrics": directives,
        },
        "FunctionName": measured.function,
        "Strategy": measured.strategy.unwrap_or(UNKNOWN),
        "Step": measured.step.unwrap_or(UNKNOWN),
        dimension: ending,
        "Secret": measured.secret,
        "Duration": whole_milliseconds(measured.duration),
        "Success": 1 - failed,
        "Failure": failed,
    });
    if let Some(owner) = measured.owner {
        line["Owner"] = owner.into();
    }
    if action_needed {
        line["ActionNeeded"] = 1.into();
    }
    if let (Some(time), Some(fields)) = (without_current, line.as_object_mut()) {
        fields.insert("WithoutCurrent".to_owned(), whole_milliseconds(time));
        fields.insert("Rotated".to_owned(), 1.into());
    }
    line.to_string()
}

/// Returns whether a person waits for the answer: steps are invoked by Secrets Manager, and reconcile by a schedule.
fn is_read_by_who_asked(name: &str) -> bool {
    Step::ALL.iter().all(|step| step.name() != name) && name != Action::Reconcile.name()
}

fn whole_milliseconds(duration: Duration) -> Value {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use fourstep::Outcome;

    use super::*;

    /// Reads a line by the rules of the specification: gives the metrics, each with its dimensions and value.
    fn read(line: &str) -> BTreeSet<String> {
        let root: Value = serde_json::from_str(line).unwrap();
        let metadata = root["_aws"].as_object().unwrap();
        assert!(metadata["Timestamp"].is_u64(), "milliseconds since 1970");
        let mut found = BTreeSet::new();
        for directive in metadata["CloudWatchMetrics"].as_array().unwrap() {
            let members: BTreeSet<_> = directive.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(members, BTreeSet::from(["Namespace", "Dimensions", "Metrics"]), "no other members");
            assert_eq!(directive["Namespace"], "Fourstep");
            for set in directive["Dimensions"].as_array().unwrap() {
                let mut dimensions = String::new();
                for name in set.as_array().unwrap() {
                    let name = name.as_str().unwrap();
                    let value = root[name].as_str().expect("the target of a dimension is a text in the root");
                    assert!((1..=1024).contains(&value.len()) && value.is_ascii());
                    dimensions.push_str(&format!("{name}={value} "));
                }
                for metric in directive["Metrics"].as_array().unwrap() {
                    let name = metric["Name"].as_str().unwrap();
                    assert!(["Milliseconds", "Count"].contains(&metric["Unit"].as_str().unwrap()));
                    let value = root[name].as_u64().expect("the target of a metric is a number in the root");
                    found.insert(format!("{dimensions}{name}={value}"));
                }
            }
        }
        found
    }

    #[test]
    fn what_an_operator_asked_raises_no_alarm_that_asks_a_person_to_act() {
        let result = Err(Error::invalid("nobody named the account"));
        for (step, needed) in
            [("setSecret", true), ("reconcile", true), ("diagnose", false), ("reset", false), ("retire", false)]
        {
            let measured = Measured {
                function: "rotate",
                secret: None,
                owner: None,
                strategy: None,
                step: Some(step),
                duration: Duration::ZERO,
                result: &result,
            };
            let needs = read(&line(&measured, UNIX_EPOCH)).contains("FunctionName=rotate ActionNeeded=1");
            assert_eq!(needs, needed, "{step}");
        }
        assert!(Action::NAMES.contains(&"reset"));
    }

    #[test]
    fn a_promotion_gives_durations_and_counts_and_the_secret_is_no_dimension() {
        let result = Ok(Done { outcome: Outcome::Done, without_current: Some(Duration::from_millis(1200)) });
        let line = line(
            &Measured {
                function: "rotate",
                secret: Some("app/db"),
                owner: Some("blue"),
                strategy: Some("single-user"),
                step: Some("finishSecret"),
                duration: Duration::from_micros(35_900),
                result: &result,
            },
            UNIX_EPOCH + Duration::from_millis(1_700_000_000_000),
        );
        let all = "FunctionName=rotate Strategy=single-user Step=finishSecret Outcome=Done";
        let expected = [
            format!("{all} Duration=35"),
            format!("{all} WithoutCurrent=1200"),
            format!("{all} Success=1"),
            "FunctionName=rotate Success=1".to_owned(),
            "FunctionName=rotate Failure=0".to_owned(),
            "FunctionName=rotate Rotated=1".to_owned(),
            "FunctionName=rotate Owner=blue Success=1".to_owned(),
            "FunctionName=rotate Owner=blue Failure=0".to_owned(),
            "FunctionName=rotate Owner=blue Rotated=1".to_owned(),
        ];
        assert_eq!(read(&line), expected.into());
        let root: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&root["Secret"], &root["_aws"]["Timestamp"]), (&json!("app/db"), &json!(1_700_000_000_000_u64)));
    }

    #[test]
    fn the_name_of_a_secret_is_a_text_in_one_line_and_adds_no_metric() {
        let hostile = "\u{1b}[31m=cmd|' /C calc'!A0<script>\u{202e}\",\"ActionNeeded\":0,\"x\":\"\n{}";
        let result = Err(Error::invalid(hostile));
        let measured = Measured {
            function: "rotate",
            secret: Some(hostile),
            owner: None,
            strategy: None,
            step: None,
            duration: Duration::ZERO,
            result: &result,
        };
        let line = line(&measured, UNIX_EPOCH);
        assert!(!line.chars().any(char::is_control), "{line:?}");
        assert!(read(&line).contains("FunctionName=rotate ActionNeeded=1"), "{line}");
        let root: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&root["Secret"], root.get("x")), (&json!(hostile), None));
    }

    #[test]
    fn a_failure_has_its_kind_and_says_what_is_not_known() {
        let result = Err(Error::invalid("x"));
        let measured = Measured {
            function: "rotate",
            secret: None,
            owner: None,
            strategy: None,
            step: None,
            duration: Duration::ZERO,
            result: &result,
        };
        let all = "FunctionName=rotate Strategy=none Step=none Kind=Invalid";
        let expected = [
            format!("{all} Duration=0"),
            format!("{all} Failure=1"),
            "FunctionName=rotate Success=0".to_owned(),
            "FunctionName=rotate Failure=1".to_owned(),
            "FunctionName=rotate Kind=Invalid Failure=1".to_owned(),
            "FunctionName=rotate ActionNeeded=1".to_owned(),
        ];
        assert_eq!(read(&line(&measured, UNIX_EPOCH)), expected.into());
    }
}
