mod cargo;
mod debian;
mod moto;

use crate::failure::Result;
use crate::terminal;

/// Installs what the demo and the tests need and this machine lacks. Says each thing that it installs, and why.
///
/// # Errors
///
/// Says what could not be installed, and how to do it by hand.
pub(crate) fn run() -> Result {
    terminal::announce("set-up", "installs what is missing, and nothing that is there");
    for need in [cargo::RUSTFMT, cargo::CLIPPY, cargo::NEXTEST, cargo::DENY, debian::POSTGRESQL, moto::MOTO] {
        if let Some(found) = (need.find)() {
            terminal::item("present", format_args!("{}: {found}", need.name));
            continue;
        }
        terminal::item("installing", need.name);
        terminal::more(need.why);
        (need.install)()?;
        terminal::item("installed", need.name);
    }
    Ok(())
}

/// Something that the demo or the tests cannot do without.
struct Need {
    name: &'static str,
    why: &'static str,
    /// Tells where it is, or its version.
    find: fn() -> Option<String>,
    install: fn() -> Result,
}
