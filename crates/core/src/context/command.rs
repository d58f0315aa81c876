use crate::argument::argument;
use crate::context::Context;
use crate::store::AWSCURRENT;

impl Context<'_> {
    /// Returns an operator's command that names an account, such as `fourstep reset`, for what an error advises.
    ///
    /// A name that a shell would not take as it is, is left out: whoever writes the secret chose it, and an operator pastes
    /// what is printed.
    #[must_use]
    pub fn command(&self, action: &str, account: &str) -> String {
        let account = argument(account, "with that account's name, quoted for the shell");
        let version = self.id_of(AWSCURRENT).unwrap_or_default();
        format!(
            "fourstep {action} {} --account {account} --version {}",
            self.secret_argument(),
            argument(&version, "ID")
        )
    }
}
