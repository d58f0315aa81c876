use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_secretsmanager::types::RotationRulesType;
use fourstep::store::RotationRules;
use serde::Serialize;

use crate::error::{Error, Result};

/// When a secret is rotated, as Secrets Manager keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Rules {
    /// Days from one rotation to the next.
    pub automatically_after_days: Option<i64>,
    /// A `rate()` or `cron()` expression, in UTC.
    pub schedule_expression: Option<String>,
    /// How long the window is, such as `3h`.
    pub duration: Option<String>,
}

/// A schedule that Secrets Manager accepts.
///
/// The rules are those of <https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_schedule.html>; what
/// breaks one is refused here, with the fix, before anything is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    when: When,
    window_hours: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum When {
    Days(u32),
    Hours(u32),
    Cron(String),
}

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// "You can rotate a secret as often as every four hours."
const LEAST_HOURS: u32 = 4;
const MOST_DAYS: u32 = 1000;
const MOST_RATE_HOURS: u32 = 999;

impl Schedule {
    /// Rotates every so often: in whole hours from 4 h on, or in whole days up to 1000.
    ///
    /// # Errors
    ///
    /// [`WrongUsage`](crate::Reason::WrongUsage), naming the limit.
    pub fn every(interval: Duration) -> Result<Self> {
        let hours = u32::try_from(interval.as_secs() / HOUR.as_secs()).unwrap_or(u32::MAX);
        let fits = |least| Error::wrong_usage(format!("a secret cannot be rotated every {}", shown(interval)), least);
        if !interval.as_secs().is_multiple_of(HOUR.as_secs()) {
            return Err(fits("Give whole hours or days, such as 12h or 30d"));
        }
        if hours < LEAST_HOURS {
            return Err(fits("Secrets Manager rotates a secret every 4 hours at the most: give 4h or more"));
        }
        let when = if hours.is_multiple_of(24) { When::Days(hours / 24) } else { When::Hours(hours) };
        match when {
            When::Days(days) if days > MOST_DAYS => Err(fits("Give 1000d at the most")),
            When::Hours(hours) if hours > MOST_RATE_HOURS => Err(fits("Give whole days beyond 999h")),
            when => Ok(Self { when, window_hours: None }),
        }
    }

    /// Rotates at the times of a `cron()` expression, in UTC. The word `cron` and its parentheses may be left out.
    ///
    /// # Errors
    ///
    /// [`WrongUsage`](crate::Reason::WrongUsage), naming the field.
    pub fn cron(expression: &str) -> Result<Self> {
        let inner = expression.trim();
        let inner = inner.strip_prefix("cron(").and_then(|rest| rest.strip_suffix(')')).unwrap_or(inner);
        let fields: Vec<_> = inner.split_whitespace().collect();
        let wrong = |what: &str, next: &str| Err(Error::wrong_usage(format!("in `cron({inner})`, {what}"), next));
        let [minutes, hours, day, _, weekday, year] = fields[..] else {
            return wrong(
                "there are not six fields",
                "Give minutes, hours, day, month, weekday and year: `0 8 1 * ? *`",
            );
        };
        if minutes != "0" {
            return wrong(&format!("the minutes are `{minutes}`"), "Secrets Manager opens windows on the hour: give 0");
        }
        if year != "*" {
            return wrong(&format!("the year is `{year}`"), "Give *: no other year is accepted");
        }
        if (day == "?") == (weekday == "?") {
            return wrong("exactly one of day and weekday has to be `?`", "Write `?` for the one that does not matter");
        }
        if hours == "*" || hours.contains('/') && step(hours).is_none_or(|step| step < LEAST_HOURS) {
            return wrong(
                &format!("the hours are `{hours}`"),
                "Secrets Manager rotates every 4 hours at the most: give `/4` or a greater step",
            );
        }
        Ok(Self { when: When::Cron(format!("cron({})", fields.join(" "))), window_hours: None })
    }

    /// Rotates within so many hours from when the schedule says. Without this, Secrets Manager takes until the end of
    /// the day in UTC, or an hour where the schedule is in hours.
    ///
    /// # Errors
    ///
    /// [`WrongUsage`](crate::Reason::WrongUsage) if the window reaches into the next one, or is longer than a day.
    pub fn within(mut self, window: Duration) -> Result<Self> {
        let hours = u32::try_from(window.as_secs() / HOUR.as_secs()).unwrap_or(u32::MAX);
        let wrong =
            |next: String| Err(Error::wrong_usage(format!("the window cannot be {} long", shown(window)), next));
        if !window.as_secs().is_multiple_of(HOUR.as_secs()) || hours == 0 {
            return wrong("Give whole hours, such as 3h".to_owned());
        }
        let most = match self.when {
            When::Hours(hours) => hours.min(24),
            When::Days(_) | When::Cron(_) => 24,
        };
        if hours > most {
            return wrong(format!("It may not reach into the next window or the next day: give {most}h at the most"));
        }
        self.window_hours = Some(hours);
        Ok(self)
    }
}

fn step(hours: &str) -> Option<u32> {
    hours.split_once('/')?.1.parse().ok()
}

