use fourstep::{Error, Result};
use fourstep_server::Destination;

/// Which of the two products a server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Product {
    MySql,
    MariaDb,
}

impl Product {
    /// Returns the product's name, for messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::MySql => "MySQL",
            Self::MariaDb => "MariaDB",
        }
    }
}

/// What a server is, as `VERSION()` says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) product: Product,
    /// `None`: it names none, as something in the server's place may.
    number: Option<Number>,
}

type Number = (u32, u32, u32);

/// An older one has no roles, and changes passwords in other ways.
const LEAST_MYSQL: Number = (8, 0, 0);
/// An older one keeps its accounts in another table.
const LEAST_MARIADB: Number = (10, 4, 0);
/// `ATTRIBUTE` of accounts came with it, which holds our mark.
const LEAST_WITH_ATTRIBUTES: Number = (8, 0, 21);

impl Version {
    /// Returns that of a server that was not asked yet.
    pub(crate) fn unknown(product: Product) -> Self {
        Self { product, number: None }
    }

    /// Reads what `VERSION()` gives.
    pub(crate) fn parse(text: &str) -> Self {
        let product = if text.contains("MariaDB") { Product::MariaDb } else { Product::MySql };
        // What MariaDB says to clients that know no version above 9.
        let text = if product == Product::MariaDb { text.strip_prefix("5.5.5-").unwrap_or(text) } else { text };
        let mut numbers = text.split(|c: char| !c.is_ascii_digit()).map(str::parse);
        let mut next = || numbers.next().and_then(std::result::Result::ok);
        let number = next().map(|first| (first, next().unwrap_or(0), next().unwrap_or(0)));
        Self { product, number }
    }

    /// Returns product and number, for messages.
    pub(crate) fn name(self) -> String {
        match self.number {
            Some((major, minor, patch)) => format!("{} {major}.{minor}.{patch}", self.product.name()),
            None => self.product.name().to_owned(),
        }
    }

    /// Returns whether it is a MySQL of this version or a later one.
    pub(crate) fn is_mysql_since(self, least: Number) -> bool {
        self.product == Product::MySql && self.number.is_some_and(|number| number >= least)
    }

    /// Refuses a server that is too old for everything.
    ///
    /// # Errors
    ///
    /// `Invalid`, with the least version.
    pub(crate) fn check(self, destination: &Destination) -> Result<()> {
        let (least, said) = match self.product {
            Product::MySql => (LEAST_MYSQL, "MySQL 8.0 or later (Aurora MySQL 3)"),
            Product::MariaDb => (LEAST_MARIADB, "MariaDB 10.4 or later"),
        };
        self.needs(least, said, "", destination)
    }

    /// Refuses a MySQL server whose accounts have no attributes.
    ///
    /// # Errors
    ///
    /// `Invalid`, with the least version.
    pub(crate) fn check_attributes(self, destination: &Destination) -> Result<()> {
        let least = if self.product == Product::MySql { LEAST_WITH_ATTRIBUTES } else { LEAST_MARIADB };
        let or = "; or let the account change its own password, with the tag fourstep:strategy=single-user";
        self.needs(least, "MySQL 8.0.21 or later for what an administrator does", or, destination)
    }

    fn needs(self, least: Number, said: &str, or: &str, destination: &Destination) -> Result<()> {
        if self.number.is_none_or(|number| number >= least) {
            return Ok(());
        }
        let (host, port) = (destination.server.host(), destination.server.port());
        Err(Error::invalid(format!("the server at {host}:{port} is {}, and this function needs {said}", self.name()))
            .still_works("Nothing was changed")
            .next(format!("Upgrade the server{or}")))
    }
}

#[cfg(test)]
mod tests {
    use fourstep::ErrorKind;
    use fourstep_server::Server;

    use super::*;

    fn told(text: &str) -> [Option<String>; 2] {
        let destination =
            Destination { server: Server::new("MySQL", "db", 3306), account: "app".into(), database: None, tls: true };
        let version = Version::parse(text);
        [version.check(&destination), version.check_attributes(&destination)].map(|checked| {
            let error = checked.err()?;
            assert_eq!(error.kind(), ErrorKind::Invalid);
            Some(error.to_string())
        })
    }

    #[test]
    fn an_old_server_is_told_with_its_version_and_the_least_one() {
        for (text, found, least) in [
            ("5.6.51", "MySQL 5.6.51", "MySQL 8.0 or later (Aurora MySQL 3)"),
            ("5.7.12", "MySQL 5.7.12", "MySQL 8.0 or later (Aurora MySQL 3)"),
            ("5.7.44-log", "MySQL 5.7.44", "MySQL 8.0 or later (Aurora MySQL 3)"),
            ("10.3.39-MariaDB-1:10.3.39+maria~ubu2004", "MariaDB 10.3.39", "MariaDB 10.4 or later"),
            ("5.5.5-10.2.44-MariaDB-log", "MariaDB 10.2.44", "MariaDB 10.4 or later"),
        ] {
            let [told, _] = told(text);
            let told = told.unwrap_or_else(|| panic!("{text}"));
            assert!(told.contains(&format!("at db:3306 is {found},")) && told.contains(least), "{told}");
        }
        for text in ["8.0.11", "8.0.20-11", "8.0.13-log"] {
            let [alone, by_administrator] = told(text);
            assert_eq!(alone, None, "{text}");
            assert!(by_administrator.unwrap().contains("MySQL 8.0.21 or later"), "{text}");
        }
    }

    #[test]
    fn a_server_that_is_young_enough_or_says_nothing_is_not_refused() {
        for text in [
            "8.0.21",
            "8.0.28",
            "8.0.39-0ubuntu0.22.04.1",
            "8.4.0",
            "9.7.4-2",
            "10.4.34-MariaDB",
            "5.5.5-10.11.6-MariaDB-log",
            "11.8.2-MariaDB-ubu2404",
            "",
            "unknown",
        ] {
            assert_eq!(told(text), [None, None], "{text}");
        }
    }

    #[test]
    fn two_passwords_came_with_mysql_8_0_14() {
        for (text, since) in [
            ("5.7.44-log", false),
            ("8.0.13", false),
            ("8.0.14", true),
            ("8.0.39-0ubuntu0.22.04.1", true),
            ("8.4.0", true),
            ("9.7.4-2", true),
            ("10.11.6-MariaDB", false),
            ("", false),
        ] {
            assert_eq!(Version::parse(text).is_mysql_since((8, 0, 14)), since, "{text}");
        }
    }
}
