use crate::failure::Result;
use crate::setup;

/// Sets up the machine.
pub(crate) fn run() -> Result {
    setup::run()
    // Hand-over: the rotation that is shown starts here, on a machine that has all it needs.
}
