use aws_config::ecs::EcsCredentialsProvider;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_types::os_shim_internal::{Env, Fs};

use crate::error::{Error, Result, one_line};

/// Returns the credentials of one profile; where it has none, those of the machine's role. Never those of the variables.
///
/// A profile that somebody names goes before the variables, as in the AWS CLI: the SDK's own chain takes the variables
/// first, which may be another account's. A profile may also have nothing but a region.
/// <https://docs.aws.amazon.com/cli/latest/userguide/cli-chap-authentication.html>
///
/// # Errors
///
/// [`WrongUsage`](crate::Reason::WrongUsage) if there is no such profile, with those that there are.
pub(crate) async fn credentials_of(profile: &str, with: &ProviderConfig) -> Result<CredentialsProviderChain> {
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
    let of_profile = ProfileFileCredentialsProvider::builder().configure(with).profile_name(profile).build();
    let of_container = EcsCredentialsProvider::builder().configure(with).build();
    let of_machine = ImdsCredentialsProvider::builder().configure(with).build();
    Ok(CredentialsProviderChain::first_try("Profile", of_profile)
        .or_else("EcsContainer", of_container)
        .or_else("Ec2InstanceMetadata", of_machine))
}
