//! What proves that a host is the one that is meant: pinned keys, and authorities that sign keys of hosts.

use std::time::{SystemTime, UNIX_EPOCH};

use russh::keys::ssh_key::certificate::CertType;
use russh::keys::{Algorithm, Certificate, EcdsaCurve, HashAlg, PublicKey};

/// What a host may show.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trust {
    /// The keys that are pinned for it.
    pub(crate) keys: Vec<PublicKey>,
    /// Whose certificates count, where the owner names any.
    pub(crate) authorities: Vec<PublicKey>,
    /// Keys that never count, of hosts or of authorities.
    pub(crate) revoked: Vec<PublicKey>,
    /// The parameter of Parameter Store in which its pin is, where it is not in the secret.
    pub(crate) parameter: Option<String>,
    /// By which names it is called, one of which a certificate has to be for.
    names: Vec<String>,
}

impl Trust {
    /// Creates one of a host that is called by some names, and trusts nothing yet.
    pub(crate) fn of(names: Vec<String>) -> Self {
        Self { names, ..Self::default() }
    }

    /// Returns whether nothing that the host shows would count.
    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.authorities.is_empty()
    }

    /// Returns whether a key is one of those that are pinned.
    pub(crate) fn accepts(&self, key: &PublicKey) -> bool {
        is_one_of(key, &self.keys) && !is_one_of(key, &self.revoked)
    }

    /// Returns whether a certificate is one of an authority's, for this host, and valid now; or for a key that is pinned.
    pub(crate) fn accepts_certificate(&self, certificate: &Certificate) -> bool {
        let key = PublicKey::new(certificate.public_key().clone(), "");
        if is_one_of(&key, &self.revoked) {
            return false;
        }
        let signer = PublicKey::new(certificate.signature_key().clone(), "");
        let authorities = self.authorities.iter().filter(|authority| !is_one_of(authority, &self.revoked));
        let fingerprints: Vec<_> = authorities.map(|authority| authority.fingerprint(HashAlg::Sha256)).collect();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let principals = certificate.valid_principals();
        let for_this_host = principals.is_empty() || principals.iter().any(|name| self.names.contains(name));
        let signed = certificate.cert_type() == CertType::Host
            && !is_one_of(&signer, &self.revoked)
            && certificate.validate_at(now, &fingerprints).is_ok()
            && for_this_host;
        signed || self.accepts(&key)
    }

    /// Returns the kinds of keys that the host is to show: those that are pinned.
    pub(crate) fn algorithms(&self) -> Vec<Algorithm> {
        distinct(self.keys.iter().flat_map(|pin| of_kind(pin.algorithm())))
    }

    /// Returns the kinds of keys of which the host may show a certificate.
    pub(crate) fn certified(&self) -> Vec<Algorithm> {
        if self.authorities.is_empty() {
            return Vec::new();
        }
        let curves = [EcdsaCurve::NistP256, EcdsaCurve::NistP384, EcdsaCurve::NistP521];
        let all = [Algorithm::Ed25519].into_iter().chain(curves.map(|curve| Algorithm::Ecdsa { curve }));
        distinct(all.chain(of_kind(Algorithm::Rsa { hash: None })))
    }

    /// Names what counts as `ssh-keygen -l` does.
    pub(crate) fn fingerprints(&self) -> String {
        match self.keys.as_slice() {
            [] => format!("a certificate of {}", fingerprints(&self.authorities)),
            keys => fingerprints(keys),
        }
    }
}

/// Returns whether a key is one of some.
pub(crate) fn is_one_of(key: &PublicKey, keys: &[PublicKey]) -> bool {
    keys.iter().any(|known| known.key_data() == key.key_data())
}

/// Names keys as `ssh-keygen -l` does.
pub(crate) fn fingerprints(keys: &[PublicKey]) -> String {
    keys.iter().map(|key| key.fingerprint(HashAlg::Sha256).to_string()).collect::<Vec<_>>().join(", ")
}

/// The names under which a kind of key signs: RSA with two hashes.
fn of_kind(kind: Algorithm) -> Vec<Algorithm> {
    match kind {
        Algorithm::Rsa { .. } => {
            [HashAlg::Sha512, HashAlg::Sha256].map(|hash| Algorithm::Rsa { hash: Some(hash) }).to_vec()
        }
        kind => vec![kind],
    }
}

fn distinct(kinds: impl Iterator<Item = Algorithm>) -> Vec<Algorithm> {
    let mut distinct = Vec::new();
    for kind in kinds {
        if !distinct.contains(&kind) {
            distinct.push(kind);
        }
    }
    distinct
}
