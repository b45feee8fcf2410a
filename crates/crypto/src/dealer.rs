//! The trusted dealer: one party makes all keys, hands each node its own, and forgets them.
//!
//! Whoever deals knows every secret for the moment it takes. Deal on a machine you trust, or run all nodes yourself.

use mellivora_core::Committee;
use rand::CryptoRng;

use crate::local::SecretBytes;
use crate::{Identity, KeyError, NodeKeys, PublicKeys, SecretKeys, Suite, suites};

/// Deals the keys of a committee: the public key set, and the secret keys of each node, by index.
///
/// Threshold keys have threshold f + 1 (polynomials of degree f). Coin and encryption use independent polynomials.
///
/// # Errors
///
/// None, as long as the suite's implementation is right: the keys are checked like those of a key file.
pub fn deal(
    suite: Suite,
    committee: Committee,
    rng: &mut impl CryptoRng,
) -> Result<(PublicKeys, Vec<SecretKeys>), KeyError> {
    let identities: Vec<Identity> = committee.nodes().map(|_| Identity::generate(rng)).collect();
    let coin = suites::deal_coin(suite, committee, rng);
    let encryption = suites::deal_encryption(suite, committee, rng);
    let (encryption, mut encryption_secrets) = match encryption {
        Some(dealt) => (Some(dealt.public), dealt.secrets.into_iter().map(Some).collect()),
        None => (None, Vec::<Option<SecretBytes>>::new()),
    };
    encryption_secrets.resize_with(committee.n(), || None);
    let keys = identities.iter().map(Identity::key).collect();
    let public = PublicKeys::assemble(suite, committee, keys, coin.public, encryption)?;
    let secrets = committee.nodes().zip(identities).zip(coin.secrets).zip(encryption_secrets);
    let secrets = secrets.map(|(((index, identity), coin), encryption)| SecretKeys {
        suite,
        key_set: public.digest(),
        index,
        identity: identity.to_bytes(),
        coin,
        encryption,
    });
    let secrets = secrets.collect();
    Ok((public, secrets))
}

/// Deals keys and makes every node's [`NodeKeys`] at once, for clusters that live in one process.
pub fn deal_nodes(suite: Suite, committee: Committee, rng: &mut impl CryptoRng) -> Result<Vec<NodeKeys>, KeyError> {
    let (public, secrets) = deal(suite, committee, rng)?;
    let node = |secret: &SecretKeys| {
        let mut salt = [0; 32];
        rng.fill_bytes(&mut salt);
        NodeKeys::new(public.clone(), secret, salt)
    };
    secrets.iter().map(node).collect()
}
