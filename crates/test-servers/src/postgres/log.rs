use crate::names::Names;

/// Picks what concerns a test from the log of a server that it shares: all that was said in sessions that name one of
/// its accounts or databases, and all that names one elsewhere.
pub(super) fn of_test(log: &str, names: &Names) -> String {
    let entries = entries(log);
    let sessions: Vec<&str> =
        entries.iter().filter(|entry| names.are_in(entry)).filter_map(|entry| session(entry)).collect();
    let concerns = |entry: &&&str| names.are_in(entry) || session(entry).is_some_and(|id| sessions.contains(&id));
    entries.iter().filter(concerns).copied().collect()
}

/// Splits a log into what was said at once: a line, and those that go on with it, which begin with a tab.
fn entries(log: &str) -> Vec<&str> {
    let mut entries = Vec::new();
    let mut start = 0;
    for (end, _) in log.match_indices('\n') {
        if !log[end + 1..].starts_with('\t') {
            entries.push(&log[start..=end]);
            start = end + 1;
        }
    }
    entries.push(&log[start..]);
    entries
}

/// Returns the session's id: `[` and `]` are around it.
fn session(entry: &str) -> Option<&str> {
    entry.split_once(" [")?.1.split_once("] ").map(|(id, _)| id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_sees_its_sessions_whole_and_no_other() {
        let names = Names::unique();
        let app = names.name("app");
        let log = format!(
            "2026-01-01 [1.a] LOG:  connection received: host=127.0.0.1\n\
             2026-01-01 [1.b] LOG:  connection received: host=127.0.0.1\n\
             2026-01-01 [1.a] {app}@db consumer LOG:  connection authorized\n\
             2026-01-01 [1.b] other@db consumer LOG:  statement: SELECT\n\t1,\n\t2\n\
             2026-01-01 [1.a] {app}@db consumer LOG:  statement: SELECT\n\t3\n\
             2026-01-01 [1.c] boss@db consumer LOG:  statement: ALTER ROLE\n\t{app}\n"
        );
        let lines: Vec<&str> = log.lines().collect();
        let expected = [lines[0], lines[2], lines[6], lines[7], lines[8], lines[9]].map(|line| format!("{line}\n"));
        assert_eq!(of_test(&log, &names), expected.concat());
    }
}
