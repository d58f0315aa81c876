use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

type Block = Zeroizing<[u8; 32]>;

/// Computes crypt's digest of a password with SHA-256, as its own kind of base64.
///
/// As <https://www.akkadia.org/drepper/SHA-crypt.txt> says, but for one thing, for which no library can be used: MySQL's
/// salt has 20 bytes, and crypt's has 16 at the most.
pub(super) fn digest(password: &[u8], salt: &[u8], rounds: u32) -> Zeroizing<String> {
    let inner = hash(&[password, salt, password]);
    let mut outer =
        Sha256::new().chain_update(password).chain_update(salt).chain_update(&*repeat(&inner, password.len()));
    let mut length = password.len();
    while length > 0 {
        outer.update(if length & 1 == 1 { &inner[..] } else { password });
        length >>= 1;
    }
    let mut block: Block = Zeroizing::new(outer.finalize().into());
    let passwords = repeat(&hash(&vec![password; password.len()]), password.len());
    let salts = repeat(&hash(&vec![salt; 16 + usize::from(block[0])]), salt.len());
    for round in 0..rounds {
        let odd = round % 2 == 1;
        let mut parts: Vec<&[u8]> = vec![if odd { &passwords } else { &block[..] }];
        if round % 3 != 0 {
            parts.push(&salts);
        }
        if round % 7 != 0 {
            parts.push(&passwords);
        }
        parts.push(if odd { &block[..] } else { &passwords });
        block = hash(&parts);
    }
    encode(&block)
}

fn hash(parts: &[&[u8]]) -> Block {
    let hash = parts.iter().fold(Sha256::new(), Digest::chain_update);
    Zeroizing::new(hash.finalize().into())
}

/// Repeats a block up to a length.
fn repeat(block: &[u8; 32], length: usize) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(block.iter().copied().cycle().take(length).collect())
}

/// Six bits a character, least significant first, over the bytes in crypt's own order.
fn encode(block: &[u8; 32]) -> Zeroizing<String> {
    const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const ORDER: [[usize; 3]; 10] = [
        [0, 10, 20],
        [21, 1, 11],
        [12, 22, 2],
        [3, 13, 23],
        [24, 4, 14],
        [15, 25, 5],
        [6, 16, 26],
        [27, 7, 17],
        [18, 28, 8],
        [9, 19, 29],
    ];
    let mut text = Zeroizing::new(String::with_capacity(43));
    let mut push = |mut bits: u32, characters: usize| {
        for _ in 0..characters {
            text.push(char::from(ALPHABET[(bits & 63) as usize]));
            bits >>= 6;
        }
    };
    for [high, middle, low] in ORDER.map(|order| order.map(|at| u32::from(block[at]))) {
        push(high << 16 | middle << 8 | low, 4);
    }
    push(u32::from(block[31]) << 8 | u32::from(block[30]), 3);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As glibc's crypt computes them.
    #[test]
    fn agrees_with_crypt() {
        for (password, salt, rounds, expected) in [
            ("Hello world!", "saltstring", 5000, "5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"),
            (
                "a very much longer text to encrypt.  This one even stretches over morethan one line.",
                "anotherlongsalts",
                1400,
                "Rx.j8H.h8HjEDGomFU8bDkXm3XIUnzyxf12oP84Bnq1",
            ),
            ("größe", "x", 1000, "89Zob/lynRE/MprzxFmLb8FBI0V3ynRJIp8Ks47veo/"),
        ] {
            assert_eq!(*digest(password.as_bytes(), salt.as_bytes(), rounds), expected);
        }
    }
}
