//! What a node keeps of one slot.

use std::collections::BTreeMap;

use mellivora_coding::ChunkTree;
use mellivora_core::codec::Blob;
use mellivora_core::{Digest, NodeIndex};
use mellivora_crypto::{Certificate, Endorsement};

use super::message::StreamMessage;
use super::tip::{Header, Tip};
use crate::retrieval::Retrieval;

/// The first proposal of a slot that came from the proposer, as it came or as it was recorded.
#[derive(Debug)]
pub(super) struct Proposal {
    pub(super) previous: Tip,
    pub(super) certificate: Option<Certificate>,
    pub(super) payload: Blob,
    /// The payload is in the log.
    pub(super) recorded: bool,
    /// A job has the payload.
    pub(super) hashing: bool,
    /// The payload with its tree, and the place that it leads to, once it is hashed.
    pub(super) hashed: Option<(ChunkTree, Tip)>,
}

impl Proposal {
    pub(super) fn new(previous: Tip, certificate: Option<Certificate>, payload: Blob, recorded: bool) -> Self {
        Proposal { previous, certificate, payload, recorded, hashing: false, hashed: None }
    }

    pub(super) fn tip(&self) -> Option<&Tip> {
        self.hashed.as_ref().map(|(_, tip)| tip)
    }

    pub(super) fn header(&self) -> Option<Header> {
        let (tree, tip) = self.hashed.as_ref()?;
        Some(Header { previous: self.previous.digest, full: tip.full, commitment: tree.commitment() })
    }

    pub(super) fn message(&self) -> StreamMessage {
        let Proposal { previous, certificate, payload, .. } = self;
        StreamMessage::Proposal { previous: *previous, certificate: certificate.clone(), payload: payload.clone() }
    }
}

/// What one incarnation of a peer asked about a slot.
#[derive(Debug)]
pub(super) struct Asked {
    /// The first digest that it named.
    pub(super) digest: Digest,
    pub(super) answered: bool,
}

/// See the [file](self).
#[derive(Debug, Default)]
pub(super) struct Slot {
    pub(super) proposal: Option<Proposal>,
    /// What this node has voted for, and will never contradict.
    pub(super) vote: Option<(Tip, Endorsement)>,
    /// The place that was chosen, or that one that was chosen covers.
    pub(super) chosen: Option<(Tip, Header)>,
    pub(super) retrieval: Option<Box<Retrieval>>,
    pub(super) asked: BTreeMap<NodeIndex, Asked>,
}

impl Slot {
    /// What this digest covers.
    pub(super) fn header(&self, digest: &Digest) -> Option<Header> {
        if let Some((tip, header)) = &self.chosen
            && tip.digest == *digest
        {
            return Some(*header);
        }
        let proposal = self.proposal.as_ref()?;
        proposal.tip().filter(|tip| tip.digest == *digest).and_then(|_| proposal.header())
    }

    /// The chosen batch, once it is here.
    pub(super) fn batch(&self) -> Option<(Tip, &ChunkTree)> {
        let (tip, header) = self.chosen.as_ref()?;
        let held = self.retrieval.as_ref()?.held()?;
        (held.commitment() == header.commitment).then_some((*tip, held))
    }

    /// Whether the proposal's batch is the chosen one, as far as is known.
    pub(super) fn chosen_is(&self, commitment: &Digest) -> Option<bool> {
        self.chosen.as_ref().map(|(_, header)| header.commitment == *commitment)
    }

    pub(super) fn memory(&self) -> usize {
        let asked = self.asked.len() * size_of::<(NodeIndex, Asked)>();
        let proposal = self.proposal.as_ref();
        let certificate = proposal.and_then(|p| p.certificate.as_ref()).map_or(0, Certificate::memory);
        let payload = proposal.map_or(0, |p| Blob::pinned(p.payload.len()));
        let tree = proposal.and_then(|p| p.hashed.as_ref()).map(|(tree, _)| tree);
        // The tree's payload is the same bytes, and so is what is served, if it is the proposal's.
        let hashes = tree.map_or(0, |tree| tree.memory().saturating_sub(tree.body().len()));
        let retrieval = self.retrieval.as_ref().map_or(0, |retrieval| {
            let shared = retrieval.held().filter(|held| Some(*held) == tree).map_or(0, ChunkTree::memory);
            retrieval.memory().saturating_sub(shared)
        });
        size_of::<Self>() + asked + certificate + payload + hashes + retrieval
    }
}
