//! What an epoch decided, in a few hundred bytes: the chain of state digests.
//!
//! `digest(e) = H(session, previous, era, e, for each chosen slot: index, commitment, outcome)`. The commitment pins the
//! contribution and the outcome says what became of it; a slot that was opened carries the seed of its ciphertext, so
//! that a node that fetches the slot can open and check it alone. Nothing is hashed twice.

use bincode::{Decode, Encode};
use mellivora_core::codec::{self, DecodeError, Decoder, EncodeError, Encoder, Frame, List, Writer};
use mellivora_core::{Digest, Epoch, Era, NodeIndex, NodeSet, hash::HashKey, planted};
use mellivora_crypto::Seed;

/// What became of a chosen slot: the same at every honest node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Its proposer committed to something that is no codeword.
    Bottom,
    /// Its ciphertext does not verify or does not open, or its content is no list of transactions. The slot is empty.
    Bad,
    /// A list of transactions that travelled in the clear.
    Plain,
    /// A list of transactions that opened under this seed.
    Opened(Seed),
}

impl Outcome {
    /// Whether the slot holds transactions, so that its contribution has to be at hand.
    pub const fn has_content(&self) -> bool {
        matches!(self, Outcome::Plain | Outcome::Opened(_))
    }
}

impl Encode for Outcome {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        let tag = match self {
            Outcome::Bottom => 0,
            Outcome::Bad => 1,
            Outcome::Plain => 2,
            Outcome::Opened(_) => 3,
        };
        encoder.writer().write(&[tag])?;
        if let Outcome::Opened(seed) = self { seed.encode(encoder) } else { Ok(()) }
    }
}

impl Decode<Frame> for Outcome {
    fn decode<D: Decoder<Context = Frame>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Ok(match codec::read_tag(decoder)? {
            0 => Outcome::Bottom,
            1 => Outcome::Bad,
            2 => Outcome::Plain,
            3 => Outcome::Opened(Seed::decode(decoder)?),
            _ => return codec::unknown_tag(),
        })
    }
}

mellivora_core::borrow_decode!(Outcome);

/// The place of a slot in the list of its epoch, from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Encode, Decode)]
pub struct Place(pub u16);

impl Place {
    /// As an index.
    pub const fn as_usize(self) -> usize {
        self.0 as usize
    }

    /// All places, ascending.
    pub fn all() -> impl Iterator<Item = Place> {
        (0..=u16::MAX).map(Place)
    }
}

/// One chosen slot of an epoch.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[bincode(decode_context = "Frame")]
pub struct HeaderSlot {
    /// Who proposed it.
    pub index: NodeIndex,
    /// The commitment of the reliable broadcast to the contribution.
    pub commitment: Digest,
    /// What became of it.
    pub outcome: Outcome,
}

/// What an epoch decided.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[bincode(decode_context = "Frame")]
pub struct EpochHeader {
    /// State digest of the epoch before; zero for the first.
    pub previous: Digest,
    /// The era whose keys were used.
    pub era: Era,
    /// The epoch.
    pub epoch: Epoch,
    /// The chosen slots, in the order in which they are handed out.
    pub slots: List<HeaderSlot, { EpochHeader::MAX_SLOTS }>,
}

const STATE: HashKey = HashKey::new("mellivora/v1 epoch state");

impl EpochHeader {
    /// Slots of one epoch, at the most.
    pub const MAX_SLOTS: usize = NodeSet::CAPACITY;

    /// The slots with their places.
    pub fn places(&self) -> impl Iterator<Item = (Place, &HeaderSlot)> {
        Place::all().zip(self.slots.iter())
    }

    /// The state digest of this epoch in the session.
    pub fn digest(&self, session: &Digest) -> Digest {
        let mut bytes = session.0.to_vec();
        codec::encode_into(self, &mut bytes);
        if planted("close-digest-of-the-slots-alone") {
            bytes.drain(..64);
        }
        STATE.digest(&bytes)
    }
}
