use std::path::{Path, PathBuf};

use fourstep::{Error, Result};

use crate::provider::ProviderFile;
use crate::provider::check::check;

impl ProviderFile {
    /// Reads a provider file and checks all that can be checked without the service.
    ///
    /// # Errors
    ///
    /// `Invalid`, naming the file, the request, the field and the fix.
    pub fn read(path: &Path) -> Result<Self> {
        let shown = path.display();
        let text = std::fs::read_to_string(path).map_err(|error| {
            Error::invalid(format!("the provider file {shown} cannot be read: {}", error.kind()))
                .next("Correct its path; a path that is not absolute begins in the function's folder")
        })?;
        Self::parse(&shown.to_string(), &text)
    }

    /// Reads a provider file's text, as [`read`](Self::read) does. `file` is its name for messages.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn parse(file: &str, text: &str) -> Result<Self> {
        let invalid = |place: &str, message: &str| {
            Error::invalid(format!("provider file {file}{place}: {message}"))
                .next("Correct the file; `fourstep provider check` shows what it would send")
        };
        let line = |error: &toml::de::Error| {
            let line = error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            line.map_or_else(String::new, |line| format!(", line {line}"))
        };
        let toml = toml::Deserializer::parse(text).map_err(|error| invalid(&line(&error), error.message()))?;
        let provider: Self = serde_path_to_error::deserialize(toml).map_err(|error| {
            let path = match error.path().to_string() {
                path if path == "." => String::new(),
                path => format!(", field `{path}`"),
            };
            invalid(&format!("{}{path}", line(error.inner())), error.inner().message())
        })?;
        check(&provider).map_err(|fault| invalid(&fault.place, &fault.message))?;
        Ok(provider)
    }
}

/// Where a provider is described.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    /// A file.
    File(PathBuf),
    /// A file that comes with this crate: its name, and its text.
    ReadyMade(&'static str, &'static str),
}

macro_rules! ready_made {
    ($($file:literal),*) => {
        const READY_MADE: &[(&str, &str)] = &[$(($file, include_str!(concat!("../../providers/", $file)))),*];
    };
}

ready_made!["cloudflare.toml", "gitlab.toml", "grafana.toml", "jupyterhub.toml", "rabbitmq.toml"];

impl Source {
    /// Finds a provider that is named: in the function's zip, in a layer, which Lambda unpacks into `/opt`, or among
    /// those that come with this crate. In this order, so that a file of one's own can take the place of a ready one.
    pub(crate) fn named(root: &str, name: &str) -> Self {
        let file = format!("{name}.toml");
        let own = Path::new(root).join("providers").join(&file);
        let layer = Path::new("/opt/providers").join(&file);
        if let Some(path) = [&own, &layer].into_iter().find(|path| path.exists()) {
            return Self::File(path.clone());
        }
        let ready = READY_MADE.iter().find(|(ready, _)| *ready == file);
        ready.map_or(Self::File(own), |(ready, text)| Self::ReadyMade(ready, text))
    }

    /// Reads what is there, as [`ProviderFile::read`] does.
    pub(crate) fn read(&self) -> Result<ProviderFile> {
        match self {
            Self::File(path) => ProviderFile::read(path),
            Self::ReadyMade(name, text) => ProviderFile::parse(name, text),
        }
    }

    /// Returns the name of the file, for messages.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::File(path) => path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned(),
            Self::ReadyMade(name, _) => (*name).to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ready_made_provider_needs_no_file_and_one_of_ones_own_comes_first() {
        let root = tempfile::tempdir().unwrap();
        let named = |name| Source::named(root.path().to_str().unwrap(), name);
        let gitlab = named("gitlab");
        assert_eq!((gitlab.name().as_str(), gitlab.read().unwrap().service.as_str()), ("gitlab.toml", "GitLab"));
        let own = root.path().join("providers/gitlab.toml");
        std::fs::create_dir(own.parent().unwrap()).unwrap();
        std::fs::write(&own, "service = 1").unwrap();
        assert_eq!(named("gitlab"), Source::File(own));
        let error = named("acme").read().unwrap_err().to_string();
        assert!(error.contains("providers/acme.toml cannot be read"), "{error}");
    }

    #[test]
    fn every_file_in_the_folder_is_ready() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("providers");
        let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.filter(|name| name.ends_with(".toml")).collect();
        names.sort();
        assert!(READY_MADE.iter().map(|(name, _)| *name).eq(names), "add the file to `ready_made!`");
    }
}
