use std::path::Path;

use fourstep::{Error, Result, Settings};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// Gives the roots that are trusted beside Mozilla's, which the driver adds by itself, as PEM.
///
/// # Errors
///
/// `Invalid` if the file of `TLS_CA_BUNDLE` cannot be read or holds no certificates.
pub(crate) fn roots(settings: &Settings) -> Result<Vec<u8>> {
    let Some(path) = &settings.tls_ca_bundle else { return Ok(Vec::new()) };
    let pem = std::fs::read(path).map_err(|error| unusable(path, &format!("cannot be read: {}", error.kind())))?;
    // The driver would take a file without a certificate for an empty list, and blame the server's later.
    let mut certificates = 0;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        certificate.map_err(|_| unusable(path, "is not valid PEM"))?;
        certificates += 1;
    }
    if certificates == 0 {
        return Err(unusable(path, "holds no certificate"));
    }
    Ok(pem)
}

fn unusable(path: &Path, what: &str) -> Error {
    Error::invalid(format!("the file {} of the variable `TLS_CA_BUNDLE` {what}", path.display()))
        .next("Set `TLS_CA_BUNDLE` to a PEM file with the certificates of your authorities, or remove it")
}
