use std::fs;
use std::time::Duration;

/// What a process has used since its start, as the kernel counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Time of all its threads on a processor, those that ended left out.
    pub cpu: Duration,
    /// The most memory that was resident at a time, in bytes.
    pub peak_memory: u64,
}

impl Usage {
    /// Reads it from `/proc`. `None`: there is no such process, or it ended.
    pub(super) fn of(process: u32) -> Option<Self> {
        let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kibibytes: u64 = peak.trim().strip_suffix(" kB")?.parse().ok()?;
        // The times in /proc/…/stat have steps of 10 ms, as long as a step of a rotation.
        let mut cpu = Duration::ZERO;
        for thread in fs::read_dir(format!("/proc/{process}/task")).ok()?.flatten() {
            let nanoseconds = fs::read_to_string(thread.path().join("schedstat")).ok().and_then(|line| {
                let first = line.split_whitespace().next()?;
                first.parse().ok()
            });
            cpu += Duration::from_nanos(nanoseconds.unwrap_or(0));
        }
        Some(Self { cpu, peak_memory: kibibytes * 1024 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_memory_and_time() {
        let usage = Usage::of(std::process::id()).unwrap();
        assert!(usage.peak_memory > 100 * 1024 && usage.cpu > Duration::ZERO, "{usage:?}");
    }
}
