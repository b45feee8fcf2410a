//! What a statement is about: the context that every signature, coin name, encryption label and digest covers.
//!
//! Each side computes the domain from what it knows; nothing of it is ever taken from the wire. All fields have a
//! fixed width, so two different domains never encode alike.

use std::fmt;

use crate::{Digest, Epoch, Era, NodeIndex, Round, hash::HashKey};

/// A kind of instance on the path from the atomic broadcast down to the smallest protocol. The value is its stable code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Layer {
    /// One epoch of the atomic broadcast.
    Epoch = 1,
    /// One common subset.
    Subset = 2,
    /// One reliable broadcast, by its proposer.
    Rbc = 3,
    /// One binary agreement, by the proposer it decides on.
    Aba = 4,
    /// One encrypted contribution, by its proposer.
    Slot = 5,
    /// Closing of epochs: checkpoints and certificates.
    Closing = 6,
    /// One provable broadcast, by its proposer.
    Pb = 7,
    /// One multi-valued agreement.
    Mvba = 8,
    /// One stream of certified batches, by its proposer.
    Stream = 9,
    /// The link itself: frames, handshakes.
    Link = 10,
    /// The election of a committee.
    Election = 11,
    /// One broadcast of an index set, by the node that proposes it.
    IndexSet = 12,
}

impl Layer {
    /// All kinds.
    pub const ALL: &'static [Layer] = &[
        Layer::Epoch,
        Layer::Subset,
        Layer::Rbc,
        Layer::Aba,
        Layer::Slot,
        Layer::Closing,
        Layer::Pb,
        Layer::Mvba,
        Layer::Stream,
        Layer::Link,
        Layer::Election,
        Layer::IndexSet,
    ];
}

/// One step of a [`Path`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Segment {
    /// Kind of the instance.
    pub layer: Layer,
    /// Which one of its kind.
    pub index: u64,
}

impl Segment {
    /// The only one of its kind below its parent.
    pub const fn only(layer: Layer) -> Self {
        Segment { layer, index: 0 }
    }

    /// An epoch.
    pub const fn epoch(epoch: Epoch) -> Self {
        Segment { layer: Layer::Epoch, index: epoch.0 }
    }

    /// An instance that belongs to a node.
    pub const fn of(layer: Layer, node: NodeIndex) -> Self {
        Segment { layer, index: node.0 as u64 }
    }
}

impl fmt::Debug for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.layer, self.index)
    }
}

/// Where an instance stands: at most [`Path::MAX_DEPTH`] segments, outermost first.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path([Option<Segment>; Path::MAX_DEPTH]);

impl Path {
    /// More levels than any protocol of the suite nests.
    pub const MAX_DEPTH: usize = 4;
    const WIDTH: usize = Self::MAX_DEPTH * 9;

    /// The path of the outermost instance.
    pub const ROOT: Path = Path([None; Path::MAX_DEPTH]);

    /// The path of a child. Beyond the maximal depth the innermost segment is replaced, which no protocol does.
    #[must_use]
    pub fn child(mut self, segment: Segment) -> Path {
        let free = self.0.iter().position(Option::is_none);
        debug_assert!(free.is_some(), "protocols nest at most {} levels", Self::MAX_DEPTH);
        self.0[free.unwrap_or(Self::MAX_DEPTH - 1)] = Some(segment);
        self
    }

    /// The path as seen from one level further out.
    #[must_use]
    pub fn inside(self, segment: Segment) -> Path {
        self.segments().fold(Path::ROOT.child(segment), Path::child)
    }

    /// The segments, outermost first.
    pub fn segments(&self) -> impl Iterator<Item = Segment> + use<> {
        self.0.into_iter().flatten()
    }

    /// The epoch on the path, if there is one.
    pub fn epoch(&self) -> Option<Epoch> {
        self.segments().find(|s| s.layer == Layer::Epoch).map(|s| Epoch(s.index))
    }

