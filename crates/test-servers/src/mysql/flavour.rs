use std::fmt;

/// Which of the two servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// MySQL, of the version that Debian's newest suite has.
    MySql,
    /// MariaDB 10.11.
    MariaDb,
}

impl Flavour {
    /// Both, for tests that hold on both.
    pub const ALL: [Self; 2] = [Self::MySql, Self::MariaDb];
}

impl fmt::Display for Flavour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MySql => "MySQL",
            Self::MariaDb => "MariaDB",
        })
    }
}

impl Flavour {
    /// Returns the kind by which a shared server is known.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::MySql => "MYSQL",
            Self::MariaDb => "MARIADB",
        }
    }
}
