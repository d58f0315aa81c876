use std::path::Path;

use super::Need;
use super::prefix::Prefix;
use crate::process::{Invocation, find};

pub(super) const POSTGRESQL_15: Need = Need {
    name: "PostgreSQL 15",
    why: "the tests and the demo start servers of their own, in temporary folders",
    find: || of_system("15").or_else(|| PREFIX_15.find()),
    install: || PREFIX_15.install(),
};

pub(super) const POSTGRESQL_17: Need = Need {
    name: "PostgreSQL 17",
    why: "was asked for",
    find: || of_system("17").or_else(|| PREFIX_17.find()),
    install: || PREFIX_17.install(),
};

pub(super) const POSTGRESQL_18: Need = Need {
    name: "PostgreSQL 18",
    why: "the tests run on it too: since 16, membership in roles has rules of its own",
    find: || of_system("18").or_else(|| PREFIX_18.find()),
    install: || PREFIX_18.install(),
};

pub(super) const MYSQL: Need = Need {
    name: "MySQL",
    why: "the tests start servers of their own; only Debian's newest suite has it",
    find: || PREFIX_MYSQL.find(),
    install: || PREFIX_MYSQL.install(),
};

pub(super) const MARIADB: Need = Need {
    name: "MariaDB 10.11",
    why: "the tests start servers of their own",
    find: || PREFIX_MARIADB.find(),
    install: || PREFIX_MARIADB.install(),
};

pub(super) const MYSQL_ROUTER: Need = Need {
    name: "MySQL Router",
    why: "rotations through a proxy are tested with a real one; only Debian's newest suite has it",
    find: || PREFIX_MYSQL_ROUTER.find(),
    install: || PREFIX_MYSQL_ROUTER.install(),
};

const PREFIX_15: Prefix = Prefix {
    name: "postgresql-15",
    suite: "bookworm",
    package: "postgresql-15",
    programs: &["usr/lib/postgresql/15/bin/postgres", "usr/lib/postgresql/15/bin"],
    libraries: &[],
};

const PREFIX_17: Prefix = Prefix {
    name: "postgresql-17",
    suite: "trixie",
    package: "postgresql-17",
    programs: &["usr/lib/postgresql/17/bin/postgres", "usr/lib/postgresql/17/bin"],
    libraries: &[],
};

const PREFIX_18: Prefix = Prefix {
    name: "postgresql-18",
    suite: "sid",
    package: "postgresql-18",
    programs: &["usr/lib/postgresql/18/bin/postgres", "usr/lib/postgresql/18/bin"],
    libraries: &[],
};

const PREFIX_MYSQL: Prefix = Prefix {
    name: "mysql",
    suite: "sid",
    package: "mysql-server-core",
    programs: &["usr/sbin/mysqld"],
    libraries: &[],
};

const PREFIX_MYSQL_ROUTER: Prefix = Prefix {
    name: "mysql-router",
    suite: "sid",
    package: "mysql-router",
    programs: &["usr/bin/mysqlrouter"],
    libraries: &["usr/lib/mysql-router", "usr/lib/mysqlrouter/plugin"],
};

const PREFIX_MARIADB: Prefix = Prefix {
    name: "mariadb",
    suite: "bookworm",
    package: "mariadb-server",
    // The last two are run by the script that makes a data directory.
    programs: &["usr/sbin/mariadbd", "usr/bin/my_print_defaults", "usr/bin/resolveip"],
    libraries: &[],
};

/// Returns where the system has a version of PostgreSQL: where Debian puts it, or in PATH.
fn of_system(version: &str) -> Option<String> {
    let debian = Path::new("/usr/lib/postgresql").join(version).join("bin/postgres");
    if debian.is_file() {
        return Some(debian.display().to_string());
    }
    let program = find("postgres")?.display().to_string();
    let says = Invocation::new(program.as_str(), ["--version"]).output()?;
    says.strip_prefix("postgres (PostgreSQL) ")?.starts_with(version).then_some(program)
}
