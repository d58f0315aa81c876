use std::pin::pin;

use fourstep::{Error, Result};
use futures_util::{Stream, TryStreamExt};

use crate::server::Server;

/// For the rows of one answer, in memory: half of the smallest function.
///
/// A secret's writer may name a server of their own, and such a server answers without end.
pub const ANSWER_LIMIT: usize = 64 << 20;

/// What a row takes beside its values: its place in the list, and the offsets of its columns.
const ROW: usize = 256;

/// Reads all rows of an answer, while they take at most [`ANSWER_LIMIT`]. `what` was asked for, as "the login"; `size` is
/// that of a row's values, in bytes.
///
/// # Errors
///
/// `Invalid` if they take more; within, what the driver says.
pub async fn read_rows<Row, E>(
    rows: impl Stream<Item = Result<Row, E>>,
    server: &Server,
    what: &str,
    size: impl Fn(&Row) -> usize,
) -> Result<Result<Vec<Row>, E>> {
    let mut rows = pin!(rows);
    let (mut read, mut left) = (Vec::new(), ANSWER_LIMIT);
    loop {
        let row = match rows.try_next().await {
            Ok(Some(row)) => row,
            Ok(None) => return Ok(Ok(read)),
            Err(error) => return Ok(Err(error)),
        };
        left = match left.checked_sub(ROW + size(&row)) {
            Some(left) => left,
            None => return Err(too_long(server, what)),
        };
        read.push(row);
    }
}

fn too_long(server: &Server, what: &str) -> Error {
    let mebibytes = ANSWER_LIMIT >> 20;
    Error::invalid(format!("{server} answered {what} with more than {mebibytes} MiB of rows"))
        .next("No database does so but for an account with some hundred thousand grants: see what listens at that host")
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;

    use super::*;

    #[tokio::test]
    async fn an_answer_is_read_to_its_limit_and_no_further() {
        let server = Server::new("PostgreSQL", "db.example.com", 5432);
        let read = async |rows: usize, size: usize| {
            let rows = stream::iter((0..rows).map(Ok::<_, Infallible>));
            read_rows(rows, &server, "the request to look up the rights", |_| size).await
        };
        assert_eq!(read(1000, 1 << 10).await.unwrap().unwrap().len(), 1000);
        for (rows, size) in [(usize::MAX, 0), (usize::MAX, 1 << 20), (1, usize::MAX >> 1)] {
            let error = read(rows, size).await.unwrap_err();
            assert_eq!(
                error.message(),
                "PostgreSQL at db.example.com:5432 answered the request to look up the rights with more than 64 MiB of rows"
            );
        }
    }
}
