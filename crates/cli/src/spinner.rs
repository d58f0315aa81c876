use std::time::Duration;

use fourstep_ops::{Event, Progress, printable};
use indicatif::{ProgressBar, ProgressStyle};

/// Shows on a terminal that something takes a while; elsewhere it shows nothing.
pub(crate) struct Spinner(ProgressBar);

impl Spinner {
    pub(crate) fn new(what: &str) -> Self {
        // It writes to the standard error, and only where that is a terminal.
        let bar = ProgressBar::new_spinner();
        bar.set_style(ProgressStyle::with_template("{spinner} {msg} ({elapsed})").expect("the template is right"));
        bar.set_message(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(120));
        Self(bar)
    }
}

impl Progress for Spinner {
    fn tell(&self, event: &Event) {
        match event {
            Event::Dropped { version } => {
                self.0.println(format!("AWSPENDING is taken off version {}", printable(version)));
            }
            Event::Started { version, resumed: false } => {
                self.0.println(format!("The rotation to version {} began", printable(version)));
            }
            Event::Started { version, resumed: true } => {
                self.0.println(format!("The rotation to version {} goes on", printable(version)));
            }
            Event::Waiting { has_value, .. } => self.0.set_message(match has_value {
                Some(false) => "waiting for createSecret",
                Some(true) => "waiting for setSecret, testSecret and finishSecret",
                None => "waiting",
            }),
            _ => {}
        }
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
