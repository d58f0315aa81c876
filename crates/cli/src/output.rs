use std::io::{self, IsTerminal as _, Write as _};
use std::time::SystemTime;

use clap::ValueEnum;
use comfy_table::{Cell, Color, ColumnConstraint, ContentArrangement, Table, presets};
use fourstep_ops::{Health, State};
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

/// Prints a result as JSON.
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
        table.set_header(header.iter().map(|name| Cell::new(name.to_uppercase())));
    }
    table.add_rows(rows);
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

/// Prints a sentence.
pub(crate) fn say(text: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{text}")
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
    Cell::new(state.name()).fg(colour)
}

/// How something is, in its colour.
pub(crate) fn health(health: Health) -> Cell {
    let (name, colour) = match health {
        Health::Good => ("good", Color::Green),
        Health::Doubtful => ("doubtful", Color::Yellow),
        Health::Unknown => ("unknown", Color::Yellow),
        Health::Bad => ("bad", Color::Red),
    };
    Cell::new(name).fg(colour)
}

/// A time, or a dash.
pub(crate) fn time(time: Option<SystemTime>) -> String {
    time.map_or_else(|| "-".to_owned(), |time| humantime::format_rfc3339_seconds(time).to_string())
}

/// A text, or a dash.
pub(crate) fn or_dash(text: Option<&str>) -> &str {
    text.filter(|text| !text.is_empty()).unwrap_or("-")
}
