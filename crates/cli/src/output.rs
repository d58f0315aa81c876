//! All that the command prints goes through here: what others wrote is shown, and does nothing else.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros,
    reason = "here it is allowed"
)]

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};
use std::time::SystemTime;

use clap::ValueEnum;
use comfy_table::{Color, ColumnConstraint, ContentArrangement, Table, presets};
use fourstep_ops::{Health, State, printable};
use serde::Serialize;

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Table,
    /// For programs: its fields stay as they are
    Json,
}

/// A cell of a table, whoever wrote what it shows.
pub(crate) struct Cell(comfy_table::Cell);

impl Cell {
    pub(crate) fn new(content: impl Display) -> Self {
        Self(comfy_table::Cell::new(printable(&content.to_string())))
    }

    fn in_colour(self, colour: Color) -> Self {
        Self(self.0.fg(colour))
    }
}

/// Prints a result as JSON. It is exact: whoever reads it gets each text as it is.
pub(crate) fn json(value: &impl Serialize) -> io::Result<()> {
    let text = serde_json::to_string_pretty(value).map_err(io::Error::other)?;
    writeln!(io::stdout(), "{text}")
}

/// Prints a table that fits the terminal. Without one, a row is a line, unless `COLUMNS` says how wide it may be.
pub(crate) fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<Cell>>) -> io::Result<()> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).enforce_styling();
    // Not the space after it, so that lines end where their text does.
    table.style_text_only();
    if !header.is_empty() {
        table.set_header(header.iter().map(|name| comfy_table::Cell::new(name.to_uppercase())));
    }
    table.add_rows(rows.into_iter().map(|row| row.into_iter().map(|cell| cell.0).collect::<Vec<_>>()));
    // Times and states are read at a glance: the other columns are wrapped.
    for (column, name) in header.iter().enumerate() {
        if ["state", "health", "since", "created"].contains(name)
            && let Some(column) = table.column_mut(column)
        {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    match columns() {
        Some(columns) => drop(table.set_width(columns)),
        None if !io::stdout().is_terminal() => drop(table.set_content_arrangement(ContentArrangement::Disabled)),
        None => {}
    }
    // It takes colours away where nobody can see them, and under NO_COLOR.
    let mut out = anstream::stdout().lock();
    for line in table.lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// Prints names with their values, one below the other.
pub(crate) fn facts(rows: Vec<(&str, Cell)>) -> io::Result<()> {
    table(&[], rows.into_iter().map(|(name, value)| vec![Cell::new(name), value]))
}

/// Prints comma-separated values, for spreadsheets.
pub(crate) fn csv<const N: usize>(header: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", header.join(","))?;
    for row in rows {
        writeln!(out, "{}", row.map(|text| field(&text)).join(","))?;
    }
    Ok(())
}

/// Quotes a text, which no spreadsheet takes for a formula then.
/// <https://owasp.org/www-community/attacks/CSV_Injection>
fn field(text: &str) -> String {
    // A tab or an end of line, which spreadsheets take for a beginning too, is spelled out.
    let text = printable(text).replace('"', "\"\"");
    let is_formula = text.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    format!("\"{}{text}\"", if is_formula { "'" } else { "" })
}

/// Prints a sentence.
pub(crate) fn say(text: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{}", printable(text))
}

/// Prints what is this program's own, such as a manual page, as it is.
pub(crate) fn own(text: &[u8]) -> io::Result<()> {
    io::stdout().write_all(text)
}

/// Prints a sentence beside the results.
pub(crate) fn tell(text: &str) {
    anstream::eprintln!("{}", printable(text));
}

/// Prints a question, on whose line the answer is typed.
pub(crate) fn ask(question: &str) -> io::Result<()> {
    anstream::eprint!("{} [y/N] ", printable(question));
    io::stderr().flush()
}

fn columns() -> Option<u16> {
    std::env::var("COLUMNS").ok()?.parse().ok().filter(|columns| *columns >= 20)
}

/// A state in its colour: green where nothing has to be done, yellow on the way, red where somebody has to act.
pub(crate) fn state(state: State) -> Cell {
    let colour = match state {
        state if state.needs_attention() => Color::Red,
        State::InProgress | State::Due => Color::Yellow,
        State::Idle => Color::Green,
        _ => return Cell::new(state.name()),
    };
    Cell::new(state.name()).in_colour(colour)
}

/// How something is, in its colour.
pub(crate) fn health(health: Health) -> Cell {
    let (name, colour) = match health {
        Health::Good => ("good", Color::Green),
        Health::Doubtful => ("doubtful", Color::Yellow),
        Health::Unknown => ("unknown", Color::Yellow),
        Health::Bad => ("bad", Color::Red),
    };
    Cell::new(name).in_colour(colour)
}

/// A time, or a dash.
pub(crate) fn time(time: Option<SystemTime>) -> String {
    time.map_or_else(|| "-".to_owned(), |time| humantime::format_rfc3339_seconds(time).to_string())
}

/// A text, or a dash.
pub(crate) fn or_dash(text: Option<&str>) -> &str {
    text.filter(|text| !text.is_empty()).unwrap_or("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_field_is_a_formula_or_leaves_its_quotes() {
        for (text, written) in [
            ("app/db", r#""app/db""#),
            ("=cmd|' /C calc'!A0", r#""'=cmd|' /C calc'!A0""#),
            ("+1", r#""'+1""#),
            ("-1", r#""'-1""#),
            ("@SUM(A1)", r#""'@SUM(A1)""#),
            ("\u{a0} =1", "\"'\u{a0} =1\""),
            ("\u{ff1d}1", "\"'\u{ff1d}1\""),
            ("\t=1", r#""\u{9}=1""#),
            ("\r\n=1", r#""\u{d}\u{a}=1""#),
            ("a\",=1,\"", r#""a"",=1,""""#),
            ("a=1", r#""a=1""#),
        ] {
            assert_eq!(field(text), written);
        }
    }
}