fn shown(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

impl Rules {
    /// Returns whether any rule is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the longest time that passes from one rotation to the next. `None`: there is no schedule, or one that cannot be
    /// read.
    #[must_use]
    pub fn longest(&self) -> Option<Duration> {
        let rules = RotationRules {
            automatically_after_days: self.automatically_after_days.and_then(|days| u32::try_from(days).ok()),
            duration: self.duration.clone(),
            schedule_expression: self.schedule_expression.clone(),
        };
        rules.longest()
    }

    /// Returns when the window closes that was open at `started`.
    #[must_use]
    pub fn window_end(&self, started: SystemTime) -> SystemTime {
        if let Some(hours) = self.duration.as_deref().and_then(|text| text.strip_suffix('h')?.parse::<u32>().ok()) {
            return started + HOUR * hours;
        }
        if self.schedule_expression.as_deref().is_some_and(|expression| expression.contains("hour")) {
            return started + HOUR;
        }
        let today = started.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / DAY.as_secs();
        UNIX_EPOCH + DAY * u32::try_from(today + 1).unwrap_or(u32::MAX)
    }
}

impl fmt::Display for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.schedule_expression, self.automatically_after_days) {
            (Some(expression), _) => f.write_str(expression)?,
            (None, Some(1)) => f.write_str("every day")?,
            (None, Some(days)) => write!(f, "every {days} days")?,
            (None, None) => return f.write_str("none"),
        }
        self.duration.as_ref().map_or(Ok(()), |duration| write!(f, ", within {duration}"))
    }
}

impl From<RotationRulesType> for Rules {
    fn from(rules: RotationRulesType) -> Self {
        Self {
            automatically_after_days: rules.automatically_after_days,
            schedule_expression: rules.schedule_expression,
            duration: rules.duration,
        }
    }
}

impl From<&Schedule> for Rules {
    fn from(schedule: &Schedule) -> Self {
        let (automatically_after_days, schedule_expression) = match &schedule.when {
            When::Days(days) => (Some(i64::from(*days)), None),
            When::Hours(hours) => (None, Some(format!("rate({hours} hours)"))),
            When::Cron(expression) => (None, Some(expression.clone())),
        };
        let duration = schedule.window_hours.map(|hours| format!("{hours}h"));
        Self { automatically_after_days, schedule_expression, duration }
    }
}

impl From<&Rules> for RotationRulesType {
    fn from(rules: &Rules) -> Self {
        // Secrets Manager takes one of the two, and describes a rate in days as both.
        let expression = rules.schedule_expression.clone();
        let days = rules.automatically_after_days.filter(|_| expression.is_none());
        Self::builder()
            .set_automatically_after_days(days)
            .set_schedule_expression(expression)
            .set_duration(rules.duration.clone())
            .build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_become_the_rules_that_secrets_manager_takes() {
        for (hours, expected) in
            [(24, "every day"), (30 * 24, "every 30 days"), (4, "rate(4 hours)"), (36, "rate(36 hours)")]
        {
            assert_eq!(Rules::from(&Schedule::every(HOUR * hours).unwrap()).to_string(), expected);
        }
        let schedule = Schedule::every(DAY * 30).unwrap().within(HOUR * 3).unwrap();
        assert_eq!(Rules::from(&schedule).to_string(), "every 30 days, within 3h");
        let cron = Schedule::cron("0 8 1 * ? *").unwrap();
        assert_eq!(Rules::from(&cron).to_string(), "cron(0 8 1 * ? *)");
        assert_eq!(Schedule::cron("cron(0 8 1 * ? *)").unwrap(), cron);
    }

    #[test]
    fn each_schedule_that_secrets_manager_refuses_is_refused_with_the_fix() {
        let every = |duration| Schedule::every(duration);
        for (refused, fix) in [
            (every(HOUR * 3), "give 4h or more"),
            (every(Duration::from_secs(90 * 60)), "whole hours"),
            (every(DAY * 1001), "1000d"),
            (every(HOUR * 1001), "whole days"),
            (every(HOUR * 6).and_then(|schedule| schedule.within(HOUR * 7)), "6h at the most"),
            (every(DAY * 30).and_then(|schedule| schedule.within(HOUR * 25)), "24h at the most"),
            (every(DAY).and_then(|schedule| schedule.within(Duration::from_secs(60))), "whole hours"),
            (Schedule::cron("15 8 1 * ? *"), "on the hour"),
            (Schedule::cron("0 8 1 * ?"), "0 8 1 * ? *"),
            (Schedule::cron("0 8 1 * ? 2027"), "no other year"),
            (Schedule::cron("0 8 * * * *"), "Write `?`"),
            (Schedule::cron("0 */2 * * ? *"), "`/4`"),
            (Schedule::cron("0 * * * ? *"), "`/4`"),
        ] {
            let error = refused.unwrap_err();
            assert!(error.is_wrong_usage() && error.next.contains(fix), "{error}");
        }
    }

    #[test]
    fn a_window_ends_by_its_length_or_with_the_hour_or_with_the_day() {
        let noon = UNIX_EPOCH + DAY * 20_000 + HOUR * 12;
        let rules = |expression: Option<&str>, duration: Option<&str>| Rules {
            schedule_expression: expression.map(str::to_owned),
            duration: duration.map(str::to_owned),
            ..Rules::default()
        };
        assert_eq!(rules(None, Some("3h")).window_end(noon), noon + HOUR * 3);
        assert_eq!(rules(Some("rate(4 hours)"), None).window_end(noon), noon + HOUR);
        assert_eq!(rules(Some("rate(4 days)"), None).window_end(noon), noon + HOUR * 12);
        assert_eq!(rules(None, None).window_end(noon), noon + HOUR * 12);
    }
}
