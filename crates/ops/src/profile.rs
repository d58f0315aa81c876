use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_types::os_shim_internal::{Env, Fs};

use crate::error::{Error, Result, one_line};

/// Returns the credentials of one profile, and of nothing else.
///
/// A profile that somebody names goes before the variables, as in the AWS CLI: the SDK's own chain takes the variables
/// first, which may be another account's.
/// <https://docs.aws.amazon.com/cli/latest/userguide/cli-chap-authentication.html>
///
/// # Errors
///
/// [`WrongUsage`](crate::Reason::WrongUsage) if there is no such profile, with those that there are.
pub(crate) async fn credentials_of(profile: &str, with: &ProviderConfig) -> Result<ProfileFileCredentialsProvider> {
    let known = aws_config::profile::load(&Fs::real(), &Env::real(), &Default::default(), None).await;
    let known = known.map_err(|error| {
        let text = one_line(&error.to_string());
        Error::wrong_usage(format!("the file of profiles cannot be read: {text}"), "Correct ~/.aws/config")
    })?;
    if known.get_profile(profile).is_none() {
        let mut names: Vec<_> = known.profiles().collect();
        names.sort_unstable();
        let known = if names.is_empty() { "there is none".to_owned() } else { format!("it has {}", names.join(", ")) };
        return Err(Error::wrong_usage(
            format!("there is no profile `{}` in the AWS configuration: {known}", one_line(profile)),
            "Name one of these, or leave --profile out",
        ));
    }
    Ok(ProfileFileCredentialsProvider::builder().configure(with).profile_name(profile).build())
}
