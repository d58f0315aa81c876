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

/// Returns the bytes of its values.
pub(crate) fn size(row: &PgRow) -> usize {
    (0..row.len())
        .map(|column| row.try_get_unchecked::<Option<&str>, _>(column).ok().flatten().map_or(0, str::len))
        .sum()
}
