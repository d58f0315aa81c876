//! Certificates of servers, right ones and wrong ones, each by an authority of its own.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, date_time_ymd};

/// What a server's certificate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// For `localhost` and 127.0.0.1, by the authority that clients are told to trust.
    Right,
    /// By that authority, but for another host.
    OtherName,
    /// For the right host, but by another authority than clients are told to trust.
    OtherAuthority,
    /// For the right host and by the right authority, but ended long ago.
    Expired,
}

/// The name in a certificate of [`Certificate::OtherName`].
const OTHER_NAME: &str = "db.example.com";

/// A server's files, in PEM.
pub struct Certificates {
    /// Its certificate.
    pub certificate: String,
    /// The key of that.
    pub key: String,
    /// The certificate of the authority that clients are told to trust.
    pub authority: String,
}

impl Certificates {
    /// Creates the files of a server with a certificate of a kind.
    ///
    /// # Panics
    ///
    /// If no key can be made.
    #[must_use]
    pub fn make(kind: Certificate) -> Self {
        let (authority, issuer) = authority("Testkit authority");
        let names = match kind {
            Certificate::OtherName => vec![OTHER_NAME.to_owned()],
            _ => vec!["localhost".to_owned(), "127.0.0.1".to_owned()],
        };
        let key = KeyPair::generate().expect("a key can be made");
        let mut params = CertificateParams::new(names).expect("the names are valid");
        if kind == Certificate::Expired {
            (params.not_before, params.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(2001, 1, 1));
        }
        let certificate = params.signed_by(&key, &issuer).expect("the authority can sign").pem();
        let authority = match kind {
            Certificate::OtherAuthority => self::authority("Another authority").0,
            _ => authority,
        };
        Self { certificate, key: key.serialize_pem(), authority }
    }
}

fn authority(name: &str) -> (String, Issuer<'static, KeyPair>) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate().expect("a key can be made");
    let pem = params.self_signed(&key).expect("an authority signs itself").pem();
    (pem, Issuer::new(params, key))
}
