//! Key sets: what everybody knows, what one node keeps to itself, and the two together, ready for use.

use std::fmt;
use std::sync::Arc;

use mellivora_core::{Committee, Digest, NodeIndex, hash::HashKey, planted};

use crate::bls12_381::{CertificateKeySet, EncodedCertificateKeys};
use crate::ed25519::Ed25519Certificates;
use crate::local::{LocalSecret, SecretBytes};
use crate::threshold::{EncodedKey, Purpose};
use crate::{
    CertificateScheme, Certificates, CoinScheme, EncryptionScheme, Identity, IdentityKey, KeyError, Signature, Suite,
    suites,
};

const KEY_SET: HashKey = HashKey::new("mellivora/v1 key set");

/// The public keys of a committee: suite, thresholds, identities, coin key, encryption key, certificate keys. Cheap to
/// clone.
///
/// Whatever made it (dealer, key file), a value of this type is sound: every group element is valid, the shares of each
/// threshold key lie on one polynomial of degree f, and each certificate key is proven to be its owner's.
#[derive(Clone)]
pub struct PublicKeys(Arc<Inner>);

struct Inner {
    suite: Suite,
    committee: Committee,
    identities: Vec<IdentityKey>,
    coin: EncodedKey,
    encryption: Option<EncodedKey>,
    coin_keys: suites::CoinKeys,
    encryption_keys: Option<suites::EncryptionKeys>,
    /// Where certificates are not signed with identities.
    certificates: Option<Arc<CertificateKeySet>>,
    digest: Digest,
}

impl PublicKeys {
    /// Checks the parts and puts them together.
    pub(crate) fn assemble(
        suite: Suite,
        committee: Committee,
        identities: Vec<IdentityKey>,
        coin: EncodedKey,
        encryption: Option<EncodedKey>,
        certificates: Option<EncodedCertificateKeys>,
    ) -> Result<Self, KeyError> {
        if identities.len() != committee.n() {
            let (expected, found) = (committee.n(), identities.len());
            return Err(KeyError::Count { field: "identities".to_owned(), expected, found });
        }
        for (node, key) in committee.nodes().zip(&identities) {
            let earlier = committee.nodes().zip(&identities).find(|(other, same)| *other < node && *same == key);
            if let Some((other, _)) = earlier {
                return Err(KeyError::SameIdentity(other, node));
            }
        }
        if suite.encrypts() != encryption.is_some() {
            let must = if suite.encrypts() { "have encryption keys" } else { "not have encryption keys" };
            return Err(KeyError::EncryptionKeys { suite: suite.name(), must });
        }
        let coin_keys = suites::CoinKeys::decode(suite, committee, &coin)?;
        let encryption_keys = match &encryption {
            Some(key) => suites::EncryptionKeys::decode(suite, committee, key)?,
            None => None,
        };
        let certificates =
            certificates.map(|keys| CertificateKeySet::decode(committee, keys).map(Arc::new)).transpose()?;
        let digest = digest(suite, committee, &identities, &coin, encryption.as_ref(), certificates.as_deref());
        Ok(PublicKeys(Arc::new(Inner {
            suite,
            committee,
            identities,
            coin,
            encryption,
            coin_keys,
            encryption_keys,
            certificates,
            digest,
        })))
    }

    /// The suite.
    pub fn suite(&self) -> Suite {
        self.0.suite
    }

    /// How what certificates are made of is signed.
    pub fn certificates(&self) -> Certificates {
        self.0.certificates.as_ref().map_or(Certificates::Ed25519, |keys| keys.kind())
    }

    /// Size and fault bound.
    pub fn committee(&self) -> Committee {
        self.0.committee
    }

    /// The key-set hash: it covers all of the keys, the suite, the certificates and the committee, and goes into every domain.
    pub fn digest(&self) -> Digest {
        self.0.digest
    }

    /// The identity of a node; `None` for an index outside the committee.
    pub fn identity(&self, node: NodeIndex) -> Option<&IdentityKey> {
        self.0.identities.get(node.as_usize())
    }

    /// All identities, by index.
    pub fn identities(&self) -> &[IdentityKey] {
        &self.0.identities
    }

