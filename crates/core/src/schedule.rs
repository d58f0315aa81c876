use std::fmt;
use std::time::Duration;

/// When a secret is rotated, as Secrets Manager keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RotationRules {
    /// Days from one rotation to the next, 1 to 1000.
    pub automatically_after_days: Option<u32>,
    /// How long the window is, such as `3h`.
    pub duration: Option<String>,
    /// A `rate()` or `cron()` expression, in UTC.
    pub schedule_expression: Option<String>,
}

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl RotationRules {
    /// Returns whether any rule is set: without one, nothing but a person rotates the secret.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the longest time that these rules let pass from one rotation to the next: Secrets Manager may rotate at the
    /// beginning of one window, and at the end of the next. `None`: there is no schedule, or one that cannot be read.
    #[must_use]
    pub fn longest(&self) -> Option<Duration> {
        let (interval, usual_window) = match (self.schedule_expression.as_deref(), self.automatically_after_days) {
            (Some(expression), _) => interval(expression)?,
            (None, Some(days)) => (DAY.checked_mul(days)?, DAY),
            (None, None) => return None,
        };
        let window = match &self.duration {
            Some(window) => HOUR.checked_mul(window.strip_suffix('h')?.parse().ok()?)?,
            None => usual_window,
        };
        interval.checked_add(window)
    }
}

impl fmt::Display for RotationRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.schedule_expression, self.automatically_after_days) {
            (Some(expression), _) => f.write_str(expression),
            (None, Some(1)) => f.write_str("every day"),
            (None, Some(days)) => write!(f, "every {days} days"),
            (None, None) => f.write_str("none"),
        }
    }
}

/// Returns the longest time between two moments of an expression, and how long its window is where no rule says so.
fn interval(expression: &str) -> Option<(Duration, Duration)> {
    let (kind, inner) = expression.trim().strip_suffix(')')?.split_once('(')?;
    match kind {
        "rate" => {
            let (count, unit) = inner.trim().split_once(' ')?;
            let count = count.parse().ok()?;
            match unit.trim().trim_end_matches('s') {
                "hour" => Some((HOUR.checked_mul(count)?, HOUR)),
                "day" => Some((DAY.checked_mul(count)?, DAY)),
                _ => None,
            }
        }
        "cron" => {
            let cron = Cron::parse(inner)?;
            Some((cron.longest_gap()?, if cron.is_of_hours { HOUR } else { DAY }))
        }
        _ => None,
    }
}

/// A `cron()` expression, as far as schedules of Secrets Manager need it:
/// <https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_schedule.html>.
struct Cron<'e> {
    hours: Vec<u32>,
    /// Whether it rotates several times a day.
    is_of_hours: bool,
    months: Vec<u32>,
    days: Days<'e>,
}

enum Days<'e> {
    OfMonth(Vec<&'e str>),
    OfWeek(Vec<&'e str>),
}

const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

impl<'e> Cron<'e> {
    fn parse(text: &'e str) -> Option<Self> {
        let fields: Vec<_> = text.split_whitespace().collect();
        let [_, hours, day, months, weekday, _] = fields[..] else { return None };
        let hours = numbers(hours, 0, 23, &[])?;
        let days = match (day, weekday) {
            ("?", weekday) => Days::OfWeek(weekday.split(',').collect()),
            (day, "?" | "*") => Days::OfMonth(day.split(',').collect()),
            ("*", weekday) => Days::OfWeek(weekday.split(',').collect()),
            _ => return None,
        };
        Some(Self { is_of_hours: hours.len() > 1, hours, months: numbers(months, 1, 12, &MONTHS)?, days })
    }

    /// Returns the longest time between two moments, over nine years, so that a leap day is among them.
    fn longest_gap(&self) -> Option<Duration> {
        // 2023-01-01 was a Sunday.
        let (mut weekday, mut number, mut before, mut longest) = (1, 0, None, None);
        for year in 2023..2032 {
            for month in 1..=12 {
                let length = length(year, month);
                for day in 1..=length {
                    if self.months.contains(&month) && self.days.have(day, weekday, length)? {
                        for hour in &self.hours {
                            let now = number * 24 + hour;
                            longest = longest.max(before.map(|before| now - before));
                            before = Some(now);
                        }
                    }
                    (weekday, number) = (weekday % 7 + 1, number + 1);
                }
            }
        }
        longest.and_then(|hours| HOUR.checked_mul(hours))
    }
}

impl Days<'_> {
    /// Returns whether a day is one of these. `None`: one of them cannot be read.
    fn have(&self, day: u32, weekday: u32, length: u32) -> Option<bool> {
        let mut found = false;
        match self {
            Self::OfMonth(days) => {
                for text in days {
                    found |= match text.strip_suffix('W') {
                        _ if *text == "L" => day == length,
                        Some("L") => nearest(length, day, weekday, length),
                        Some(near) => nearest(near.parse().ok()?, day, weekday, length),
                        None => numbers(text, 1, 31, &[])?.contains(&day),
                    };
                }
            }
            Self::OfWeek(days) => {
                for text in days {
                    found |= match (text.split_once('#'), text.strip_suffix('L')) {
                        (Some((on, nth)), _) => {
                            numbers(on, 1, 7, &WEEKDAYS)?.contains(&weekday)
                                && (day - 1) / 7 + 1 == nth.parse::<u32>().ok()?
                        }
                        (None, Some("")) => weekday == 7,
                        (None, Some(on)) => numbers(on, 1, 7, &WEEKDAYS)?.contains(&weekday) && day + 7 > length,
                        (None, None) => numbers(text, 1, 7, &WEEKDAYS)?.contains(&weekday),
                    };
                }
            }
        }
        Some(found)
    }
}

