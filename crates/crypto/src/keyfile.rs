//! Key files: TOML, one public file for everybody and one secret file per node.
//!
//! ```text
//! public                               secret
//! version = 1                          version = 1
//! suite = "ristretto255"               suite = "ristretto255"
//! nodes = 4                            key_set = "9d41.."    # digest of the public keys
//! faulty = 1                           node = 2
//! key_set = "9d41.."                   identity = "07ab.."
//! identities = ["..", ..]              coin = "c2f0.."
//! [coin]                               encryption = "55e1.."
//! group = ".."                         certificates = "1f6e.."
//! shares = ["..", ..]
//! [encryption]
//! group = ".."
//! shares = ["..", ..]
//! [certificates]
//! scheme = "bls12-381"
//! keys = ["..", ..]
//! proofs = ["..", ..]                  # of possession
//! ```
//!
//! Files without `certificates` are those of Ed25519 certificates, which need no keys besides the identities.
//!
//! Bytes are written in hexadecimal. Reading trusts nothing: unknown fields, wrong counts, non-canonical encodings,
//! elements outside their group and identities are refused; the shares of each threshold key must lie on one polynomial
//! of degree f; each certificate key must come with its proof of possession; the digest must fit. Whether a secret fits
//! its public share is checked by [`NodeKeys::new`](crate::NodeKeys::new), which has both.
//!
//! Errors never quote what a secret file holds.

use std::fmt::{self, Write};

use mellivora_core::{Committee, Digest, NodeIndex, planted};
use serde::de::{Deserialize, Deserializer, Visitor};
use zeroize::{Zeroize, Zeroizing};

use crate::bls12_381::EncodedCertificateKeys;
use crate::local::SecretBytes;
use crate::threshold::{EncodedKey, Purpose};
use crate::{Certificates, IdentityKey, KeyError, PublicKeys, SecretKeys};

/// The version that is written and read.
const VERSION: u32 = 1;
/// More bytes than any encoded key has.
const LONGEST: usize = 64 * 1024;

/// Bytes written in hexadecimal; overwritten when dropped.
struct Hex(Zeroizing<Vec<u8>>);

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Digits;
        impl Visitor<'_> for Digits {
            type Value = Hex;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes in hexadecimal")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Hex, E> {
                // The error does not quote the text, which may be a secret.
                decode(text).map(Hex).ok_or_else(|| E::custom("expected bytes in lower-case hexadecimal"))
            }

            fn visit_string<E: serde::de::Error>(self, mut text: String) -> Result<Hex, E> {
                let value = self.visit_str(&text);
                text.zeroize();
                value
            }
        }
        deserializer.deserialize_str(Digits)
    }
}

fn decode(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    if pairs.len() > LONGEST {
        return None;
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(pairs.len()));
    for [high, low] in pairs {
        bytes.push(digit(*high)? << 4 | digit(*low)?);
    }
    Some(bytes)
}

