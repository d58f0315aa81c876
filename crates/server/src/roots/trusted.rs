use std::path::Path;

use fourstep::{Error, Result};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::roots::for_host;
use crate::settings::TlsSettings;

/// Returns the roots that are trusted for a host beside Mozilla's, which the driver adds by itself, as PEM: those of
/// Amazon RDS, and the owner's.
///
/// # Errors
///
/// `Invalid` if the file of `TLS_CA_BUNDLE` cannot be read, or does not hold certificates that can be roots.
pub fn trusted(settings: &TlsSettings, host: &str) -> Result<Vec<u8>> {
    let mut pem = for_host(host).as_bytes().to_vec();
    pem.extend(own(settings)?);
    Ok(pem)
}

/// Returns the owner's roots, those of `TLS_CA_BUNDLE`, as PEM. Nothing where the variable is not set.
///
/// # Errors
///
/// As [`trusted`].
pub fn own(settings: &TlsSettings) -> Result<Vec<u8>> {
    settings.tls_ca_bundle.as_deref().map_or_else(|| Ok(Vec::new()), read)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let pem = std::fs::read(path).map_err(|error| unusable(path, &format!("cannot be read: {}", error.kind())))?;
    // The driver would take a file without a certificate for an empty list, and blame the server's later. Of the others,
    // it would not name the file.
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|_| unusable(path, "is not valid PEM"))?;
        store.add(certificate).map_err(|_| unusable(path, "holds a certificate that cannot be used as a root"))?;
    }
    if store.is_empty() {
        return Err(unusable(path, "holds no certificate"));
    }
    Ok(pem)
}

fn unusable(path: &Path, what: &str) -> Error {
    Error::invalid(format!("the file {} of the variable `TLS_CA_BUNDLE` {what}", path.display()))
        .next("Set `TLS_CA_BUNDLE` to a PEM file with the certificates of your authorities, or remove it")
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// Adds them as the driver does, which fails at the first that is no root.
    fn number(settings: &TlsSettings, host: &str) -> usize {
        let mut store = RootCertStore::empty();
        for root in CertificateDer::pem_slice_iter(&trusted(settings, host).unwrap()) {
            store.add(root.unwrap()).unwrap();
        }
        store.len()
    }

    #[test]
    fn every_root_that_is_built_in_can_be_used() {
        let settings = TlsSettings::default();
        assert_eq!(number(&settings, "app.c1a2b3.eu-central-1.rds.amazonaws.com"), 3);
        assert_eq!(number(&settings, "app.c1a2b3.us-gov-west-1.rds.amazonaws.com"), 0);
        assert!(number(&settings, "db.example.com") >= 96);
    }

    #[test]
    fn the_owners_authorities_come_beside_them() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(for_host("app.c1a2b3.eu-west-1.rds.amazonaws.com").trim().as_bytes()).unwrap();
        let settings = TlsSettings { tls_ca_bundle: Some(file.path().to_owned()) };
        assert_eq!(number(&settings, "app.c1a2b3.eu-central-1.rds.amazonaws.com"), 6);
        assert_eq!(number(&settings, "app.c1a2b3.us-gov-west-1.rds.amazonaws.com"), 3);
    }

    #[test]
    fn the_authorities_of_rds_proxy_are_among_mozillas() {
        for number in 1..=4 {
            let name = format!("Amazon Root CA {number}");
            let held = webpki_roots::TLS_SERVER_ROOTS
                .iter()
                .any(|root| root.subject.windows(name.len()).any(|part| part == name.as_bytes()));
            assert!(held, "{name}");
        }
    }
}
