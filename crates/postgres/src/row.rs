use sqlx::Row;
use sqlx::postgres::PgRow;

/// Reads a column as text; one that is NULL as an empty one.
pub(crate) fn text(row: &PgRow, column: usize) -> String {
    optional(row, column).unwrap_or_default()
}

/// Reads a column as text. `None`: it is NULL.
pub(crate) fn optional(row: &PgRow, column: usize) -> Option<String> {
    row.try_get(column).ok().flatten()
}

/// Returns the bytes of its values, and of what is kept beside each.
pub(crate) fn size(row: &PgRow) -> usize {
    let of_column = |column| {
        let value = row.try_get_raw(column).ok();
        value.and_then(|value| value.as_bytes().ok().map(<[u8]>::len)).unwrap_or_default() + BESIDE
    };
    (0..row.len()).map(of_column).sum()
}

/// Where a value is in its row.
const BESIDE: usize = 16;
