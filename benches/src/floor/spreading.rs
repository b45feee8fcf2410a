//! How a proposal gets from its proposer to the others: coded and committed to as shards, or whole.

use bytes::Bytes;
use mellivora::coding::{Body, ChunkTree, Codec, Decoded, Encoded};
use mellivora::core::{Committee, Digest};

/// The two ways to spread a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spreading {
    /// Reed-Solomon shards under a Merkle tree: everybody sends a part.
    Coded,
    /// The payload to everybody, under a tree over its plain chunks.
    Whole,
}

/// A payload on its way.
pub(super) enum Spread {
    Coded(Encoded),
    Whole(Bytes, Digest),
}

impl Spread {
    /// At the proposer.
    pub(super) fn new(spreading: Spreading, codec: &Codec, payload: Vec<u8>) -> Self {
        match spreading {
            Spreading::Coded => Spread::Coded(codec.encode(payload.into()).unwrap_or_else(|error| panic!("{error}"))),
            Spreading::Whole => {
                let payload = Bytes::from(payload);
                let root = root(payload.clone());
                Spread::Whole(payload, root)
            }
        }
    }

    /// What is committed to.
    pub(super) fn root(&self) -> Digest {
        match self {
            Spread::Coded(encoded) => encoded.commitment,
            Spread::Whole(_, root) => *root,
        }
    }

    /// At another node: the payload, checked. `own` asks for a copy that may be written to.
    pub(super) fn receive(&self, committee: Committee, codec: &Codec, own: bool) -> Received {
        match self {
            Spread::Coded(encoded) => Received::Own(decode(encoded, committee, codec)),
            Spread::Whole(payload, expected) => {
                assert_eq!(root(payload.clone()), *expected, "the payload is the one that was committed to");
                // What was promised to be held for others stays sealed, so it is opened in a copy.
                if own { Received::Own(payload.to_vec()) } else { Received::Shared(payload.clone()) }
            }
        }
    }
}

/// A payload at a node.
pub(super) enum Received {
    Own(Vec<u8>),
    Shared(Bytes),
}

impl Received {
    pub(super) fn into_own(self) -> Vec<u8> {
        match self {
            Received::Own(bytes) => bytes,
            Received::Shared(bytes) => bytes.to_vec(),
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Received::Own(bytes) => bytes,
            Received::Shared(bytes) => bytes,
        }
    }
}

fn root(payload: Bytes) -> Digest {
    ChunkTree::commit(Body::from_bytes(payload)).unwrap_or_else(|error| panic!("{error}")).commitment()
}

fn decode(encoded: &Encoded, committee: Committee, codec: &Codec) -> Vec<u8> {
    let len = encoded.body.len();
    let shards = committee.nodes().zip(&encoded.shards).take(committee.data_shards());
    let offered: Vec<_> = shards.map(|(i, shard)| (i, shard, None)).collect();
    let mut body = Vec::with_capacity(len);
    for (_, shard, _) in &offered {
        let left = len - body.len();
        body.extend_from_slice(&shard.data[..shard.data.len().min(left)]);
    }
    assert!(matches!(codec.decode(&encoded.commitment, &offered), Decoded::Match(_)), "the codeword decodes");
    body
}
