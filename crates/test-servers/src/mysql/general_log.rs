use crate::names::Names;

/// Picks what concerns a test from the general log of a server that it shares: all that was said in sessions that name
/// one of its accounts or databases.
pub(super) fn of_test(log: &str, names: &Names) -> String {
    let entries = entries(log);
    let own: Vec<&str> =
        entries.iter().filter(|(_, text)| names.are_in(text)).filter_map(|&(session, _)| session).collect();
    let concerns = |(session, _): &&(Option<&str>, &str)| session.is_some_and(|session| own.contains(&session));
    entries.iter().filter(concerns).map(|&(_, text)| text).collect()
}

/// Splits a log into what was said at once, each with its session. A statement may have several lines.
fn entries(log: &str) -> Vec<(Option<&str>, &str)> {
    let mut entries = Vec::new();
    let (mut start, mut at, mut session) = (0, 0, None);
    for line in log.split_inclusive('\n') {
        if let Some(of) = session_of(line) {
            entries.push((session, &log[start..at]));
            (start, session) = (at, Some(of));
        }
        at += line.len();
    }
    entries.push((session, &log[start..]));
    entries
}

/// Returns the session of a line that begins an entry: a time or none, the session's number, and what it does.
///
/// They are separated by tabs; of lines that follow each other within a second, MariaDB leaves out the time.
fn session_of(line: &str) -> Option<&str> {
    let mut fields = line.split('\t');
    let event = fields.find(|field| !field.is_empty() && !is_time(field))?;
    let (session, what) = event.trim_start().split_once(' ')?;
    let known = ["Connect", "Query", "Quit", "Prepare", "Execute", "Close stmt", "Init DB", "Reset stmt", "Ping"];
    let number = !session.is_empty() && session.bytes().all(|byte| byte.is_ascii_digit());
    (number && known.contains(&what.trim_end())).then_some(session)
}

fn is_time(field: &str) -> bool {
    field.contains(':')
        && field.starts_with(|first: char| first.is_ascii_digit())
        && field.chars().all(|character| character.is_ascii_digit() || "-:. TZ".contains(character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_sees_its_sessions_whole_and_no_other() {
        let names = Names::unique();
        let app = names.name("app");
        let log = format!(
            "mysqld, Version: 9.7.4. started with:\nTcp port: 1  Unix socket: s\nTime                 Id Command    Argument\n\
             2026-01-01T00:00:00.000000Z\t    8 Connect\t{app}@localhost on  using TCP/IP\n\
             2026-01-01T00:00:00.000000Z\t    9 Connect\tother@localhost on  using TCP/IP\n\
             2026-01-01T00:00:00.000000Z\t    9 Query\tSELECT 1,\n\t2 Query\n\
             2026-01-01T00:00:00.000000Z\t    8 Query\tSELECT 3,\n4\n\
             260101  1:02:03\t    10 Connect\troot@localhost on\n\
             \t\t    10 Query\tALTER USER {app}\n\
             \t\t    11 Query\tSELECT 5\n"
        );
        let lines: Vec<&str> = log.lines().collect();
        let expected = [lines[3], lines[7], lines[8], lines[9], lines[10]].map(|line| format!("{line}\n"));
        assert_eq!(of_test(&log, &names), expected.concat());
    }
}