    /// Whether `signature` is one of `node` on `message`.
    pub fn verify(&self, node: NodeIndex, message: &[u8], signature: &Signature) -> bool {
        let any = planted("sig-of-any-signer") && self.0.identities.iter().any(|key| key.verify(message, signature));
        any || self.identity(node).is_some_and(|key| key.verify(message, signature))
    }

    pub(crate) fn encoded(&self, purpose: Purpose) -> Option<&EncodedKey> {
        match purpose {
            Purpose::Coin => Some(&self.0.coin),
            Purpose::Encryption => self.0.encryption.as_ref(),
        }
    }

    pub(crate) fn certificate_keys(&self) -> Option<&EncodedCertificateKeys> {
        self.0.certificates.as_ref().map(|keys| keys.encoded())
    }
}

impl PartialEq for PublicKeys {
    fn eq(&self, other: &Self) -> bool {
        self.0.digest == other.0.digest
    }
}

impl Eq for PublicKeys {}

impl fmt::Debug for PublicKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { suite, committee, digest, .. } = &*self.0;
        write!(f, "PublicKeys({suite}, {committee:?}, {digest:?})")
    }
}

/// Every part is preceded by its length, so no two key sets have the same input.
fn digest(
    suite: Suite,
    committee: Committee,
    identities: &[IdentityKey],
    coin: &EncodedKey,
    encryption: Option<&EncodedKey>,
    certificates: Option<&CertificateKeySet>,
) -> Digest {
    let mut hasher = KEY_SET.hasher();
    let mut part = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    part(suite.name().as_bytes());
    part(&(committee.n() as u64).to_le_bytes());
    part(&(committee.f() as u64).to_le_bytes());
    identities.iter().for_each(|key| part(&key.to_bytes()));
    for key in std::iter::once(coin).chain(encryption.filter(|_| !planted("key-digest-without-encryption"))) {
        part(&key.group);
        key.shares.iter().for_each(|share| part(share));
    }
    // How many parts came before is known from the first ones. Proofs of possession are not among these: there is one for
    // each key.
    if let Some(keys) = certificates.filter(|_| !planted("key-digest-without-certificates")) {
        part(keys.kind().name().as_bytes());
        keys.encoded().keys.iter().for_each(|key| part(key));
    }
    Digest(*hasher.finalize().as_bytes())
}

/// The secret keys of one node. Overwritten when dropped, never cloned, never serialized by accident: the one way out
/// is [`to_secret_file`](Self::to_secret_file).
pub struct SecretKeys {
    pub(crate) suite: Suite,
    pub(crate) key_set: Digest,
    pub(crate) index: NodeIndex,
    pub(crate) identity: SecretBytes,
    pub(crate) coin: SecretBytes,
    pub(crate) encryption: Option<SecretBytes>,
    pub(crate) certificates: Option<SecretBytes>,
}

impl SecretKeys {
    /// Whose keys they are.
    pub fn index(&self) -> NodeIndex {
        self.index
    }

    /// The suite.
    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// Digest of the [`PublicKeys`] they belong to.
    pub fn key_set(&self) -> Digest {
        self.key_set
    }
}

impl fmt::Debug for SecretKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKeys({}, node {}, of {:?}, ..)", self.suite, self.index, self.key_set)
    }
}

/// The keys of one node, ready for use. Cheap to clone.
#[derive(Clone)]
pub struct NodeKeys {
    public: PublicKeys,
    index: NodeIndex,
    identity: Arc<Identity>,
    coin: Arc<dyn CoinScheme>,
    encryption: Option<Arc<dyn EncryptionScheme>>,
    /// Where they are not signatures with the identity.
    certificates: Option<Arc<dyn CertificateScheme>>,
    batch: Arc<SecretBytes>,
}

