//! Names of places in a stream, and what voters sign for them.

use bincode::{Decode, Encode};
use mellivora_core::codec::Frame;
use mellivora_core::{Digest, Domain, Layer, Purpose, Round, Segment, hash::HashKey, planted};
use mellivora_crypto::{Certificate, Statement};

/// A place in a stream with everything before it. Slots count from 1; [`Tip::GENESIS`] is before the first.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub struct Tip {
    /// Number of the last slot.
    pub slot: u64,
    /// Covers the batch of that slot and the digest of the place before it, so it pins the whole prefix.
    pub digest: Digest,
    /// Number of the last slot whose batch is not empty, 0 if there is none.
    pub full: u64,
}

const SLOT: HashKey = HashKey::new("mellivora/v1 stream slot");
const TIP: HashKey = HashKey::new("mellivora/v1 stream tip");

impl Tip {
    /// Before the first slot.
    pub const GENESIS: Tip = Tip { slot: 0, digest: Digest([0; 32]), full: 0 };

    /// The place after one more batch, whose chunk tree has this commitment. An empty batch keeps `full`.
    #[must_use]
    pub fn extend(&self, commitment: &Digest, empty: bool) -> Tip {
        // No honest run comes near the last number, and nobody votes for what lies beyond it.
        let slot = self.slot.saturating_add(1);
        let full = if empty && !planted("stream-empty-counts-as-full") { self.full } else { slot };
        let header = Header { previous: self.digest, full, commitment: *commitment };
        Tip { slot, digest: header.digest(slot), full }
    }

    /// What voters sign for this place in the stream with this domain. The domain of the statement names the slot, so two
    /// statements of one voter with the same domain and different digests [contradict each
    /// other](mellivora_crypto::Contradiction).
    pub fn statement(&self, stream: &Domain) -> Statement {
        let mut bytes = [0; 40];
        let (full, digest) = bytes.split_at_mut(8);
        full.copy_from_slice(&self.full.to_be_bytes());
        digest.copy_from_slice(&self.digest.0);
        if planted("stream-full-unsigned") {
            full.fill(0);
        }
        let slot = stream.child(Segment { layer: Layer::Slot, index: self.slot });
        Statement { domain: slot.statement(Purpose::StreamVote, Round(0)), digest: TIP.digest(&bytes) }
    }

    /// Whether a place like this can be: where nothing is, nothing was before.
    pub(super) fn is_plausible(&self) -> bool {
        if self.slot == 0 { *self == Tip::GENESIS } else { self.full <= self.slot && self.slot < u64::MAX }
    }
}

/// A place, and the proof that a quorum has stored its batch.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[bincode(decode_context = "Frame")]
pub struct CertifiedTip {
    /// The place.
    pub tip: Tip,
    /// A quorum's signatures on its [statement](Tip::statement).
    pub certificate: Certificate,
}

/// What the digest of a slot covers: enough to go one step back.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub struct Header {
    /// Digest of the place before.
    pub previous: Digest,
    /// Number of the last slot whose batch is not empty, this one included.
    pub full: u64,
    /// Commitment of the batch.
    pub commitment: Digest,
}

impl Header {
    /// Digest of the place after the batch, which is that of `slot`.
    pub fn digest(&self, slot: u64) -> Digest {
        let mut bytes = [0; 80];
        let (previous, rest) = bytes.split_at_mut(32);
        let (number, rest) = rest.split_at_mut(8);
        let (full, commitment) = rest.split_at_mut(8);
        previous.copy_from_slice(&self.previous.0);
        number.copy_from_slice(&slot.to_be_bytes());
        full.copy_from_slice(&self.full.to_be_bytes());
        commitment.copy_from_slice(&self.commitment.0);
        if planted("stream-prefix-unbound") {
            previous.fill(0);
        }
        SLOT.digest(&bytes)
    }
}
