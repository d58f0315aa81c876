use std::time::SystemTime;

use fourstep::{AWSCURRENT, AWSPENDING, AWSPREVIOUS, Step};

use crate::secret::{Secret, Value, Version};
use crate::state::{Judgement, State};
use crate::trail::Failure;

const CURRENT_WORKS: &str = "AWSCURRENT opens the target, and AWSPREVIOUS as long as the strategy keeps it";

/// Derives the state from what Secrets Manager and CloudTrail say. `failures` are those of this secret, latest first.
pub(crate) fn judge(secret: &Secret, failures: &[Failure], now: SystemTime) -> Judgement {
    let judged = |state, why: String, works: &str, next: &str| Judgement {
        state,
        since: None,
        next_step: None,
        why,
        works: works.to_owned(),
        next: next.to_owned(),
        failure: None,
    };
    if let Some(deleted) = secret.deleted {
        let why = format!("It was marked for deletion at {}.", humantime::format_rfc3339_seconds(deleted));
        return judged(
            State::Deleted,
            why,
            "Nobody can read the secret.",
            "Restore it, if it is still needed: aws secretsmanager restore-secret.",
        );
    }
    if secret.is_replica() {
        let primary = secret.primary_region.as_deref().unwrap_or("another region");
        return judged(
            State::Replica,
            format!("The primary is in {primary}."),
            "This copy is read as any secret.",
            &format!("Look at the primary: --region {primary}."),
        );
    }
    if let Some(why) = contradiction(secret) {
        return judged(
            State::Inconsistent,
            why,
            "That cannot be told from the labels: run `fourstep diagnose`.",
            "Let `fourstep recover` find the version that the target accepts and label it.",
        );
    }
    if let Some(service) = secret.owning_service.as_deref().filter(|_| secret.function.is_none()) {
        return judged(
            State::Managed,
            format!("The service {service} manages this secret."),
            "AWSCURRENT opens the target.",
            "Rotate it with that service.",
        );
    }
    if let Some(pending) = secret.pending() {
        return under_way(secret, pending, failures, now);
    }
    if let Some(lost) = abandoned(secret) {
        let mut judgement = judged(
            State::Abandoned,
            format!("Version {} is newer than AWSCURRENT and has no label.", lost.id),
            "Where the target has one slot, that version may be the one that it accepts: run `fourstep diagnose`.",
            "Run `fourstep recover` within 24 hours of the abandoned rotation: Secrets Manager may delete that version after that.",
        );
        judgement.since = lost.created;
        return judgement;
    }
    if secret.function.is_none() {
        return judged(
            State::NotConfigured,
            "No function rotates this secret.".to_owned(),
            "AWSCURRENT is never changed by a rotation.",
            "Name a function and a schedule: `fourstep configure`.",
        );
    }
    if !secret.rotation_enabled {
        return judged(
            State::TurnedOff,
            "Rotation is turned off.".to_owned(),
            &format!("{CURRENT_WORKS}."),
            "Turn it on again: `fourstep configure`.",
        );
    }
    let last = secret.last_rotated.map_or_else(
        || "It was never rotated.".to_owned(),
        |last| format!("It was last rotated at {}.", humantime::format_rfc3339_seconds(last)),
    );
    let mut judgement = if secret.next_rotation.is_some_and(|next| next <= now) {
        judged(
            State::Due,
            last,
            &format!("{CURRENT_WORKS}."),
            "Wait for the window, or start the rotation now: `fourstep start`.",
        )
    } else {
        judged(State::Idle, last, &format!("{CURRENT_WORKS}."), "Nothing.")
    };
    judgement.since = secret.last_rotated;
    judgement
}