/// Appends bytes in hexadecimal. The text must have room for them, or it would leave a copy behind when it grows.
fn encode(bytes: &[u8], text: &mut String) {
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    encode(bytes, &mut text);
    text
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyTable {
    group: Hex,
    shares: Vec<Hex>,
}

impl KeyTable {
    fn into_encoded(self) -> EncodedKey {
        EncodedKey { group: self.group.0.to_vec(), shares: self.shares.iter().map(|share| share.0.to_vec()).collect() }
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct CertificateTable {
    scheme: String,
    keys: Vec<Hex>,
    proofs: Vec<Hex>,
}

impl CertificateTable {
    fn into_encoded(self) -> Result<EncodedCertificateKeys, KeyError> {
        let bytes = |list: &[Hex]| list.iter().map(|hex| hex.0.to_vec()).collect();
        match self.scheme.parse()? {
            Certificates::Ed25519 => Err(KeyError::CertificateKeys { certificates: Certificates::Ed25519.name() }),
            Certificates::Bls12381 => {
                Ok(EncodedCertificateKeys { keys: bytes(&self.keys), proofs: bytes(&self.proofs) })
            }
        }
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct PublicFile {
    #[serde(rename = "version")]
    _version: u32,
    suite: String,
    nodes: usize,
    faulty: usize,
    key_set: Hex,
    identities: Vec<Hex>,
    coin: KeyTable,
    encryption: Option<KeyTable>,
    certificates: Option<CertificateTable>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct SecretFile {
    #[serde(rename = "version")]
    _version: u32,
    suite: String,
    key_set: Hex,
    node: u16,
    identity: Hex,
    coin: Hex,
    encryption: Option<Hex>,
    certificates: Option<Hex>,
}

/// The version alone, read first: a file of another version may have any other fields.
#[derive(serde::Deserialize)]
struct AnyFile {
    version: u32,
}

fn parse<T: serde::de::DeserializeOwned>(kind: &'static str, text: &str) -> Result<T, KeyError> {
    // The parser's message is one line; its `Display` would also quote the line of the file.
    let fail = |error: toml::de::Error| KeyError::File { kind, reason: error.message().replace('\n', " ") };
    let found = toml::from_str::<AnyFile>(text).map_err(fail)?.version;
    if found != VERSION {
        return Err(KeyError::Version { found, supported: VERSION });
    }
    toml::from_str(text).map_err(fail)
}

fn array<const N: usize>(field: &str, hex: &Hex) -> Result<Zeroizing<[u8; N]>, KeyError> {
    match <[u8; N]>::try_from(hex.0.as_slice()) {
        Ok(bytes) => Ok(Zeroizing::new(bytes)),
        Err(_) => Err(KeyError::Invalid { field: field.to_owned() }),
    }
}

impl PublicKeys {
    /// The public key file.
    pub fn to_file(&self) -> String {
        let committee = self.committee();
        let mut text = format!(
            "# Public keys of a mellivora committee. Every node needs the same file.\n\
             version = {VERSION}\nsuite = \"{}\"\nnodes = {}\nfaulty = {}\nkey_set = \"{}\"\n",
            self.suite(),
            committee.n(),
            committee.f(),
            self.digest()
        );
        list(&mut text, "identities", self.identities().iter().map(|key| hex(&key.to_bytes())));
        for purpose in [Purpose::Coin, Purpose::Encryption] {
            if let Some(key) = self.encoded(purpose) {
                let _ = write!(text, "\n[{}]\ngroup = \"{}\"\n", purpose.name(), hex(&key.group));
                list(&mut text, "shares", key.shares.iter().map(|share| hex(share)));
            }
        }
        if let Some(certificates) = self.certificate_keys() {
            let _ = write!(text, "\n[certificates]\nscheme = \"{}\"\n", self.certificates());
            list(&mut text, "keys", certificates.keys.iter().map(|key| hex(key)));
            list(&mut text, "proofs", certificates.proofs.iter().map(|proof| hex(proof)));
        }
        text
    }

    /// Reads a public key file and checks all of it.
    pub fn from_file(text: &str) -> Result<Self, KeyError> {
        let file: PublicFile = parse("public", text)?;
        let suite = file.suite.parse()?;
        let committee = Committee::with_faulty(file.nodes, file.faulty)?;
        let identities = file.identities.iter().enumerate().map(|(i, hex)| {
            let field = format!("identities[{i}]");
            IdentityKey::from_bytes(&*array(&field, hex)?).ok_or(KeyError::Invalid { field })
        });
        let identities = identities.collect::<Result<Vec<_>, _>>()?;
        let encryption = file.encryption.map(KeyTable::into_encoded);
        let certificates = file.certificates.map(CertificateTable::into_encoded).transpose()?;
        let coin = file.coin.into_encoded();
        let keys = PublicKeys::assemble(suite, committee, identities, coin, encryption, certificates)?;
        if *array("key_set", &file.key_set)? != keys.digest().0 && !planted("key-file-digest-unchecked") {
            return Err(KeyError::Digest);
        }
        Ok(keys)
    }
}

fn list(text: &mut String, name: &str, items: impl Iterator<Item = String>) {
    let _ = writeln!(text, "{name} = [");
    for item in items {
        let _ = writeln!(text, "  \"{item}\",");
    }
    text.push_str("]\n");
}

impl SecretKeys {
    /// The secret key file, in memory that is overwritten when dropped. Whoever reads it can act as this node: write it
    /// to a file that only the node's user may read, and to nothing else.
    pub fn to_secret_file(&self) -> Zeroizing<String> {
        // Room for everything at once: growing would leave a copy of the secrets in freed memory.
        let mut text = Zeroizing::new(String::with_capacity(1024));
        let _ = write!(
            text,
            "# SECRET keys of node {0} of a mellivora committee. Nobody else may read this file.\n\
             version = {VERSION}\nsuite = \"{1}\"\nkey_set = \"{2}\"\nnode = {0}\n",
            self.index, self.suite, self.key_set
        );
        let secrets = [
            ("identity", Some(&self.identity)),
            ("coin", Some(&self.coin)),
            ("encryption", self.encryption.as_ref()),
            ("certificates", self.certificates.as_ref()),
        ];
        for (name, secret) in secrets {
            if let Some(secret) = secret {
                text.push_str(name);
                text.push_str(" = \"");
                encode(secret.as_ref(), &mut text);
                text.push_str("\"\n");
            }
        }
        debug_assert!(text.len() <= 1024, "a secret file grew beyond its reserve");
        text
    }

    /// Reads a secret key file. Whether the secrets fit the public keys shows in
    /// [`NodeKeys::new`](crate::NodeKeys::new). The caller overwrites its copy of the text.
    pub fn from_secret_file(text: &str) -> Result<Self, KeyError> {
        let file: SecretFile = parse("secret", text)?;
        let suite: crate::Suite = file.suite.parse()?;
        if suite.encrypts() != file.encryption.is_some() {
            let must = if suite.encrypts() { "have an encryption secret" } else { "not have an encryption secret" };
            return Err(KeyError::EncryptionKeys { suite: suite.name(), must });
        }
        let secret = |field: &str, hex: &Hex| -> Result<SecretBytes, KeyError> { array(field, hex) };
        Ok(SecretKeys {
            suite,
            key_set: Digest(*array("key_set", &file.key_set)?),
            index: NodeIndex(file.node),
            identity: secret("identity", &file.identity)?,
            coin: secret("coin", &file.coin)?,
            encryption: file.encryption.as_ref().map(|hex| secret("encryption", hex)).transpose()?,
            certificates: file.certificates.as_ref().map(|hex| secret("certificates", hex)).transpose()?,
        })
    }
}