    fn to_bytes(self) -> [u8; Self::WIDTH] {
        let mut bytes = [0; Self::WIDTH];
        for (chunk, segment) in bytes.chunks_exact_mut(9).zip(self.segments()) {
            chunk[0] = segment.layer as u8;
            chunk[1..].copy_from_slice(&segment.index.to_be_bytes());
        }
        bytes
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for segment in self.segments() {
            if !first {
                f.write_str(" / ")?;
            }
            write!(f, "{segment:?}")?;
            first = false;
        }
        if first { f.write_str("(root)") } else { Ok(()) }
    }
}

/// What a statement is for. The value is its stable code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Purpose {
    /// Nothing is stated yet: the domain of an instance.
    Instance = 0,
    /// Name of a common coin.
    Coin = 1,
    /// Label of a threshold ciphertext.
    Encryption = 2,
    /// A checkpoint signature.
    Checkpoint = 3,
    /// Seed of a node's own deterministic choices.
    Local = 4,
    /// First-stage certificate of a provable broadcast.
    Lock = 5,
    /// Second-stage certificate of a provable broadcast.
    Finish = 6,
    /// A vote on a stream's batch.
    StreamVote = 7,
    /// "I hold this payload": the certificate of a provable broadcast.
    Stored = 8,
    /// "I delivered this": the proof of a reliable broadcast.
    Delivered = 9,
    /// "I hold no lock of this view's leader."
    NoLock = 10,
    /// "A quorum held no lock of this view's leader."
    NoValue = 11,
    /// "I saw the lock of this view's leader."
    Seen = 12,
}

impl Purpose {
    /// All purposes.
    pub const ALL: &'static [Purpose] = &[
        Purpose::Instance,
        Purpose::Coin,
        Purpose::Encryption,
        Purpose::Checkpoint,
        Purpose::Local,
        Purpose::Lock,
        Purpose::Finish,
        Purpose::StreamVote,
        Purpose::Stored,
        Purpose::Delivered,
        Purpose::NoLock,
        Purpose::NoValue,
        Purpose::Seen,
    ];
}

/// The context of a statement: session, era, instance path, round, purpose.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Domain {
    /// Digest of the cluster id and the era's key set: it binds suite, version, membership and every constant that
    /// decides validity.
    pub session: Digest,
    /// The era whose keys are used.
    pub era: Era,
    /// The instance that makes the statement.
    pub path: Path,
    /// Round or view within the instance; 0 where there is none.
    pub round: Round,
    /// What the statement is for.
    pub purpose: Purpose,
}

const NAME: HashKey = HashKey::new("mellivora/v1 domain");

impl Domain {
    /// Bytes of an encoded domain.
    pub const WIDTH: usize = 32 + 8 + Path::WIDTH + 4 + 1;

    /// The domain of the outermost instance of a session.
    pub const fn new(session: Digest, era: Era) -> Self {
        Domain { session, era, path: Path::ROOT, round: Round(0), purpose: Purpose::Instance }
    }

    /// The domain of a child instance.
    #[must_use]
    pub fn child(self, segment: Segment) -> Self {
        Domain { path: self.path.child(segment), ..self }
    }

    /// The domain of a statement of this instance.
    #[must_use]
    pub const fn statement(self, purpose: Purpose, round: Round) -> Self {
        Domain { purpose, round, ..self }
    }

