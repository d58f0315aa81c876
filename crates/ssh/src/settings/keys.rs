//! What keys are like, and what stands before them.

use fourstep::settings::read;

/// What kind of key is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum KeyType {
    /// Ed25519.
    #[default]
    Ed25519,
    /// ECDSA on the curve P-256.
    EcdsaP256,
    /// ECDSA on the curve P-384.
    EcdsaP384,
    /// RSA with 3072 bits.
    Rsa3072,
    /// RSA with 4096 bits.
    Rsa4096,
}

/// How a private key is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum KeyFormat {
    /// OpenSSH's own format.
    #[default]
    OpenSsh,
    /// PKCS#1 for RSA and PKCS#8 for the others, as PEM.
    Pem,
}

/// One word for sshd: blanks only in quotes, and every quote closed.
pub(super) fn key_options(value: &str) -> Option<String> {
    let (mut quoted, mut escaped) = (false, false);
    for sign in value.chars() {
        match sign {
            '"' if !escaped => quoted = !quoted,
            ' ' if !quoted => return None,
            _ => {}
        }
        escaped = sign == '\\' && !escaped;
    }
    read::text(value, 1024).filter(|text| !quoted && text.is_ascii() && !text.contains('\n'))
}
