use std::env;
use std::path::Path;

use crate::failure::{Failure, Result};
use crate::process::Invocation;
use crate::setup::debian;

/// Names the mirror of Debian, for machines whose own sources name none.
pub(super) const VARIABLE: &str = "FOURSTEP_DEBIAN_MIRROR";

/// Debian's keys. The package `debian-archive-keyring` has them, on Debian and its relatives.
pub(super) const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Returns the address of a mirror of Debian: the one that this machine's packages come from.
///
/// # Errors
///
/// If there is none, or Debian's keys are not here.
pub(super) fn find() -> Result<String> {
    if !Path::new(KEYRING).exists() {
        debian::install(&["debian-archive-keyring"])?;
    }
    if let Ok(mirror) = env::var(VARIABLE) {
        return Ok(mirror);
    }
    if let Some(mirror) = of_this_machine() {
        return Ok(mirror);
    }
    // A fresh image has sources, but not yet what they offer, which tells whose they are.
    debian::update()?;
    of_this_machine().ok_or_else(|| {
        Failure::new("apt's sources on this machine name no mirror of Debian")
            .next(format!("Name one in {VARIABLE}; Debian's own list of them is at www.debian.org/mirror/list"))
    })
}

fn of_this_machine() -> Option<String> {
    let format = "$(ORIGIN) $(LABEL) $(COMPONENT) $(REPO_URI)";
    let sources = Invocation::new("apt-get", ["indextargets", "--format", format, "Created-By: Packages"]).output()?;
    mirror(&sources).map(str::to_owned)
}

/// Chooses among sources, each a line of origin, label, component and address. Security updates have a mirror of their
/// own, which has no other suites.
fn mirror(sources: &str) -> Option<&str> {
    sources.lines().find_map(|line| line.strip_prefix("Debian Debian main "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_that_of_the_distribution_itself() {
        let sources = "Google-Cloud cloud-sdk main https://packages.example.com/apt/\n\
                       Debian Debian-Security main http://security.example.com/debian-security/\n\
                       Debian Debian contrib http://other.example.com/debian/\n\
                       Debian Debian main http://mirror.example.com/debian/\n";
        assert_eq!(mirror(sources), Some("http://mirror.example.com/debian/"));
        assert_eq!(mirror("Ubuntu Ubuntu main http://mirror.example.com/ubuntu/"), None);
        // Before the first update apt does not know whose a source is.
        assert_eq!(mirror("$(ORIGIN) $(LABEL) main http://mirror.example.com/debian/"), None);
    }
}
