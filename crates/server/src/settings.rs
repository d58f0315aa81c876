use std::path::PathBuf;

use fourstep::settings::read;

/// Which certificate authorities are trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsSettings {
    /// A PEM file with roots that are trusted beside the built-in ones.
    pub tls_ca_bundle: Option<PathBuf>,
}

fourstep::settings! { TlsSettings;
    "", "TLS_CA_BUNDLE",
        "the path of a PEM file", "none",
        "roots that are trusted beside the built-in Amazon roots",
        Owner, Unset, |group, value| read::set(&mut group.tls_ca_bundle, Some(Some(PathBuf::from(value))));
}

#[cfg(test)]
mod tests {
    use fourstep_testkit::settings::{Case, hold};

    use super::*;

    #[test]
    fn each_setting_is_read_and_refused() {
        let cases: &[Case<TlsSettings>] = &[Case {
            tag: None,
            variable: Some("TLS_CA_BUNDLE"),
            look: |group| format!("{:?}", group.tls_ca_bundle),
            default: "None",
            good: &[("/opt/ca.pem", "Some(\"/opt/ca.pem\")")],
            bad: &[],
        }];
        hold::<TlsSettings>(cases, &[]);
    }
}
