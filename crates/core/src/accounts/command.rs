use crate::argument::argument;
use crate::context::Context;
use crate::store::AWSCURRENT;

/// Returns an operator's command that names an account. A name that a shell would not take as it is, is left out: whoever
/// writes the secret chose it, and an operator pastes what is printed.
pub(crate) fn command(action: &str, account: &str, cx: &Context<'_>) -> String {
    let account = argument(account, "with that account's name, quoted for the shell");
    let version = cx.id_of(AWSCURRENT).unwrap_or_default();
    format!("fourstep {action} {} --account {account} --version {}", cx.secret_argument(), argument(&version, "ID"))
}
