//! TLS before a service of plain HTTP.

use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

use tempfile::NamedTempFile;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

pub use crate::certificates::Certificate;
use crate::certificates::Certificates;

/// A listener on 127.0.0.1 that speaks TLS and passes on what it hears. It ends with the test's runtime.
pub struct TlsFront {
    url: String,
    authority: NamedTempFile,
}

impl TlsFront {
    /// Starts before the service at `url`, with a certificate of a kind.
    ///
    /// # Errors
    ///
    /// If there is no port to listen on, or the certificate cannot be used.
    pub async fn before(url: &str, certificate: Certificate) -> io::Result<Self> {
        let files = Certificates::make(certificate);
        let chain = vec![CertificateDer::from_pem_slice(files.certificate.as_bytes()).map_err(io::Error::other)?];
        let key = PrivateKeyDer::from_pem_slice(files.key.as_bytes()).map_err(io::Error::other)?;
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(io::Error::other)?;
        let authority = NamedTempFile::new()?;
        std::fs::write(authority.path(), files.authority)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let front = Self { url: format!("https://localhost:{}", listener.local_addr()?.port()), authority };
        let (acceptor, service) = (TlsAcceptor::from(Arc::new(config)), url.trim_start_matches("http://").to_owned());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, service) = (acceptor.clone(), service.clone());
                tokio::spawn(async move {
                    // A client that does not like the certificate ends the handshake.
                    let mut stream = acceptor.accept(stream).await?;
                    copy_bidirectional(&mut stream, &mut TcpStream::connect(service).await?).await
                });
            }
        });
        Ok(front)
    }

    /// Returns where it is, as `https://localhost:40001`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the PEM file of the authority that clients are to trust.
    #[must_use]
    pub fn authority(&self) -> &Path {
        self.authority.path()
    }
}
