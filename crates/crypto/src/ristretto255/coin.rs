//! The common coin of Cachin, Kursawe and Shoup over ristretto255.
//!
//! ```text
//! share    C = hash_to_group(name); S_i = x_i C; proof that log_C S_i = log_G Y_i     (see the `dleq` module)
//! combine  f + 1 proven shares: S = sum of lambda_i S_i; value = H(name, S)
//! ```
//!
//! **Guarantee.** f + 1 honest shares give the value; without an honest share the value looks random (decisional
//! Diffie-Hellman, random oracle, static corruption). No unverified share enters the value: the f + 1 used are verified
//! in one batch; if it fails each is verified singly, the culprits are named, and further shares take their place.
//!
//! **Cost.** A share: three multiplications and a hash to the group; 128 bytes. A combination: one multi-scalar
//! multiplication over 4 (f + 1) + 2 elements, one over f + 1.
//!
//! **Deviation from the paper.** The proof is (A, B, z) instead of (c, z), 32 bytes more, so that it can be batched.
//!
//! Cachin, Kursawe, Shoup: "Random Oracles in Constantinople: Practical Asynchronous Byzantine Agreement Using
//! Cryptography" (2000), section 4.3.

use std::fmt;
use std::sync::Arc;

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use mellivora_core::{Digest, NodeIndex, NodeSet, hash::HashKey, planted};
use zeroize::Zeroizing;

use super::dleq::{self, Claim, Context, Element, Proof};
use super::{KeySet, field, hash_to_group, interpolate};
use crate::local::{LocalSecret, SecretBytes};
use crate::{CoinCombination, CoinScheme, CoinShare, CoinValue};

const GROUP: HashKey = HashKey::new("mellivora/v1 cks coin group");
const VALUE: HashKey = HashKey::new("mellivora/v1 cks coin value");
/// Bytes of a share: S_i, A, B, z.
const SHARE_BYTES: usize = 32 + Proof::BYTES;

/// The coin with one node's share in it.
pub(crate) struct Coin {
    keys: Arc<KeySet>,
    node: NodeIndex,
    secret: Zeroizing<Scalar>,
    local: LocalSecret,
}

impl Coin {
    /// `None` if the secret is not the one behind the node's public share.
    pub(crate) fn new(keys: Arc<KeySet>, node: NodeIndex, secret: &SecretBytes, local: LocalSecret) -> Option<Self> {
        let secret = keys.secret(node, secret)?;
        Some(Coin { keys, node, secret, local })
    }

    pub(super) fn base(name: &Digest) -> Element {
        let mut hasher = GROUP.hasher();
        hasher.update(name.as_ref());
        Element::new(hash_to_group(&hasher))
    }

    pub(super) fn parse(node: NodeIndex, share: &CoinShare) -> Option<Claim> {
        let bytes = share.as_bytes();
        let share = Element::decode(field(bytes, 0)?)?;
        Some(Claim { node, share, proof: Proof::from_bytes(bytes.get(32..)?)? })
    }
}

impl CoinScheme for Coin {
    fn share(&self, name: &Digest) -> CoinShare {
        let base = Self::base(name);
        let share = (base.point * *self.secret).compress().0;
        let context = Context { keys: &self.keys, digest: name, base: &base };
        let mut bytes = [0; SHARE_BYTES];
        let (front, back) = bytes.split_at_mut(32);
        front.copy_from_slice(&share);
        // A node that is not in its own committee was refused when the coin was made.
        if let Some(proof) = dleq::prove(&context, self.node, &self.secret, &share, &self.local) {
            back.copy_from_slice(&proof.to_bytes());
        }
        CoinShare::of(bytes)
    }

    fn combine(&self, name: &Digest, shares: &[(NodeIndex, CoinShare)]) -> CoinCombination {
        let needed = self.keys.committee.one_honest() - usize::from(planted("coin-f-shares"));
        let base = Self::base(name);
        let context = Context { keys: &self.keys, digest: name, base: &base };
        let mut culprits = NodeSet::EMPTY;
        let mut seen = NodeSet::EMPTY;
        let mut rest = shares.iter().filter(|(node, _)| self.keys.committee.contains(*node) && seen.insert(*node));
        let mut good: Vec<Claim> = Vec::with_capacity(needed);
        let mut next: Vec<Claim> = Vec::with_capacity(needed);
        while good.len() < needed {
            next.clear();
            for (node, share) in rest.by_ref() {
                match Self::parse(*node, share) {
                    Some(claim) => next.push(claim),
                    None => {
                        culprits.insert(*node);
                    }
                }
                if good.len() + next.len() == needed {
                    break;
                }
            }
            if next.is_empty() {
                return CoinCombination { value: None, culprits };
            }
            if planted("coin-unverified-shares") || dleq::verify_batch(&context, &next, &self.local) {
                good.append(&mut next);
            } else {
                for claim in next.drain(..) {
                    if dleq::verify(&context, &claim) && !planted("coin-blames-the-batch") {
                        good.push(claim);
                    } else {
                        culprits.insert(claim.node);
                    }
                }
            }
        }
        let nodes: Vec<NodeIndex> = good.iter().map(|claim| claim.node).collect();
        let elements: Vec<RistrettoPoint> = good.iter().map(|claim| claim.share.point).collect();
        let element = interpolate(&nodes, &elements).compress();
        let mut hasher = VALUE.hasher();
        hasher.update(name.as_ref());
        hasher.update(element.as_bytes());
        CoinCombination { value: Some(CoinValue(Digest(*hasher.finalize().as_bytes()))), culprits }
    }
}

impl fmt::Debug for Coin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Coin(ristretto255, node {})", self.node)
    }
}
