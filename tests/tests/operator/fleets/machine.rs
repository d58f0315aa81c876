use std::fs;
use std::time::Duration;

/// What the machine gave to a process from its first start of a rotation to its last.
pub(super) struct Machine {
    process: u32,
    accepted: usize,
    waited_at_first: Option<Duration>,
    waited_at_last: Duration,
    /// The most resident memory, in KiB.
    pub(super) peak: usize,
}

impl Machine {
    /// Looks at a process that begins when so many rotations were started.
    pub(super) fn new(process: u32, accepted: usize) -> Self {
        Self { process, accepted, waited_at_first: None, waited_at_last: Duration::ZERO, peak: 0 }
    }

    /// Looks again. `accepted`: how many rotations were started so far.
    pub(super) fn sample(&mut self, accepted: usize) {
        self.peak = self.peak.max(most_resident(self.process).unwrap_or_default());
        if accepted > self.accepted
            && let Some(waited) = waited(self.process)
        {
            self.accepted = accepted;
            self.waited_at_first.get_or_insert(waited);
            self.waited_at_last = waited;
        }
    }

    /// Returns the part of a time in which a rate could be used.
    ///
    /// A test shares the machine with others. A process that is let run most of the time makes up for the rest, and all
    /// could be used; one that is not cannot.
    pub(super) fn possible(&self, time: Duration) -> f64 {
        let withheld = self.waited_at_last.saturating_sub(self.waited_at_first.unwrap_or_default());
        let part = withheld.as_secs_f64() / time.as_secs_f64();
        if part < 0.2 { 1.0 } else { (1.0 - part).max(0.0) }
    }
}

/// Returns how long a process of one thread has waited for a processor: the second number, in nanoseconds.
/// <https://docs.kernel.org/scheduler/sched-stats.html>
fn waited(process: u32) -> Option<Duration> {
    let numbers = fs::read_to_string(format!("/proc/{process}/schedstat")).ok()?;
    Some(Duration::from_nanos(numbers.split_whitespace().nth(1)?.parse().ok()?))
}

/// Returns the most resident memory that a process had, in KiB.
fn most_resident(process: u32) -> Option<usize> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
