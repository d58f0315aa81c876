use clap::Args;
use fourstep_ops::{Connection, Operator};

use crate::output::Format;

/// What every command takes.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// The profile of ~/.aws/config to use
    #[arg(long, global = true, value_name = "NAME", help_heading = "Connection")]
    profile: Option<String>,
    /// The AWS region
    #[arg(long, global = true, value_name = "REGION", help_heading = "Connection")]
    region: Option<String>,
    /// One end point in place of AWS's own
    #[arg(long, global = true, value_name = "URL", help_heading = "Connection")]
    endpoint_url: Option<String>,
    /// How results are printed
    #[arg(long, global = true, value_enum, default_value_t, help_heading = "Output")]
    pub(crate) output: Format,
    /// Asks no questions
    #[arg(long, global = true, help_heading = "Output")]
    pub(crate) yes: bool,
}

impl Global {
    /// Connects to AWS as these options say.
    pub(crate) async fn operator(&self) -> fourstep_ops::Result<Operator> {
        let Self { profile, region, endpoint_url, .. } = self;
        Operator::connect(Connection {
            profile: profile.clone(),
            region: region.clone(),
            endpoint_url: endpoint_url.clone(),
        })
        .await
    }
}
