//! A modelled database: accounts with passwords and rights, and a lock that a session holds.

use std::collections::BTreeMap;
use std::time::SystemTime;

use fourstep::accounts::{AccountSecret, Passwords};
use fourstep::{Error, Result, Sensitive};

use crate::world::Target;

#[derive(Clone)]
pub struct Database {
    pub accounts: BTreeMap<String, Account>,
    /// The session that holds the lock, and until when the server lets it idle.
    pub holder: Option<(u64, SystemTime)>,
    pub sessions: u64,
    /// What a replica still has, and for how many logins it is behind.
    pub replica: Option<(BTreeMap<String, Account>, usize)>,
    /// Whether an account may change its own password, as it may not on Amazon RDS with a parameter set.
    pub own_password: bool,
    /// How many passwords it keeps for an account.
    pub passwords: Passwords,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub password: String,
    /// The password that was retained beside it.
    pub secondary: Option<String>,
    /// What the account may do; a clone has to have its base's.
    pub rights: u32,
    pub clone_of: Option<String>,
}

impl Database {
    pub fn new() -> Self {
        let database = Self {
            accounts: BTreeMap::new(),
            holder: None,
            sessions: 0,
            replica: None,
            own_password: true,
            passwords: Passwords::Two,
        };
        database.with_account("app", "first").with_account("admin", "admin-password")
    }

    /// Adds an account that was made by hand.
    pub fn with_account(mut self, name: &str, password: &str) -> Self {
        let account = Account { password: password.into(), secondary: None, rights: 7, clone_of: None };
        self.accounts.insert(name.into(), account);
        self
    }
}

impl Account {
    pub fn admits(&self, password: &Sensitive) -> bool {
        let password = password.expose();
        !password.is_empty() && (self.password == password || self.secondary.as_deref() == Some(password))
    }
}

impl Database {
    /// Returns the account as a host has it: an attacker's has whatever it is asked for.
    pub fn account_at(&mut self, host: &str, asked: &AccountSecret) -> Option<Account> {
        if host == EVIL {
            let password = asked.password.expose().to_owned();
            return Some(Account { password, secondary: None, rights: 0, clone_of: None });
        }
        match &mut self.replica {
            Some((accounts, behind)) if host == REPLICA && *behind > 0 => {
                *behind -= 1;
                accounts.get(&asked.username).cloned()
            }
            _ => self.accounts.get(&asked.username).cloned(),
        }
    }

    pub fn may_keep_two(&self) -> Result<()> {
        match self.passwords {
            Passwords::Two => Ok(()),
            _ => Err(Error::forbidden("the account may not keep two passwords")),
        }
    }
}

impl Target for Database {
    fn opens(&self, json: &str) -> bool {
        let secret: AccountSecret = serde_json::from_str(json).expect("every version has the kind's shape");
        self.accounts.get(&secret.username).is_some_and(|account| account.admits(&secret.password))
    }

    fn live(&self) -> usize {
        let passwords =
            |account: &Account| usize::from(!account.password.is_empty()) + usize::from(account.secondary.is_some());
        self.accounts.iter().filter(|(name, _)| *name != "admin").map(|(_, account)| passwords(account)).sum()
    }

    fn change_rights(&mut self) {
        self.passwords = match self.passwords {
            Passwords::Two => Passwords::OneUntil { grant: GRANT.into() },
            _ => Passwords::Two,
        };
    }
}

pub const GRANT: &str = "GRANT TWO PASSWORDS TO app";
/// The host of a replica of the server, and one of an attacker's.
pub const REPLICA: &str = "replica";
pub const EVIL: &str = "evil";

/// What a session asks for.
pub enum Statement {
    Password {
        account: String,
        password: String,
    },
    /// Sets the password, and keeps the one that was.
    Retain {
        account: String,
        password: String,
    },
    Discard {
        account: String,
    },
    Create {
        base: String,
        clone: String,
    },
    Grant {
        base: String,
        clone: String,
    },
    /// Marks an account as the clone of another.
    Adopt {
        base: String,
        clone: String,
    },
}

impl Statement {
    pub fn run(&self, database: &mut Database) {
        match self {
            Self::Password { account, password } => {
                let account = database.accounts.get_mut(account).expect("only existing accounts get a password");
                account.password.clone_from(password);
            }
            Self::Retain { account, password } => {
                let account = database.accounts.get_mut(account).expect("a session is an existing account's");
                account.secondary = Some(std::mem::replace(&mut account.password, password.clone()));
            }
            Self::Discard { account } => {
                database.accounts.get_mut(account).expect("a session is an existing account's").secondary = None;
            }
            Self::Create { base, clone } => {
                let account =
                    Account { password: String::new(), secondary: None, rights: 0, clone_of: Some(base.clone()) };
                database.accounts.entry(clone.clone()).or_insert(account);
            }
            Self::Adopt { base, clone } => {
                let account = database.accounts.get_mut(clone).expect("only existing accounts are adopted");
                account.clone_of = Some(base.clone());
            }
            Self::Grant { base, clone } => {
                let rights = database.accounts[base].rights;
                database.accounts.get_mut(clone).expect("the clone was made before").rights = rights;
            }
        }
    }
}
