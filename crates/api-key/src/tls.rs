use std::sync::Arc;

use fourstep::{Error, Result};
use fourstep_server::{TlsSettings, roots};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// Creates the configuration of TLS: chain and name verified, by Mozilla's authorities and those of `TLS_CA_BUNDLE`.
///
/// # Errors
///
/// `Invalid` if the file of `TLS_CA_BUNDLE` cannot be read, or does not hold certificates that can be roots.
pub(crate) fn config(settings: &TlsSettings) -> Result<ClientConfig> {
    let mut store = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for certificate in CertificateDer::pem_slice_iter(&roots::own(settings)?) {
        let unusable = |_| Error::other("a root that was read once cannot be read again");
        store.add(certificate.map_err(|_| Error::other("a root that was PEM once is none now"))?).map_err(unusable)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has every version of TLS that rustls has");
    Ok(builder.with_root_certificates(store).with_no_client_auth())
}
