//! CPU work of one epoch.

use std::sync::Arc;

use bytes::Bytes;
use mellivora_coding::Body;
use mellivora_core::{Digest, Job, Limits, NodeIndex, Weight, planted};
use mellivora_crypto::{DecryptionProof, DecryptionShare, EncryptionScheme, Seed, TAG_BYTES, sealed_digest};

use crate::queue::Sample;
use crate::transactions::{FingerprintKey, Transactions, frame};

/// Contributions below this many bytes parse on the spot.
const LIGHT: usize = 16 << 10;

/// A ciphertext of a slot: everything that work on it needs.
#[derive(Clone, Debug)]
pub(super) struct Sealed {
    pub(super) scheme: Arc<dyn EncryptionScheme>,
    pub(super) label: Digest,
    pub(super) header: Arc<[u8]>,
    pub(super) body: Body,
}

impl Sealed {
    /// Digest of what follows the header.
    fn digest(&self) -> Digest {
        let sealed = self.body.slice(self.header.len()..self.body.len());
        sealed_digest(sealed.pieces())
    }
}

/// What a contribution is parsed with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parser {
    pub(crate) limits: Limits,
    pub(crate) key: FingerprintKey,
}

impl Parser {
    /// Reads a contribution that travelled in the clear, or was opened.
    pub(crate) fn parse(&self, body: Body) -> Option<Transactions> {
        Transactions::parse(body, &self.limits, &self.key)
    }
}

/// See the [module page](self).
#[derive(Debug)]
pub(super) enum Work {
    /// Frames the own transactions and seals them, if there is a scheme.
    Propose(Proposal),
    /// Parses a contribution that travelled in the clear. What is in an own one is known.
    Parse { slot: NodeIndex, body: Body, own: Option<Made>, parser: Parser },
    /// Checks a ciphertext and computes this node's share of it. An own one needs no check, and nobody's shares to open.
    Inspect { slot: NodeIndex, sealed: Sealed, own: Option<Made>, parser: Parser },
    /// Combines f + 1 shares, opens and parses. `suspects` are judged by the seed, once there is one.
    Open {
        slot: NodeIndex,
        sealed: Sealed,
        shares: Vec<(NodeIndex, DecryptionShare)>,
        suspects: Vec<(NodeIndex, DecryptionShare)>,
        parser: Parser,
    },
    /// Proves this node's own share.
    Prove { slot: NodeIndex, sealed: Sealed, digest: Digest },
    /// Verifies shares one by one.
    Verify {
        slot: NodeIndex,
        sealed: Sealed,
        digest: Digest,
        shares: Vec<(NodeIndex, DecryptionShare, Option<DecryptionProof>)>,
    },
}

/// What came of a [`Work`].
#[derive(Debug)]
pub(super) enum Worked {
    Proposed(Made),
    Parsed(NodeIndex, Option<Transactions>),
    /// Digest of the sealed part and own share, `None` if the ciphertext is not valid; and what is in an own one.
    Inspected(NodeIndex, Option<(Digest, DecryptionShare)>, Option<(Seed, Transactions)>),
    Opened(NodeIndex, Opening),
    Proved(NodeIndex, Option<DecryptionProof>),
    Verified(NodeIndex, Vec<(NodeIndex, DecryptionShare, bool)>),
}

/// What came of an attempt to open a slot.
#[derive(Debug)]
pub(super) enum Opening {
    /// Opened and parsed.
    Opened { seed: Seed, transactions: Transactions, culprits: Vec<NodeIndex> },
    /// The seed is right, and what it opens is not a list of transactions, or does not authenticate.
    Unusable { authentic: bool, culprits: Vec<NodeIndex> },
    /// Re-encryption does not give the header.
    Mismatch,
}

impl Job for Work {
    type Done = Worked;

    fn run(self) -> Worked {
        match self {
            Work::Propose(proposal) => Worked::Proposed(proposal.run()),
            Work::Parse { slot, body, own, parser } => {
                let known = own.and_then(|own| Transactions::of(&own.sample, &parser.limits));
                Worked::Parsed(slot, known.or_else(|| parser.parse(body)))
            }
            Work::Inspect { slot, sealed, own, parser } => {
                let known = own.as_ref().and_then(|own| own.sealed);
                let digest = known.map_or_else(|| sealed.digest(), |(_, digest, _)| digest);
                let unchecked = known.is_some() || planted("epoch-ciphertext-unchecked");
                let valid = unchecked || sealed.scheme.check(&sealed.label, &sealed.header, &digest);
                let share = valid.then(|| sealed.scheme.share(&sealed.header)).flatten();
                let transactions = own.and_then(|own| Transactions::of(&own.sample, &parser.limits));
                let opened = known.map(|(.., seed)| seed).zip(transactions);
                Worked::Inspected(slot, share.map(|share| (digest, share)), opened)
            }
            Work::Open { slot, sealed, shares, suspects, parser } => {
                Worked::Opened(slot, open(sealed, &shares, &suspects, &parser))
            }
            Work::Prove { slot, sealed, digest } => {
                Worked::Proved(slot, sealed.scheme.prove(&sealed.label, &sealed.header, &digest))
            }
            Work::Verify { slot, sealed, digest, shares } => {
                let verify = |(from, share, proof): (NodeIndex, DecryptionShare, Option<DecryptionProof>)| {
                    let Sealed { scheme, label, header, .. } = &sealed;
                    (from, share, scheme.verify(label, header, &digest, from, &share, proof.as_ref()))
                };
                Worked::Verified(slot, shares.into_iter().map(verify).collect())
            }
        }
    }