    /// The fixed-width encoding that goes under hashes and signatures.
    pub fn to_bytes(&self) -> [u8; Self::WIDTH] {
        let mut bytes = [0; Self::WIDTH];
        let (session, rest) = bytes.split_at_mut(32);
        let (era, rest) = rest.split_at_mut(8);
        let (path, rest) = rest.split_at_mut(Path::WIDTH);
        let (round, purpose) = rest.split_at_mut(4);
        session.copy_from_slice(&self.session.0);
        era.copy_from_slice(&self.era.0.to_be_bytes());
        path.copy_from_slice(&self.path.to_bytes());
        round.copy_from_slice(&self.round.0.to_be_bytes());
        purpose[0] = self.purpose as u8;
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote; `None` for anything else.
    pub fn from_bytes(bytes: &[u8; Self::WIDTH]) -> Option<Self> {
        let (session, rest) = bytes.split_first_chunk::<32>()?;
        let (era, rest) = rest.split_first_chunk::<8>()?;
        let (path, rest) = rest.split_at_checked(Path::WIDTH)?;
        let (round, purpose) = rest.split_first_chunk::<4>()?;
        let mut read = Path::ROOT;
        for segment in path.chunks_exact(9) {
            let (layer, index) = segment.split_first()?;
            match Layer::ALL.iter().find(|known| **known as u8 == *layer) {
                Some(layer) => {
                    read = read.child(Segment { layer: *layer, index: u64::from_be_bytes(index.try_into().ok()?) });
                }
                None => break,
            }
        }
        let purpose = Purpose::ALL.iter().find(|known| purpose == [**known as u8])?;
        let domain = Domain {
            session: Digest(*session),
            era: Era(u64::from_be_bytes(*era)),
            path: read,
            round: Round(u32::from_be_bytes(*round)),
            purpose: *purpose,
        };
        (domain.to_bytes() == *bytes).then_some(domain)
    }

    /// Digest of the encoding: a short name of the same meaning.
    pub fn digest(&self) -> Digest {
        NAME.digest(&self.to_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_changes_the_encoding() {
        let base = Domain::new(Digest([7; 32]), Era(1)).child(Segment::epoch(Epoch(3)));
        let variants = [
            base,
            Domain { session: Digest([8; 32]), ..base },
            Domain { era: Era(2), ..base },
            Domain::new(Digest([7; 32]), Era(1)).child(Segment::epoch(Epoch(4))),
            base.child(Segment::of(Layer::Aba, NodeIndex(0))),
            base.child(Segment::of(Layer::Rbc, NodeIndex(0))),
            base.statement(Purpose::Coin, Round(1)),
            base.statement(Purpose::Coin, Round(2)),
            base.statement(Purpose::Encryption, Round(1)),
        ];
        let names: std::collections::BTreeSet<_> = variants.iter().map(Domain::digest).collect();
        assert_eq!(names.len(), variants.len());
    }

    #[test]
    fn an_encoding_reads_back_and_nothing_else_does() {
        for (layer, purpose) in Layer::ALL.iter().zip(Purpose::ALL.iter().rev()) {
            let mut domain = Domain::new(Digest([7; 32]), Era(1)).statement(*purpose, Round(9));
            for index in 0..Path::MAX_DEPTH as u64 {
                assert_eq!(Domain::from_bytes(&domain.to_bytes()), Some(domain));
                domain = domain.child(Segment { layer: *layer, index });
            }
            assert_eq!(Domain::from_bytes(&domain.to_bytes()), Some(domain));
        }
        let bytes = Domain::new(Digest([7; 32]), Era(1)).child(Segment::epoch(Epoch(3))).to_bytes();
        let wrong = |at: usize, value: u8| {
            let mut bytes = bytes;
            bytes[at] = value;
            Domain::from_bytes(&bytes)
        };
        assert_eq!(wrong(40, 200), None, "a layer that there is not");
        assert_eq!(wrong(Domain::WIDTH - 1, 200), None, "a purpose that there is not");
        assert_eq!(wrong(50, 1), None, "a number without a layer");
    }

    #[test]
    fn a_path_grows_at_either_end() {
        let inner = Path::ROOT.child(Segment::of(Layer::Aba, NodeIndex(2)));
        let outer = inner.inside(Segment::epoch(Epoch(9)));
        assert_eq!(format!("{outer:?}"), "Epoch 9 / Aba 2");
        assert_eq!(outer.epoch(), Some(Epoch(9)));
        assert_eq!(inner.epoch(), None);
    }
}