/// Returns whether `day` is the day from Monday to Friday that is nearest to `wanted` in its month.
fn nearest(wanted: u32, day: u32, weekday: u32, length: u32) -> bool {
    let is_working = (2..=6).contains(&weekday);
    // Saturday goes back to Friday, or on to Monday where the month begins; Sunday the other way round.
    let from_saturday = weekday == 6 && day + 1 == wanted || weekday == 2 && wanted == 1 && day == 3;
    let from_sunday = weekday == 2 && day == wanted + 1 || weekday == 6 && wanted == length && day + 2 == wanted;
    is_working && (day == wanted || from_saturday || from_sunday)
}

/// Reads a field of numbers or of `names`: `*`, `?`, lists, ranges and steps.
fn numbers(field: &str, least: u32, most: u32, names: &[&str]) -> Option<Vec<u32>> {
    let number = |text: &str| {
        let named = names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let number = match named {
            Some(at) => least + u32::try_from(at).ok()?,
            None => text.parse().ok()?,
        };
        (least..=most).contains(&number).then_some(number)
    };
    let mut found = Vec::new();
    for part in field.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step.parse().ok().filter(|step| *step > 0)?)),
            None => (part, None),
        };
        let (first, last) = match range.split_once('-') {
            Some((first, last)) => (number(first)?, number(last)?),
            None if matches!(range, "*" | "?" | "") => (least, most),
            None => (number(range)?, if step.is_some() { most } else { number(range)? }),
        };
        // A range of names may go over the end, as SAT-MON.
        let over = (first > last).then_some(least..=last);
        let range = first..=if first > last { most } else { last };
        found.extend(range.chain(over.into_iter().flatten()).step_by(step.unwrap_or(1)));
    }
    found.sort_unstable();
    found.dedup();
    Some(found)
}

fn length(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(expression: &str) -> Option<f64> {
        let rules = RotationRules {
            schedule_expression: Some(expression.to_owned()),
            duration: Some("0h".to_owned()),
            ..RotationRules::default()
        };
        rules.longest().map(|longest| longest.as_secs_f64() / DAY.as_secs_f64())
    }

    #[test]
    fn the_longest_time_between_two_rotations_is_known_for_every_form_of_schedule() {
        for (expression, expected) in [
            ("rate(4 hours)", 4.0 / 24.0),
            ("rate(10 days)", 10.0),
            ("rate(1 day)", 1.0),
            ("cron(0 8 1 * ? *)", 31.0),
            ("cron(0 8 31 * ? *)", 61.0),
            ("cron(0 8 29 2 ? *)", 1461.0),
            ("cron(0 8 1 1,4,7,10 ? *)", 92.0),
            ("cron(0 8 1 JAN/3 ? *)", 92.0),
            ("cron(0 8 1 1/6 ? *)", 184.0),
            ("cron(0 8 L * ? *)", 31.0),
            ("cron(0 8 LW * ? *)", 33.0),
            ("cron(0 8 1W * ? *)", 33.0),
            ("cron(0 8 ? * SUN *)", 7.0),
            ("cron(0 8 ? * MON-FRI *)", 3.0),
            ("cron(0 8 ? * SAT-MON *)", 5.0),
            ("cron(0 8 ? 1/3 3#2 *)", 98.0),
            ("cron(0 8 ? * 6L *)", 35.0),
            ("cron(0 /4 * * ? *)", 4.0 / 24.0),
            ("cron(0 8,20 * * ? *)", 0.5),
            ("cron(0 8-10 * * ? *)", 22.0 / 24.0),
        ] {
            assert_eq!(days(expression), Some(expected), "{expression}");
        }
        for unknown in ["cron(0 8 x * ? *)", "cron(0 8 1 * ?)", "rate(often)", "at(noon)", "cron(0 8 1 13 ? *)", ""] {
            assert_eq!(days(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn a_window_adds_to_it() {
        let rules = |days, expression: &str, window: &str| RotationRules {
            automatically_after_days: days,
            schedule_expression: Some(expression.to_owned()).filter(|text| !text.is_empty()),
            duration: Some(window.to_owned()).filter(|text| !text.is_empty()),
        };
        assert_eq!(rules(Some(30), "", "").longest(), Some(DAY * 31));
        assert_eq!(rules(Some(30), "", "3h").longest(), Some(DAY * 30 + HOUR * 3));
        assert_eq!(rules(Some(10), "rate(10 days)", "").longest(), Some(DAY * 11));
        assert_eq!(rules(None, "rate(4 hours)", "").longest(), Some(HOUR * 5));
        assert_eq!(rules(None, "", "").longest(), None);
        assert!(RotationRules::default().is_empty() && !rules(Some(1), "", "").is_empty());
    }
}
