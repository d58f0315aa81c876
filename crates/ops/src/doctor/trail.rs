use std::time::{Duration, SystemTime};

use crate::call::Call;
use crate::doctor::finding::{Finding, doubtful, good, unknown};
use crate::error::Result;
use crate::operator::Operator;

impl Operator {
    /// Checks whether the history of events, which is there without a trail, tells of failures.
    pub(super) async fn history(&self) -> Finding {
        let what = "events of failures";
        match self.failures_since(SystemTime::now() - Duration::from_secs(60), 1).await {
            Ok(_) => good(what, "CloudTrail tells of failed rotations."),
            Err(error) => unknown(what, &error),
        }
    }

    /// Checks whether a trail logs: without one, no rule of EventBridge hears of a failed rotation.
    /// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html>
    pub(super) async fn trail(&self) -> Finding {
        let what = "trail for alarms";
        match self.logging_trail().await {
            Ok(Some(trail)) => {
                good(what, &format!("Trail {trail} logs: rules of EventBridge hear of failed rotations."))
            }
            Ok(None) => doubtful(
                what,
                "No trail logs in this region: rules of EventBridge do not hear of failed rotations.",
                "Make a trail with management events, or start the one that there is: aws cloudtrail start-logging",
            ),
            Err(error) => unknown(what, &error),
        }
    }

    async fn logging_trail(&self) -> Result<Option<String>> {
        let call = Call { service: "cloudtrail", operation: "DescribeTrails", subject: "the trails" };
        let answer = self.trail.describe_trails().send().await.map_err(|error| call.failed(&error))?;
        for trail in answer.trail_list() {
            let name = trail.name().unwrap_or_default();
            let subject = format!("trail {name}");
            let call = Call { service: "cloudtrail", operation: "GetTrailStatus", subject: &subject };
            // One of another region is known by its ARN only.
            let request = self.trail.get_trail_status().name(trail.trail_arn().unwrap_or(name));
            let status = request.send().await.map_err(|error| call.failed(&error))?;
            if status.is_logging() == Some(true) {
                return Ok(Some(name.to_owned()));
            }
        }
        Ok(None)
    }
}
