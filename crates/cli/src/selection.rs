use clap::Args;
use fourstep_ops::Selection;

/// Which secrets are meant.
#[derive(Debug, Args)]
#[group(required = true)]
pub(crate) struct Which {
    /// Names or ARNs of secrets
    #[arg(value_name = "NAME", conflicts_with_all = ["tag", "all"])]
    names: Vec<String>,
    /// Secrets with this tag; more than once: with all of them
    #[arg(long, value_name = "KEY=VALUE", value_parser = tag)]
    tag: Vec<(String, String)>,
    /// All secrets of the account in this region
    #[arg(long, conflicts_with = "tag")]
    all: bool,
}

impl Which {
    /// Returns the selection, as the library takes it.
    pub(crate) fn selection(self) -> Selection {
        if !self.names.is_empty() {
            Selection::Names(self.names)
        } else if self.all {
            Selection::All
        } else {
            Selection::Tags(self.tag)
        }
    }
}

/// Reads a tag that is written as `KEY=VALUE`.
pub(crate) fn tag(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("give the tag as KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}
