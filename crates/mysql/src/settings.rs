use fourstep::settings::read;

/// The settings of MySQL and MariaDB accounts alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MysqlSettings {
    /// How many characters the name of an account may have. `None`: as many as its server allows.
    pub username_limit: Option<usize>,
}

fourstep::settings! { MysqlSettings;
    "", "USERNAME_CHARACTER_LIMIT",
        "a number from 1 to 255", "what the server allows",
        "how many characters the name of a MySQL or MariaDB account may have",
        Owner, Unset, |group, value| read::set(&mut group.username_limit, read::number(value, 1, 255).map(|limit| Some(limit as usize)));
}

#[cfg(test)]
mod tests {
    use fourstep_testkit::settings::{Case, hold};

    use super::*;

    #[test]
    fn each_setting_is_read_and_refused() {
        let cases: &[Case<MysqlSettings>] = &[Case {
            tag: None,
            variable: Some("USERNAME_CHARACTER_LIMIT"),
            look: |group| format!("{:?}", group.username_limit),
            default: "None",
            good: &[("16", "Some(16)"), ("255", "Some(255)")],
            bad: &["0", "256", "-1", "many"],
        }];
        hold::<MysqlSettings>(cases, &[]);
    }
}