fn under_way(secret: &Secret, pending: &Version, failures: &[Failure], now: SystemTime) -> Judgement {
    let id = &pending.id;
    let failure = failures.iter().find(|failure| pending.created.is_none_or(|created| failure.at >= created)).cloned();
    let (next_step, has, works) = match pending.value {
        Value::Empty => (
            Some(Step::Create.name()),
            "has no value yet",
            "AWSCURRENT opens the target: this rotation has changed nothing there, but that a minted key may have been made.".to_owned(),
        ),
        Value::Stored => (
            Some(Step::Set.name()),
            "has a value",
            "One of AWSCURRENT and AWSPENDING opens the target, or both: `fourstep diagnose` tells which.".to_owned(),
        ),
        Value::Unknown => (
            None,
            "may have a value",
            "AWSCURRENT or AWSPENDING opens the target, or both: `fourstep diagnose` tells which.".to_owned(),
        ),
    };
    let closed = pending.created.is_some_and(|created| secret.rules.window_end(created) <= now);
    let (state, why, next) = if !secret.rotation_enabled {
        (
            State::Cancelled,
            format!("Rotation is turned off, and AWSPENDING is still on version {id}, which {has}."),
            "Put the labels right: `fourstep cancel`; or turn rotation on again: `fourstep cancel --resume`."
                .to_owned(),
        )
    } else if let Some(failure) = &failure {
        (
            State::Failed,
            format!("{}.", failure.message.trim_end_matches('.')),
            "Look at the function's log for the kind of error and what it says to do, then `fourstep start`: it goes on with the same version.".to_owned(),
        )
    } else if closed {
        (
            State::Stuck,
            format!("AWSPENDING is on version {id}, which {has}, and the rotation's window has closed."),
            "Go on with it: `fourstep start`. If its value is dead: `fourstep start --force`.".to_owned(),
        )
    } else {
        (
            State::InProgress,
            format!("AWSPENDING is on version {id}, which {has}."),
            "Wait for it: `fourstep watch`.".to_owned(),
        )
    };
    Judgement { state, since: pending.created, next_step, why, works, next, failure }
}

/// Finds labels that no rotation leaves behind.
fn contradiction(secret: &Secret) -> Option<String> {
    let current = secret.labelled(AWSCURRENT);
    let pending = secret.labelled(AWSPENDING);
    if let (None, Some(previous)) = (current, secret.labelled(AWSPREVIOUS)) {
        return Some(format!("AWSPREVIOUS is on version {}, and no version has AWSCURRENT.", previous.id));
    }
    if current.is_some_and(|version| version.has(AWSPREVIOUS)) {
        return Some("AWSCURRENT and AWSPREVIOUS are on the same version.".to_owned());
    }
    if pending.is_some_and(|version| version.has(AWSPREVIOUS)) {
        return Some("AWSPENDING and AWSPREVIOUS are on the same version: somebody moved a label by hand.".to_owned());
    }
    None
}

