//! The trusted dealer: one party makes all keys, hands each node its own, and forgets them.
//!
//! Whoever deals knows every secret for the moment it takes. Deal on a machine you trust, or run all nodes yourself.

use mellivora_core::Committee;
use rand::CryptoRng;

use crate::local::SecretBytes;
use crate::{Certificates, Identity, KeyError, NodeKeys, PublicKeys, Schemes, SecretKeys, bls12_381, suites};

/// Deals the keys of a committee: the public key set, and the secret keys of each node, by index.
///
/// Threshold keys have threshold f + 1 (polynomials of degree f). Coin and encryption use independent polynomials. Keys of
/// certificates, where these have keys of their own, are no threshold keys: each node's is independent of the others'.
///
/// A [`Suite`](crate::Suite) alone comes with the default certificates.
///
/// # Errors
///
/// None, as long as the suite's implementation is right: the keys are checked like those of a key file.
pub fn deal(
    schemes: impl Into<Schemes>,
    committee: Committee,
    rng: &mut impl CryptoRng,
) -> Result<(PublicKeys, Vec<SecretKeys>), KeyError> {
    let Schemes { suite, certificates } = schemes.into();
    let identities: Vec<Identity> = committee.nodes().map(|_| Identity::generate(rng)).collect();
    let coin = suites::deal_coin(suite, committee, rng);
    let encryption = suites::deal_encryption(suite, committee, rng);
    let (encryption, mut encryption_secrets) = match encryption {
        Some(dealt) => (Some(dealt.public), dealt.secrets.into_iter().map(Some).collect()),
        None => (None, Vec::<Option<SecretBytes>>::new()),
    };
    encryption_secrets.resize_with(committee.n(), || None);
    let (certificates, mut certificate_secrets) = match certificates {
        Certificates::Ed25519 => (None, Vec::new()),
        Certificates::Bls12381 => {
            let (keys, secrets) = bls12_381::deal_certificates(committee, rng);
            (Some(keys), secrets.into_iter().map(Some).collect())
        }
    };
    certificate_secrets.resize_with(committee.n(), || None);
    let keys = identities.iter().map(Identity::key).collect();
    let public = PublicKeys::assemble(suite, committee, keys, coin.public, encryption, certificates)?;
    let threshold = coin.secrets.into_iter().zip(encryption_secrets);
    let secrets = committee.nodes().zip(identities).zip(threshold).zip(certificate_secrets);
    let secrets = secrets.map(|(((index, identity), (coin, encryption)), certificates)| SecretKeys {
        suite,
        key_set: public.digest(),
        index,
        identity: identity.to_bytes(),
        coin,
        encryption,
        certificates,
    });
    let secrets = secrets.collect();
    Ok((public, secrets))
}

/// Deals keys and makes every node's [`NodeKeys`] at once, for clusters that live in one process.
pub fn deal_nodes(
    schemes: impl Into<Schemes>,
    committee: Committee,
    rng: &mut impl CryptoRng,
) -> Result<Vec<NodeKeys>, KeyError> {
    let (public, secrets) = deal(schemes, committee, rng)?;
    let node = |secret: &SecretKeys| {
        let mut salt = [0; 32];
        rng.fill_bytes(&mut salt);
        NodeKeys::new(public.clone(), secret, salt)
    };
    secrets.iter().map(node).collect()
}
