use std::fmt::Display;
use std::time::Duration;

use anstyle::{AnsiColor, Style};

const HEADING: Style = AnsiColor::Cyan.on_default().bold();
const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();

/// Announces what is about to run. Everything goes to standard error, as with cargo's own messages.
pub(crate) fn announce(name: &str, command: &str) {
    anstream::eprintln!("\n{HEADING}==> {name}{HEADING:#}: {command}");
}

/// Prints that what was announced has ended well.
pub(crate) fn done(name: &str, time: Duration) {
    anstream::eprintln!("{GOOD}    {name}{GOOD:#}: passed in {}", readable(time));
}

/// Prints one item of a list: a word for its state, and what it is.
pub(crate) fn item(state: &str, what: impl Display) {
    anstream::eprintln!("{GOOD}{state:>12}{GOOD:#} {what}");
}

/// Adds to the item before.
pub(crate) fn more(text: impl Display) {
    anstream::eprintln!("{:>12} {text}", "");
}

/// Prints a line as it is.
pub(crate) fn line(text: impl Display) {
    anstream::eprintln!("{text}");
}

/// Explains why a task stopped.
pub(crate) fn failed(why: impl Display) {
    anstream::eprintln!("\n{BAD}FAILED{BAD:#}: {why}");
}

/// Writes a time as people read it: `0.4 s`, `59.9 s`, `2 min 5 s`.
pub(crate) fn readable(time: Duration) -> String {
    if time < Duration::from_secs(60) {
        format!("{:.1} s", time.as_secs_f64())
    } else {
        let seconds = time.as_secs();
        format!("{} min {} s", seconds / 60, seconds % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_well() {
        assert_eq!(readable(Duration::from_millis(449)), "0.4 s");
        assert_eq!(readable(Duration::from_secs(60)), "1 min 0 s");
        assert_eq!(readable(Duration::from_secs(3725)), "62 min 5 s");
    }
}