/// Finds the version of a rotation that lost AWSPENDING before its end: newer than AWSCURRENT, without a label.
fn abandoned(secret: &Secret) -> Option<&Version> {
    let current = secret.labelled(AWSCURRENT)?.created?;
    let newer = |version: &&Version| version.labels.is_empty() && version.created.is_some_and(|at| at > current);
    secret.versions.iter().filter(newer).max_by_key(|version| version.created)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    const HOUR: Duration = Duration::from_secs(60 * 60);

    fn now() -> SystemTime {
        // Noon in UTC.
        UNIX_EPOCH + HOUR * 24 * 20_000 + HOUR * 12
    }

    fn version(id: &str, labels: &[&str], hours_ago: u32, value: Value) -> Version {
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        Version { id: id.to_owned(), labels, created: Some(now() - HOUR * hours_ago), value }
    }

    fn secret(versions: Vec<Version>) -> Secret {
        Secret {
            arn: "arn:aws:secretsmanager:us-east-1:123456789012:secret:app-AbCdEf".to_owned(),
            rotation_enabled: true,
            function: Some("arn:aws:lambda:us-east-1:123456789012:function:rotate".to_owned()),
            last_rotated: Some(now() - HOUR * 48),
            versions,
            ..Secret::default()
        }
    }

    fn current() -> Version {
        version("v1", &[AWSCURRENT], 48, Value::Unknown)
    }

    fn state(secret: &Secret) -> State {
        judge(secret, &[], now()).state
    }

    #[test]
    fn without_a_pending_version_it_is_idle_due_turned_off_or_not_configured() {
        let idle = secret(vec![current()]);
        assert_eq!(state(&idle), State::Idle);
        let due = Secret { next_rotation: Some(now()), ..idle.clone() };
        assert_eq!(state(&due), State::Due);
        let off = Secret { rotation_enabled: false, ..idle.clone() };
        assert_eq!(state(&off), State::TurnedOff);
        assert_eq!(state(&Secret { function: None, ..off }), State::NotConfigured);
        // After a rotation Secrets Manager may leave AWSPENDING on the current version.
        assert_eq!(state(&secret(vec![version("v1", &[AWSCURRENT, AWSPENDING], 48, Value::Stored)])), State::Idle);
    }

    #[test]
    fn a_pending_version_is_in_progress_then_stuck_whenever_the_last_rotation_was() {
        let young = secret(vec![current(), version("v2", &[AWSPENDING], 1, Value::Empty)]);
        let judgement = judge(&young, &[], now());
        assert_eq!((judgement.state, judgement.next_step), (State::InProgress, Some("createSecret")));
        let with_value = secret(vec![current(), version("v2", &[AWSPENDING], 1, Value::Stored)]);
        assert_eq!(judge(&with_value, &[], now()).next_step, Some("setSecret"));

        let mut old = secret(vec![current(), version("v2", &[AWSPENDING], 13, Value::Empty)]);
        assert_eq!(state(&old), State::Stuck, "the day in UTC is over");
        old.rules.duration = Some("14h".to_owned());
        assert_eq!(state(&old), State::InProgress, "the window is still open");
        old.rotation_enabled = false;
        assert_eq!(state(&old), State::Cancelled);
    }

    #[test]
    fn only_a_failure_of_this_rotation_makes_it_failed() {
        let secret = secret(vec![current(), version("v2", &[AWSPENDING], 2, Value::Stored)]);
        let failure = |hours| Failure {
            at: now() - HOUR * hours,
            arn: secret.arn.clone(),
            message: "Error when executing lambda arn during setSecret step".to_owned(),
        };
        assert_eq!(judge(&secret, &[failure(3)], now()).state, State::InProgress);
        let judgement = judge(&secret, &[failure(1), failure(3)], now());
        assert_eq!(judgement.state, State::Failed);
        assert!(judgement.why.contains("during setSecret step"), "{}", judgement.why);
    }

    #[test]
    fn a_newer_version_without_a_label_is_abandoned_and_an_older_one_is_not() {
        assert_eq!(state(&secret(vec![current(), version("v0", &[], 50, Value::Unknown)])), State::Idle);
        let lost = secret(vec![current(), version("v2", &[], 5, Value::Unknown)]);
        let judgement = judge(&lost, &[], now());
        assert!(judgement.state == State::Abandoned && judgement.why.contains("v2"), "{}", judgement.why);
        // Also where rotation was turned off.
        assert_eq!(state(&Secret { rotation_enabled: false, ..lost }), State::Abandoned);
    }

    #[test]
    fn labels_that_contradict_each_other_are_named() {
        for (versions, part) in [
            (vec![version("v0", &[AWSPREVIOUS], 9, Value::Unknown)], "no version has AWSCURRENT"),
            (vec![version("v1", &[AWSCURRENT, AWSPREVIOUS], 9, Value::Unknown)], "on the same version"),
            (vec![current(), version("v0", &[AWSPENDING, AWSPREVIOUS], 9, Value::Unknown)], "moved a label by hand"),
        ] {
            let judgement = judge(&secret(versions), &[], now());
            assert_eq!(judgement.state, State::Inconsistent);
            assert!(judgement.why.contains(part), "{}", judgement.why);
        }
        // A secret whose first value is being made has no AWSCURRENT yet.
        assert_eq!(state(&secret(vec![version("v1", &[AWSPENDING], 1, Value::Empty)])), State::InProgress);
    }

    #[test]
    fn what_is_deleted_a_replica_or_managed_is_nothing_else() {
        let plain = secret(vec![current()]);
        assert_eq!(state(&Secret { deleted: Some(now()), ..plain.clone() }), State::Deleted);
        assert_eq!(state(&Secret { primary_region: Some("eu-west-1".to_owned()), ..plain.clone() }), State::Replica);
        assert_eq!(state(&Secret { primary_region: Some("us-east-1".to_owned()), ..plain.clone() }), State::Idle);
        let managed = Secret { owning_service: Some("rds".to_owned()), function: None, ..plain };
        assert_eq!(state(&managed), State::Managed);
    }
}
