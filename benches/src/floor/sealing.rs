//! Sealing and opening of one proposal.

use std::time::Duration;

use mellivora::core::domain::Purpose;
use mellivora::core::{Committee, Digest, Layer, NodeIndex, Round, Segment};
use mellivora::crypto::{DecryptionShare, EncryptionScheme, NodeKeys, Seed, sealed_digest};

use super::some;
use crate::clock::thread_cpu;
use crate::setup;

/// A sealed proposal on its way, as all nodes know it.
pub(super) struct Sealed<'a> {
    label: Digest,
    header: Vec<u8>,
    digest: Digest,
    shares: Vec<(NodeIndex, DecryptionShare)>,
    keys: &'a [NodeKeys],
}

impl<'a> Sealed<'a> {
    /// Seals a proposal in place, and makes everybody's share of it. Also returns time that is not part of the floor.
    pub(super) fn seal(
        keys: &'a [NodeKeys],
        committee: Committee,
        epoch: u64,
        proposer: NodeIndex,
        payload: &mut Vec<u8>,
    ) -> (Self, Duration) {
        let label = setup::domain(epoch)
            .child(Segment::of(Layer::Slot, proposer))
            .statement(Purpose::Encryption, Round(0))
            .digest();
        let seed = Seed(*blake3::hash(label.as_ref()).as_bytes());
        let header = scheme(keys, proposer).seal(&label, &seed, payload);
        let pause = thread_cpu();
        let digest = sealed_digest([payload.as_slice()]);
        let untimed = thread_cpu().saturating_sub(pause);
        let share = |node| (node, some(scheme(keys, node).share(&header), "a share of a valid header"));
        let shares = committee.nodes().map(share).collect();
        // At the end instead of the front: the same bytes without moving the others.
        payload.extend_from_slice(&header);
        (Sealed { label, header, digest, shares, keys }, untimed)
    }

    /// Opens the proposal at a node, which has a copy of it to itself.
    pub(super) fn open(&self, committee: Committee, node: NodeIndex, mut body: Vec<u8>) -> Vec<u8> {
        let scheme = scheme(self.keys, node);
        assert!(scheme.check(&self.label, &self.header, &self.digest), "a genuine ciphertext");
        let shares = &self.shares[..committee.one_honest()];
        let seed = some(scheme.combine(&self.label, &self.header, shares), "genuine shares combine");
        body.truncate(body.len() - self.header.len());
        some(scheme.unseal(&self.label, &self.header, &seed, body), "a genuine payload opens")
    }
}

fn scheme(keys: &[NodeKeys], node: NodeIndex) -> &dyn EncryptionScheme {
    some(keys[node.as_usize()].encryption(), "the suite can encrypt").as_ref()
}
