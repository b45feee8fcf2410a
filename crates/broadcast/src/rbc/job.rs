//! The CPU work of an instance: encoding the proposal, decoding shards.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use mellivora_coding::{Body, Codec, Decoded, Encoded, LeafHash, Shard};
use mellivora_core::{Digest, Job, NodeIndex, NodeSet, Weight, planted};

/// Below this many bytes, coding takes some tens of microseconds at the most.
const LIGHT: usize = 16 << 10;

/// A shard with its owner, and its leaf hash once it has been verified.
pub(super) type Candidate = (NodeIndex, Shard, Option<LeafHash>);

/// Work that an instance hands out. Pure: equal jobs have equal results.
#[derive(Clone)]
pub struct RbcJob(pub(super) Work);

#[derive(Clone)]
pub(super) enum Work {
    Encode { codec: Arc<Codec>, payload: Bytes },
    Decode { codec: Arc<Codec>, root: Digest, shards: Vec<Candidate>, verify_first: bool },
}

/// The result of an [`RbcJob`].
#[derive(Debug)]
pub struct RbcDone(pub(super) Done);

#[derive(Debug)]
pub(super) enum Done {
    /// `None` for a payload beyond the codec's limit.
    Encoded(Option<Encoded>),
    Decoded {
        root: Digest,
        verdict: Verdict,
    },
}

/// What decoding found out.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// The final outcome, if there is one: a payload, or `None` for BOTTOM.
    pub(super) outcome: Option<Option<Body>>,
    /// Shards that were verified on the way.
    pub(super) verified: Vec<(NodeIndex, LeafHash)>,
    /// Nodes whose shard does not belong to the root.
    pub(super) bad: NodeSet,
}

impl Job for RbcJob {
    type Done = RbcDone;

    fn run(self) -> RbcDone {
        RbcDone(match self.0 {
            Work::Encode { codec, payload } => Done::Encoded(codec.encode(payload).ok()),
            Work::Decode { codec, root, shards, verify_first } => {
                let verdict =
                    if verify_first { careful(&codec, &root, shards) } else { hopeful(&codec, &root, shards) };
                Done::Decoded { root, verdict }
            }
        })
    }

    fn weight(&self) -> Weight {
        let bytes = match &self.0 {
            Work::Encode { payload, .. } => payload.len(),
            Work::Decode { shards, .. } => shards.iter().map(|(_, shard, _)| shard.data.len()).sum(),
        };
        if bytes < LIGHT { Weight::Light } else { Weight::Heavy }
    }
}

/// Says how much work it is, not what is in it.
impl fmt::Debug for RbcJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Work::Encode { payload, .. } => write!(f, "encode {} bytes", payload.len()),
            Work::Decode { root, shards, verify_first, .. } => {
                let unverified = shards.iter().filter(|(.., leaf)| leaf.is_none()).count();
                let how = if *verify_first { "verify and decode" } else { "decode" };
                write!(f, "{how} {root:?} from {} shards, {unverified} unverified", shards.len())
            }
        }
    }
}

/// Decodes unchecked shards; looks at each of them only if that fails.
fn hopeful(codec: &Codec, root: &Digest, shards: Vec<Candidate>) -> Verdict {
    match decode(codec, root, &shards) {
        Decoded::Match(body) => Verdict { outcome: Some(Some(body)), ..Verdict::default() },
        Decoded::Mismatch => {
            let (good, mut verdict) = check(codec, root, shards);
            let proven = good.len() >= codec.committee().data_shards() && verdict.bad.is_empty();
            if proven || planted("rbc-bottom-unproven") {
                // The very shards that failed have all been verified: nothing else can come of any.
                verdict.outcome = Some(None);
            }
            verdict
        }
        Decoded::TooFew => Verdict::default(),
    }
}

/// Decodes verified shards only.
fn careful(codec: &Codec, root: &Digest, shards: Vec<Candidate>) -> Verdict {
    let (good, mut verdict) = check(codec, root, shards);
    verdict.outcome = match decode(codec, root, &good) {
        Decoded::Match(body) => Some(Some(body)),
        Decoded::Mismatch => Some(None),
        Decoded::TooFew => None,
    };
    verdict
}

fn decode(codec: &Codec, root: &Digest, shards: &[Candidate]) -> Decoded {
    let shards: Vec<_> = shards.iter().map(|(index, shard, leaf)| (*index, shard, *leaf)).collect();
    codec.decode(root, &shards)
}

/// Verifies what has not been: the good shards, and what was learnt about the others.
fn check(codec: &Codec, root: &Digest, shards: Vec<Candidate>) -> (Vec<Candidate>, Verdict) {
    let mut verdict = Verdict::default();
    let mut good = Vec::with_capacity(shards.len());
    for (index, shard, leaf) in shards {
        match leaf.or_else(|| codec.verify(root, index, &shard)) {
            Some(known) => {
                if leaf.is_none() {
                    verdict.verified.push((index, known));
                }
                good.push((index, shard, Some(known)));
            }
            None => {
                verdict.bad.insert(index);
            }
        }
    }
    (good, verdict)
}
