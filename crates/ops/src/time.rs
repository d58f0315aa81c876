use std::time::{Duration, SystemTime};

use aws_sdk_secretsmanager::primitives::DateTime;
use serde::Serializer;

/// Reads a time that AWS sends. All are after 1970; any other counts as unknown.
pub(crate) fn time(time: DateTime) -> Option<SystemTime> {
    SystemTime::try_from(time).ok()
}

/// Writes a time as RFC 3339, in UTC and whole seconds.
pub(crate) fn rfc3339<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&humantime::format_rfc3339_seconds(*time))
}

/// Writes a time, if it is known, as [`rfc3339`] does.
pub(crate) fn optional_time<S: Serializer>(time: &Option<SystemTime>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => rfc3339(time, serializer),
        None => serializer.serialize_none(),
    }
}

/// Writes a duration in whole seconds.
pub(crate) fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(duration.as_secs())
}