    fn weight(&self) -> Weight {
        match self {
            Work::Propose(proposal) => proposal.weight(),
            Work::Parse { body, .. } if body.len() < LIGHT => Weight::Light,
            _ => Weight::Heavy,
        }
    }
}

/// Own transactions, to be framed, and to be sealed under a label with a seed.
#[derive(Debug)]
pub struct Proposal {
    pub(crate) transactions: Sample,
    pub(crate) seal: Option<(Arc<dyn EncryptionScheme>, Digest, Seed)>,
}

impl Proposal {
    /// Frames the transactions, and seals them where they stand: header, list and tag in one buffer.
    pub(crate) fn run(self) -> Made {
        let Proposal { transactions: sample, seal } = self;
        let Some((scheme, label, seed)) = seal.filter(|_| !sample.is_empty()) else {
            return Made { contribution: frame(&sample, 0, 0).into(), sample, sealed: None };
        };
        let mut ciphertext = frame(&sample, scheme.header_bytes(), TAG_BYTES);
        let (room, payload) = ciphertext.split_at_mut(scheme.header_bytes());
        let (header, digest) = scheme.seal_in_place(&label, &seed, payload);
        room.copy_from_slice(&header);
        Made { contribution: ciphertext.into(), sample, sealed: Some((label, digest, seed)) }
    }

    /// How much work it is.
    pub(crate) fn weight(&self) -> Weight {
        if self.seal.is_none() && self.transactions.len() < 64 { Weight::Light } else { Weight::Heavy }
    }
}

/// A contribution of this very node, and what it was made from.
#[derive(Clone, Debug)]
pub struct Made {
    pub(crate) contribution: Bytes,
    sample: Sample,
    /// The label that it is sealed under, digest of the sealed part, and the seed that opens it; if it is sealed.
    sealed: Option<(Digest, Digest, Seed)>,
}

impl Made {
    /// Whether a slot with this label and this body holds this contribution: the very same memory, in the slot that it
    /// was made for. Then it needs no second hash and no check, and no shares to open. A copy in the slot of somebody
    /// else may be the same memory, too, and is as bad here as it is everywhere.
    pub(super) fn is(&self, label: Option<Digest>, body: &Body) -> bool {
        let same = |one: &Bytes| (one.as_ptr(), one.len()) == (self.contribution.as_ptr(), self.contribution.len());
        let here = self.sealed.map(|(label, ..)| label) == label || planted("epoch-own-in-any-slot");
        matches!(body.shared_pieces(), [one] if same(one)) && here
    }
}

fn open(
    sealed: Sealed,
    shares: &[(NodeIndex, DecryptionShare)],
    suspects: &[(NodeIndex, DecryptionShare)],
    parser: &Parser,
) -> Opening {
    let Sealed { scheme, label, header, body } = sealed;
    let Some(seed) = scheme.combine(&label, &header, shares) else { return Opening::Mismatch };
    let wrong = suspects.iter().filter(|(from, share)| !scheme.judge(&label, &header, &seed, *from, share));
    let culprits = wrong.map(|(from, _)| *from).collect();
    match unseal(scheme.as_ref(), &label, &header, &seed, &body) {
        None => Opening::Unusable { authentic: false, culprits },
        Some(payload) => match parser.parse(Body::from_bytes(payload)) {
            None => Opening::Unusable { authentic: true, culprits },
            Some(transactions) => Opening::Opened { seed, transactions, culprits },
        },
    }
}

/// Opens a contribution under a seed that is known to be right.
pub(crate) fn unseal(
    scheme: &dyn EncryptionScheme,
    label: &Digest,
    header: &[u8],
    seed: &Seed,
    body: &Body,
) -> Option<Bytes> {
    let sealed = body.copy_range(header.len()..body.len());
    scheme.unseal(label, header, seed, sealed).map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Found by a campaign: a Byzantine node puts the ciphertext of another one into its own slot. Where nothing is
    /// copied on the way, the victim meets its own memory there, and opened it under the label of the wrong slot, while
    /// for everybody else the slot is bad.
    #[test]
    fn a_copy_in_the_slot_of_somebody_else_is_not_the_own_contribution() {
        let label = Digest([1; 32]);
        let contribution = Bytes::from(vec![7; 100]);
        let made = |sealed| Made { contribution: contribution.clone(), sample: Sample::default(), sealed };
        let sealed = made(Some((label, Digest([2; 32]), Seed([3; 32]))));
        let body = Body::from_bytes(contribution.clone());
        assert!(sealed.is(Some(label), &body));
        assert!(!sealed.is(Some(Digest([4; 32])), &body), "in the slot of somebody else");
        assert!(!sealed.is(None, &body), "in the clear");
        let plain = made(None);
        assert!(plain.is(None, &body) && !plain.is(Some(label), &body));
        let twin = Body::from_bytes(vec![7; 100].into());
        let pieces = Body::from_pieces([contribution.slice(..60), contribution.slice(60..)]);
        assert!(!sealed.is(Some(label), &twin) && !sealed.is(Some(label), &pieces), "only the very same memory");
    }
}
