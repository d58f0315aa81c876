use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// A message of a client to a server. Of MySQL and MariaDB: a packet.
/// <https://www.postgresql.org/docs/current/protocol-message-formats.html>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its place among the messages of all clients. The first is number 1.
    pub number: usize,
    /// The byte that names its kind, as `b'Q'` for a query of PostgreSQL and 3 for one of MySQL. `None`: it belongs to a
    /// login.
    pub kind: Option<u8>,
    /// All its bytes.
    pub(super) bytes: Vec<u8>,
}

const QUERY_OF_MYSQL: u8 = 3;

const TLS_REQUEST: u32 = 80_877_103;

impl Message {
    /// Returns whether it is a query with this text in it, as `COMMIT`.
    #[must_use]
    pub fn says(&self, text: &str) -> bool {
        matches!(self.kind, Some(b'Q' | b'P' | QUERY_OF_MYSQL))
            && self.bytes.windows(text.len()).any(|part| part == text.as_bytes())
    }

    pub(super) fn asks_for_tls(&self) -> bool {
        self.kind.is_none() && self.bytes.get(4..8) == Some(&TLS_REQUEST.to_be_bytes())
    }
}

/// Reads a message that has no kind, because it is the first. `None`: the client is gone.
pub(super) async fn read_first(from: &mut (impl AsyncRead + Unpin)) -> Option<Vec<u8>> {
    read_after(from, Vec::new()).await.ok()
}

/// Reads a message, of either side. `None`: that side is gone.
pub(super) async fn read(from: &mut (impl AsyncRead + Unpin)) -> Option<Vec<u8>> {
    let kind = from.read_u8().await.ok()?;
    read_after(from, vec![kind]).await.ok()
}

async fn read_after(from: &mut (impl AsyncRead + Unpin), mut bytes: Vec<u8>) -> io::Result<Vec<u8>> {
    // The length counts itself, but not the kind.
    let length = from.read_u32().await?;
    bytes.extend(length.to_be_bytes());
    let rest = u64::from(length).saturating_sub(4);
    let read = from.take(rest).read_to_end(&mut bytes).await?;
    if read as u64 == rest { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}
