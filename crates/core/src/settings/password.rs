use rand::CryptoRng;
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use rand::seq::IndexedRandom;
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::sensitive::Sensitive;
use crate::settings::read;

/// What a generated password is made of: the rules of Secrets Manager's GetRandomPassword, by the names that AWS's
/// rotation functions give them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordPolicy {
    /// How many characters, 1 to 4096.
    pub length: usize,
    /// Characters to leave out. `None`: those that the engine's function of AWS leaves out. Empty: none.
    pub exclude_characters: Option<String>,
    /// Leaves out the digits.
    pub exclude_numbers: bool,
    /// Leaves out the punctuation.
    pub exclude_punctuation: bool,
    /// Leaves out the upper-case letters.
    pub exclude_uppercase: bool,
    /// Leaves out the lower-case letters.
    pub exclude_lowercase: bool,
    /// Demands at least one character of each type that is not left out.
    ///
    /// A type of which `exclude_characters` leaves nothing is left out too.
    pub require_each_included_type: bool,
}

impl Default for PasswordPolicy {
    fn default() -> Self {
        Self {
            length: 32,
            exclude_characters: None,
            exclude_numbers: false,
            exclude_punctuation: false,
            exclude_uppercase: false,
            exclude_lowercase: false,
            require_each_included_type: true,
        }
    }
}

impl PasswordPolicy {
    /// Creates a password from the randomness of the operating system.
    ///
    /// `default_exclude` is what the engine leaves out where `exclude_characters` is `None`. Every password that meets
    /// the policy is equally likely.
    ///
    /// # Errors
    ///
    /// `Invalid` if no password can meet the policy: the message names the variables and the fix.
    ///
    /// # Panics
    ///
    /// If the operating system has no randomness to give: there is nothing to go on with.
    pub fn generate(&self, default_exclude: &str) -> Result<Sensitive> {
        // Straight from the system: a generator of our own would leave a state behind that tells the password.
        self.draw(default_exclude, &mut UnwrapErr(SysRng))
    }

    fn draw(&self, default_exclude: &str, random: &mut impl CryptoRng) -> Result<Sensitive> {
        let types = self.types(default_exclude)?;
        let alphabet = types.concat();
        // The full capacity from the start: a string that grows leaves unwiped copies behind.
        let mut password = Zeroizing::new(String::with_capacity(self.length));
        loop {
            password.clear();
            for _ in 0..self.length {
                let byte = alphabet.choose(random).expect("a policy without characters was refused");
                password.push(char::from(*byte));
            }
            // Whole passwords are drawn until one has every type. To place one character of each type and fill up the
            // rest would favour passwords with few characters of a small type. Even the worst policy (four characters,
            // three types of one character each) meets its demand within some 2000 draws on average.
            let has = |of: &Vec<u8>| password.bytes().any(|byte| of.contains(&byte));
            if !self.require_each_included_type || types.iter().all(has) {
                return Ok(Sensitive::new(std::mem::take(&mut *password)));
            }
        }
    }

    /// Returns the characters that are left of each type, for types of which any are left.
    fn types(&self, default_exclude: &str) -> Result<Vec<Vec<u8>>> {
        let exclude = self.exclude_characters.as_deref().unwrap_or(default_exclude);
        let types: Vec<Vec<u8>> = [
            (self.exclude_numbers, NUMBERS),
            (self.exclude_punctuation, PUNCTUATION),
            (self.exclude_uppercase, UPPERCASE),
            (self.exclude_lowercase, LOWERCASE),
        ]
        .into_iter()
        .filter(|(excluded, _)| !excluded)
        .map(|(_, characters)| characters.bytes().filter(|byte| !exclude.contains(char::from(*byte))).collect())
        .filter(|characters: &Vec<u8>| !characters.is_empty())
        .collect();

        if types.is_empty() {
            return Err(Error::invalid(
                "the password policy leaves no character: EXCLUDE_NUMBERS, EXCLUDE_PUNCTUATION, EXCLUDE_UPPERCASE, \
                 EXCLUDE_LOWERCASE and EXCLUDE_CHARACTERS exclude them all",
            )
            .next("Allow at least one type of characters"));
        }
        let least = if self.require_each_included_type { types.len() } else { 1 };
        if !(least..=LONGEST).contains(&self.length) {
            let length = self.length;
            let why = if length > LONGEST { "more than Secrets Manager allows" } else { "too short for its policy" };
            return Err(Error::invalid(format!("the password length {length} is {why}")).next(format!(
                "Set PASSWORD_LENGTH, or the tag `fourstep:password-length`, to {least} to {LONGEST}{}",
                if least > 1 { ", or REQUIRE_EACH_INCLUDED_TYPE to false" } else { "" }
            )));
        }
        Ok(types)
    }
}

crate::settings! { PasswordPolicy, check = |policy: &mut PasswordPolicy, _| {
    // Some password has to meet the policy, before an engine's own exclusions.
    policy.types("").map(drop)
};
    "fourstep:password-length", "PASSWORD_LENGTH",
        "a number from 1 to 4096", "32",
        "how many characters a new password has",
        Secret, Unset, |policy, value| read::set(&mut policy.length, read::number(value, 1, 4096).map(|length| length as usize));
    "", "EXCLUDE_CHARACTERS",
        "characters, or the empty text", "the default of AWS's function for that engine",
        "characters that a new password does not have",
        Owner, Value, |policy, value| read::set(&mut policy.exclude_characters, Some(Some(value.to_owned())));
    "", "EXCLUDE_NUMBERS",
        "true or false (or 1, y, yes, 0, n, no, or the empty text)", "false",
        "keeps digits out of a new password",
        Owner, Value, |policy, value| read::set(&mut policy.exclude_numbers, read::boolean(value));
    "", "EXCLUDE_PUNCTUATION",
        "true or false (or 1, y, yes, 0, n, no, or the empty text)", "false",
        "keeps punctuation out of a new password",
        Owner, Value, |policy, value| read::set(&mut policy.exclude_punctuation, read::boolean(value));
    "", "EXCLUDE_UPPERCASE",
        "true or false (or 1, y, yes, 0, n, no, or the empty text)", "false",
        "keeps upper-case letters out of a new password",
        Owner, Value, |policy, value| read::set(&mut policy.exclude_uppercase, read::boolean(value));
    "", "EXCLUDE_LOWERCASE",
        "true or false (or 1, y, yes, 0, n, no, or the empty text)", "false",
        "keeps lower-case letters out of a new password",
        Owner, Value, |policy, value| read::set(&mut policy.exclude_lowercase, read::boolean(value));
    "", "REQUIRE_EACH_INCLUDED_TYPE",
        "true or false (or 1, y, yes, 0, n, no, or the empty text)", "true",
        "whether a new password has at least one character of each type that is not excluded",
        Owner, Value, |policy, value| read::set(&mut policy.require_each_included_type, read::boolean(value));
}

// The types of GetRandomPassword.
const NUMBERS: &str = "0123456789";
const PUNCTUATION: &str = r##"!"#$%&'()*+,-./:;<=>?@[\]^_`{|}~"##;
const UPPERCASE: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const LOWERCASE: &str = "abcdefghijklmnopqrstuvwxyz";

/// The most that GetRandomPassword makes.
const LONGEST: usize = 4096;

#[cfg(test)]
mod tests;
