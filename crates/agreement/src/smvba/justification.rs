//! Why a value may be proposed in a view: where it comes from, and that nothing can have been decided since.

use bytes::Bytes;
use mellivora_core::codec::{
    self, Decode, DecodeError, Decoder, Encode, EncodeError, Encoder, Frame, List, Writer, unknown_tag,
};
use mellivora_core::{Digest, NodeIndex, Round, planted};
use mellivora_crypto::{Certificate, Claim};

use super::names::Names;

/// The longest chain of views without a value. An agreement gets there with a probability of 2^-4096 or so.
pub const MAX_CHAIN: usize = 4096;

/// For each view after the origin: its leader, and the certificate that a quorum saw no lock of it.
pub type Chain = List<(NodeIndex, Certificate), MAX_CHAIN>;

/// What a node sends along with the value that it proposes.
///
/// ```text
/// justification = 1 | chain                                              the value is an input
///               | 2 | view (u32) | leader (u16) | certificate | chain    the value was locked in that view
/// chain         = count (u32) | (leader, certificate) ...                one for each view since, in order
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Justification {
    /// Where the value comes from.
    pub origin: Origin,
    /// One entry for each view between the origin and the view of the proposal.
    pub chain: Chain,
}

/// Where a value comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    /// It is the proposer's input, and satisfies the predicate.
    Input,
    /// It is the value of the leader of this view.
    Lock {
        /// The view.
        view: Round,
        /// Its leader.
        leader: NodeIndex,
        /// The LOCK certificate of the leader's broadcast.
        certificate: Certificate,
    },
}

impl Origin {
    /// The view that the value comes from; 0 for an input.
    pub fn view(&self) -> Round {
        match self {
            Origin::Input => Round(0),
            Origin::Lock { view, .. } => *view,
        }
    }
}

impl Justification {
    /// The encoding, as it travels beside a value.
    pub fn to_bytes(&self) -> Bytes {
        codec::encode(self)
    }

    /// From what came beside a value that was proposed in `view`; `None` if it is malformed, or if the chain does not
    /// cover exactly the views between the origin and `view`.
    pub fn from_bytes(bytes: &Bytes, view: Round) -> Option<Self> {
        let justification: Justification = codec::decode(bytes).ok()?;
        let between = view.0.checked_sub(1)?.checked_sub(justification.origin.view().0)?;
        let last_only = planted("smvba-last-no-certificate-only") && !justification.chain.is_empty();
        (justification.chain.len() == between as usize || last_only).then_some(justification)
    }

    /// Everything that has to have been signed for this to justify the value with `digest` in `view`, apart from the
    /// predicate on an input and from who led the view of a lock.
    pub fn claims(&self, names: &Names, view: Round, digest: Digest) -> Vec<Claim> {
        let since = self.origin.view().0;
        let first = if planted("smvba-last-no-certificate-only") {
            view.0.saturating_sub(self.chain.len() as u32)
        } else {
            since.saturating_add(1)
        };
        let chain = (first..).map(Round).zip(self.chain.iter());
        let skipped = chain.map(|(view, (leader, certificate))| names.no_value(view, *leader, certificate.clone()));
        let lock = match &self.origin {
            Origin::Input => None,
            Origin::Lock { view, leader, certificate } => Some(names.lock(*view, *leader, digest, certificate.clone())),
        };
        skipped.chain(lock).collect()
    }
}

impl Encode for Justification {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        match &self.origin {
            Origin::Input => encoder.writer().write(&[1])?,
            Origin::Lock { view, leader, certificate } => {
                encoder.writer().write(&[2])?;
                view.encode(encoder)?;
                leader.encode(encoder)?;
                certificate.encode(encoder)?;
            }
        }
        self.chain.encode(encoder)
    }
}

impl Decode<Frame> for Justification {
    fn decode<D: Decoder<Context = Frame>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let origin = match codec::read_tag(decoder)? {
            1 => Origin::Input,
            2 => {
                let view = Round::decode(decoder)?;
                if view == Round(0) {
                    return Err(DecodeError::Other("views count from 1"));
                }
                Origin::Lock { view, leader: NodeIndex::decode(decoder)?, certificate: Certificate::decode(decoder)? }
            }
            _ => return unknown_tag(),
        };
        Ok(Justification { origin, chain: List::decode(decoder)? })
    }
}

mellivora_core::borrow_decode!(Justification);
