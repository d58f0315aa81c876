//! The protocol of MySQL and MariaDB, as far as one who listens needs it.
//!
//! <https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_packets.html>

use tokio::io::{AsyncRead, AsyncReadExt};

/// Reads a packet, of either side. `None`: that side is gone.
pub(super) async fn read(from: &mut (impl AsyncRead + Unpin)) -> Option<Vec<u8>> {
    let mut bytes = vec![0; HEADER];
    from.read_exact(&mut bytes).await.ok()?;
    let length = u64::from(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]));
    let read = from.take(length).read_to_end(&mut bytes).await.ok()?;
    (read as u64 == length).then_some(bytes)
}

/// Returns the byte that names a command, as 3 for a query. `None`: the packet belongs to a login.
pub(super) fn command(packet: &[u8]) -> Option<u8> {
    // Each command begins to count packets anew.
    (packet[3] == 0).then(|| packet.get(HEADER).copied()).flatten()
}

/// Returns whether the server refuses a login: error 1045.
pub(super) fn is_refusal(packet: &[u8]) -> bool {
    packet.get(HEADER..HEADER + 3) == Some(&[ERROR, 0x15, 0x04])
}

const HEADER: usize = 4;
const OK: u8 = 0x00;
const END: u8 = 0xfe;
const ERROR: u8 = 0xff;
/// Of the status: another answer follows, to the next statement of the same query.
const MORE: u8 = 8;

/// Where the server is in what it answers.
#[derive(Debug, Default)]
pub(super) struct Answer {
    logged_in: bool,
    state: State,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Start,
    /// So many descriptions of columns are to come.
    Columns(usize),
    Rows,
}

impl Answer {
    /// Reads the server's next packet, and returns whether it ends what the server does about the client's last one.
    pub(super) fn is_ended_by(&mut self, packet: &[u8]) -> bool {
        let payload = &packet[HEADER..];
        let Some(&first) = payload.first() else { return false };
        if !self.logged_in {
            self.logged_in = first == OK;
            return true;
        }
        let (state, ended) = match (&self.state, first) {
            (_, ERROR) => (State::Start, true),
            (State::Start, OK) => (State::Start, !has_more(payload)),
            (State::Start, columns) => (State::Columns(columns.into()), false),
            (State::Columns(1), _) => (State::Rows, false),
            (State::Columns(columns), _) => (State::Columns(columns - 1), false),
            (State::Rows, END) => (State::Start, !has_more(payload)),
            (State::Rows, _) => (State::Rows, false),
        };
        self.state = state;
        ended
    }
}

/// Reads the status of an answer that is OK: after two numbers, each of one byte unless it says how many follow.
fn has_more(payload: &[u8]) -> bool {
    let mut at = 1;
    for _ in 0..2 {
        at += match payload.get(at) {
            Some(0xfc) => 3,
            Some(0xfd) => 4,
            Some(0xfe) => 9,
            _ => 1,
        };
    }
    payload.get(at).is_some_and(|status| status & MORE != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(payload: &[u8]) -> Vec<u8> {
        [&[u8::try_from(payload.len()).unwrap(), 0, 0, 1], payload].concat()
    }

    #[test]
    fn an_answer_ends_with_its_last_statement() {
        let mut answer = Answer::default();
        // A login: the server asks for more, then lets the client in.
        assert!(answer.is_ended_by(&packet(&[1, 4])));
        assert!(answer.is_ended_by(&packet(&[OK, 0, 0, 2, 0, 0, 0])));
        // A statement, then a row of one column, then a statement that fails.
        for (payload, ends) in [
            (&[OK, 0, 0, 10, 0, 0, 0][..], false),
            (&[1], false),
            (b"def", false),
            (b"\x011", false),
            (&[END, 0, 0, 10, 0, 0, 0], false),
            (&[ERROR, 0x15, 0x04], true),
            (&[OK, 0xfc, 1, 1, 0, 2, 0, 0, 0], true),
        ] {
            assert_eq!(answer.is_ended_by(&packet(payload)), ends, "{payload:?}");
        }
        assert!(is_refusal(&packet(&[ERROR, 0x15, 0x04])) && !is_refusal(&packet(&[ERROR, 0x16, 0x04])));
        assert_eq!((command(&[1, 0, 0, 0, 3]), command(&[1, 0, 0, 1, 3])), (Some(3), None));
    }
}