impl NodeKeys {
    /// Puts the two halves together, after checking that each secret is the one behind its public share.
    ///
    /// `salt` is fresh randomness of this process: nonces and the weights of batch verification derive from it and
    /// from the secrets. A repeated salt repeats a nonce only for the very same statement, which is harmless.
    pub fn new(public: PublicKeys, secret: &SecretKeys, salt: [u8; 32]) -> Result<Self, KeyError> {
        let index = secret.index;
        let inner = &public.0;
        if secret.key_set != inner.digest || secret.suite != inner.suite {
            return Err(KeyError::OtherKeySet);
        }
        let member = KeyError::NotAMember { index, nodes: inner.committee.n() };
        let expected = public.identity(index).ok_or(member)?;
        let identity = Identity::from_bytes(&secret.identity);
        if identity.key() != *expected {
            return Err(KeyError::SecretMismatch { key: "identity", index });
        }
        let local = |purpose: Purpose, secret: &SecretBytes| LocalSecret::new(purpose.name(), secret, &salt);
        let mismatch = |purpose: Purpose| KeyError::SecretMismatch { key: purpose.name(), index };
        let coin = inner
            .coin_keys
            .scheme(index, &secret.coin, local(Purpose::Coin, &secret.coin))
            .ok_or_else(|| mismatch(Purpose::Coin))?;
        let encryption = match (&inner.encryption_keys, &secret.encryption) {
            (Some(keys), Some(share)) => Some(
                keys.scheme(index, share, local(Purpose::Encryption, share))
                    .ok_or_else(|| mismatch(Purpose::Encryption))?,
            ),
            (None, None) => None,
            _ => return Err(mismatch(Purpose::Encryption)),
        };
        let certificates = match (&inner.certificates, &secret.certificates) {
            (Some(keys), Some(own)) => keys.scheme(index, own, LocalSecret::new("certificates", own, &salt)).map(Some),
            (None, None) => Some(None),
            _ => None,
        };
        let certificates = certificates.ok_or(KeyError::SecretMismatch { key: "certificates", index })?;
        let batch = Arc::new(LocalSecret::new("batch", &secret.identity, &salt).into_bytes());
        Ok(NodeKeys { public, index, identity: Arc::new(identity), coin, encryption, certificates, batch })
    }

    /// The same keys with other implementations of the coin and of encryption, such as a device that keeps the shares,
    /// or a counterfeit for simulations. Both must keep the contracts of their traits. A suite without encryption stays
    /// without.
    #[must_use]
    pub fn with_schemes(self, coin: Arc<dyn CoinScheme>, encryption: Arc<dyn EncryptionScheme>) -> Self {
        let encryption = self.encryption.map(|_| encryption);
        NodeKeys { coin, encryption, ..self }
    }

    /// The same keys with another way to sign what certificates are made of, which must keep the contract of its trait.
    #[must_use]
    pub fn with_certificates(self, certificates: Arc<dyn CertificateScheme>) -> Self {
        NodeKeys { certificates: Some(certificates), ..self }
    }

    /// The public keys of the committee.
    pub fn public(&self) -> &PublicKeys {
        &self.public
    }

    /// Size and fault bound of the committee.
    pub fn committee(&self) -> Committee {
        self.public.committee()
    }

    /// Which node this is.
    pub fn index(&self) -> NodeIndex {
        self.index
    }

    /// This node's signing key.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Signs a message as this node.
    pub fn sign(&self, message: &[u8]) -> Signature {
        self.identity.sign(message)
    }

    /// Whether `signature` is one of `node` on `message`.
    pub fn verify(&self, node: NodeIndex, message: &[u8], signature: &Signature) -> bool {
        self.public.verify(node, message, signature)
    }

    /// Whether all of (node, message, signature) are valid; false if one names a node outside the committee. See
    /// [`verify_batch`](crate::verify_batch).
    pub fn verify_batch<'a>(&self, items: impl IntoIterator<Item = (NodeIndex, &'a [u8], &'a Signature)>) -> bool {
        let mut known = true;
        let items = items.into_iter().map_while(|(node, message, signature)| {
            let key = self.public.identity(node);
            known &= key.is_some();
            key.map(|key| (key, message, signature))
        });
        crate::verify_batch(&self.batch, items) && (known || planted("sig-batch-skips-strangers"))
    }

    /// The common coin with this node's share in it.
    pub fn coin(&self) -> &Arc<dyn CoinScheme> {
        &self.coin
    }

    /// Certificates, with this node's key in them.
    pub fn certificates(&self) -> Arc<dyn CertificateScheme> {
        let own = || Ed25519Certificates::scheme(self.clone());
        self.certificates.clone().unwrap_or_else(own)
    }

    /// Threshold encryption with this node's share in it; `None` if the suite has none.
    pub fn encryption(&self) -> Option<&Arc<dyn EncryptionScheme>> {
        self.encryption.as_ref()
    }
}

impl fmt::Debug for NodeKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeKeys(node {} of {:?})", self.index, self.public)
    }
}
