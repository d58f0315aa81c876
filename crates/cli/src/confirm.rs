use std::io::{self, BufRead as _, IsTerminal as _};

use crate::ending::Ending;
use crate::global::Global;
use crate::output;

/// Asks before something that cannot simply be undone, unless `--yes` was given.
pub(crate) fn confirm(global: &Global, question: &str) -> Result<(), Ending> {
    if global.yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        return Err(Ending::wrong_usage(format!("{question} Nobody can be asked here: add --yes")));
    }
    output::ask(question)?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Ending::forbidden_by_state("nothing was done, as you said")),
    }
}
