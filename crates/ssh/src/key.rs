//! How a key pair is made and written.

use fourstep::{Error, Result, Sensitive};
use pem_rfc7468::LineEnding as PemLineEnding;
use rsa::pkcs1::EncodeRsaPrivateKey;
use russh::keys::key::safe_rng;
use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::private::{KeypairData, RsaKeypair};
use russh::keys::{Algorithm, EcdsaCurve, HashAlg, PrivateKey};
use zeroize::Zeroizing;

use crate::settings::{KeyFormat, KeyType};

/// A pair, as the secret holds it.
pub(crate) struct Written {
    pub(crate) public_key: String,
    pub(crate) private_key: Sensitive,
    pub(crate) fingerprint: String,
}

/// Creates a pair. RSA takes up to seconds of processor time, so it is made beside the function's own thread.
pub(crate) async fn make(kind: KeyType, format: KeyFormat, comment: String) -> Result<Written> {
    let made = move || {
        let mut key = new_key(kind).map_err(|_| Error::other("a key pair cannot be made"))?;
        key.set_comment(comment);
        write(&key, format)
    };
    match kind {
        KeyType::Rsa3072 | KeyType::Rsa4096 => tokio::task::spawn_blocking(made)
            .await
            .map_err(|_| Error::other("the task that makes a key pair ended early"))?,
        _ => made(),
    }
}

fn new_key(kind: KeyType) -> russh::keys::ssh_key::Result<PrivateKey> {
    let algorithm = match kind {
        KeyType::Ed25519 => Algorithm::Ed25519,
        KeyType::EcdsaP256 => Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
        KeyType::EcdsaP384 => Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
        KeyType::Rsa3072 => return rsa_key(3072),
        KeyType::Rsa4096 => return rsa_key(4096),
    };
    PrivateKey::random(&mut safe_rng(), algorithm)
}

fn rsa_key(bits: usize) -> russh::keys::ssh_key::Result<PrivateKey> {
    PrivateKey::new(KeypairData::Rsa(RsaKeypair::random(&mut safe_rng(), bits)?), "")
}

fn write(key: &PrivateKey, format: KeyFormat) -> Result<Written> {
    let defect = || Error::other("a key pair cannot be written");
    let private_key = match (format, key.key_data()) {
        (KeyFormat::OpenSsh, _) => Sensitive::new(key.to_openssh(LineEnding::LF).map_err(|_| defect())?.as_str()),
        // What old consumers read as "BEGIN RSA PRIVATE KEY".
        (KeyFormat::Pem, KeypairData::Rsa(pair)) => {
            let key: rsa::RsaPrivateKey = pair.try_into().map_err(|_| defect())?;
            Sensitive::new(key.to_pkcs1_pem(PemLineEnding::LF).map_err(|_| defect())?.as_str())
        }
        (KeyFormat::Pem, _) => {
            let der = Zeroizing::new(russh::keys::pkcs8::encode_pkcs8(key).map_err(|_| defect())?);
            Sensitive::new(pem_rfc7468::encode_string("PRIVATE KEY", PemLineEnding::LF, &der).map_err(|_| defect())?)
        }
    };
    Ok(Written {
        public_key: key.public_key().to_openssh().map_err(|_| defect())?,
        private_key,
        fingerprint: key.fingerprint(HashAlg::Sha256).to_string(),
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;

    use super::*;

    /// Asks OpenSSH for the public half of a private key.
    fn public_half(private_key: &Sensitive) -> String {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("key");
        std::fs::write(&file, private_key.expose()).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        let output = Command::new("ssh-keygen").args(["-y", "-P", "", "-f"]).arg(&file).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    #[tokio::test]
    async fn openssh_reads_every_kind_in_every_format() {
        for (kind, name) in [
            (KeyType::Ed25519, "ssh-ed25519"),
            (KeyType::EcdsaP256, "ecdsa-sha2-nistp256"),
            (KeyType::EcdsaP384, "ecdsa-sha2-nistp384"),
            (KeyType::Rsa3072, "ssh-rsa"),
        ] {
            for (format, begin) in
                [(KeyFormat::OpenSsh, "-----BEGIN OPENSSH PRIVATE KEY-----"), (KeyFormat::Pem, "-----BEGIN ")]
            {
                // OpenSSH itself reads no Ed25519 key in PKCS#8.
                if kind == KeyType::Ed25519 && format == KeyFormat::Pem {
                    continue;
                }
                let written = make(kind, format, "fourstep:arn:v1".to_owned()).await.unwrap();
                assert!(written.private_key.expose().starts_with(begin));
                let public: Vec<_> = written.public_key.split(' ').collect();
                assert_eq!((public[0], public[2]), (name, "fourstep:arn:v1"));
                assert!(public_half(&written.private_key).starts_with(&public[..2].join(" ")));
                assert!(russh::keys::decode_secret_key(written.private_key.expose(), None).is_ok());
                assert!(written.fingerprint.starts_with("SHA256:"), "{}", written.fingerprint);
            }
        }
    }
}
