//! The function's standard output: one JSON object a line, each without known secret values.

use std::io::{self, Write};
use std::sync::Arc;

use fourstep::Filter;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::Registry;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

/// Sends all logs of the process through `filter` to the standard output.
pub(crate) fn start(filter: &Arc<Filter>) -> Result<(), TryInitError> {
    let lines = lines(FilteredLines(Arc::clone(filter)));
    tracing_subscriber::registry().with(lines).with(targets(level())).try_init()
}

/// Writes each event as one object of JSON, on one line whatever its texts are.
fn lines(writer: impl for<'a> MakeWriter<'a> + Send + Sync + 'static) -> impl Layer<Registry> {
    tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_writer(writer)
}

/// Writes a line of its own to the standard output, through `filter`.
pub(crate) fn write_line(filter: &Filter, line: &str) {
    let mut line = filter.apply(line);
    line.push('\n');
    // Nobody could be told that nobody listens.
    let _ = io::stdout().lock().write_all(line.as_bytes());
}

/// Only our own targets may log below WARN: drivers and the SDK print statements and bodies there.
fn targets(level: LevelFilter) -> Targets {
    Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target("fourstep", level)
        // It prints the error that the function answers with, which has a line of its own already.
        .with_target("lambda_runtime::layers::panic", LevelFilter::OFF)
        // It prints statements that are slow, as a warning.
        .with_target("sqlx::query", LevelFilter::OFF)
}

/// Returns the level that the operator asks for. Lambda sets the first variable from the function's logging settings.
/// <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html>
fn level() -> LevelFilter {
    let asked = ["AWS_LAMBDA_LOG_LEVEL", "RUST_LOG"].into_iter().find_map(|name| std::env::var(name).ok());
    asked.as_deref().and_then(read_level).unwrap_or(LevelFilter::INFO)
}

fn read_level(text: &str) -> Option<LevelFilter> {
    // Lambda's FATAL has no counterpart here.
    if text.eq_ignore_ascii_case("fatal") { Some(LevelFilter::ERROR) } else { text.parse().ok() }
}

struct FilteredLines(Arc<Filter>);

impl<'a> MakeWriter<'a> for FilteredLines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Self::Writer {
        Line { filter: &self.0, text: Vec::new() }
    }
}

/// Collects a line, so that no value is cut in two between two writes, and writes it when it is dropped.
struct Line<'a> {
    filter: &'a Filter,
    text: Vec<u8>,
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        write_line(self.filter, String::from_utf8_lossy(&self.text).trim_end());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tracing::Level;

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_others_wrote_is_a_text_in_one_line_of_json() {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = tracing_subscriber::registry().with(lines(move || writer.clone()));
        let hostile = "\u{1b}[31m=cmd|' /C calc'!A0<script>\u{202e}\"},\r\n{\"level\":\"ERROR\"}";
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(secret = hostile, version = %hostile, message = %hostile);
        });
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.trim_end().lines().count(), 1, "{text:?}");
        assert!(!text.contains('\u{1b}'), "{text:?}");
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        for field in ["secret", "version", "message"] {
            assert_eq!(line[field], hostile, "{text:?}");
        }
        assert_eq!(line["level"], "INFO");
    }

    #[test]
    fn other_crates_never_log_below_warn() {
        for level in [LevelFilter::TRACE, LevelFilter::DEBUG, LevelFilter::INFO, LevelFilter::WARN] {
            let targets = targets(level);
            for target in ["aws_smithy_runtime::client", "sqlx_postgres", "lambda_runtime", "hyper", "rotate_x"] {
                assert!(targets.would_enable(target, &Level::WARN), "{target}");
                assert!(!targets.would_enable(target, &Level::INFO), "{target}");
            }
            assert!(!targets.would_enable("sqlx::query", &Level::ERROR));
        }
    }

    #[test]
    fn our_own_crates_log_at_the_level_that_is_asked_for() {
        for target in ["fourstep", "fourstep::backoff", "fourstep_aws::store", "fourstep_postgres"] {
            assert!(targets(LevelFilter::DEBUG).would_enable(target, &Level::DEBUG));
            assert!(!targets(LevelFilter::ERROR).would_enable(target, &Level::WARN));
        }
        assert!(!targets(LevelFilter::ERROR).would_enable("hyper", &Level::WARN));
    }

    #[test]
    fn lambdas_names_of_levels_are_understood() {
        for (text, level) in [
            ("TRACE", Some(LevelFilter::TRACE)),
            ("debug", Some(LevelFilter::DEBUG)),
            ("FATAL", Some(LevelFilter::ERROR)),
            ("sqlx=trace", None),
        ] {
            assert_eq!(read_level(text), level, "{text}");
        }
    }
}
