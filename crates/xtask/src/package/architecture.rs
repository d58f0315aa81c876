use crate::failure::{Failure, Result};
use crate::process::Invocation;
use crate::terminal;

/// A processor of Lambda, as it spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Architecture {
    Arm64,
    #[value(name = "x86_64")]
    X86_64,
}

impl Architecture {
    /// This machine's own.
    pub(crate) const HERE: Self = if cfg!(target_arch = "aarch64") { Self::Arm64 } else { Self::X86_64 };

    const ALL: [Self; 2] = [Self::Arm64, Self::X86_64];

    /// Returns the processors whose standard library is there, and says which is not.
    pub(crate) fn installed() -> Vec<Self> {
        let (there, missing): (Vec<_>, Vec<_>) = Self::ALL.into_iter().partition(|one| one.is_installed());
        for one in missing {
            terminal::item("left out", format_args!("{}: {}", one.name(), one.advice()));
        }
        there
    }

    /// Fails where the standard library is not there.
    pub(crate) fn require(self) -> Result {
        if self.is_installed() {
            return Ok(());
        }
        Err(Failure::new(format!("nothing can be built for {}", self.name())).next(self.advice()))
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::X86_64 => "x86_64",
        }
    }

    /// Returns the target, with the version of glibc that Amazon Linux 2023 has.
    pub(crate) fn target(self) -> &'static str {
        match self {
            Self::Arm64 => "aarch64-unknown-linux-gnu.2.34",
            Self::X86_64 => "x86_64-unknown-linux-gnu.2.34",
        }
    }

    fn triple(self) -> &'static str {
        self.target().trim_end_matches(".2.34")
    }

    fn advice(self) -> String {
        let triple = self.triple();
        format!("the standard library of {triple} is not installed. Install it with: rustup target add {triple}")
    }

    fn is_installed(self) -> bool {
        let library = Invocation::new("rustc", ["--print", "target-libdir", "--target", self.triple()]).output();
        library.is_some_and(|folder| std::path::Path::new(&folder).is_dir())
    }
}
