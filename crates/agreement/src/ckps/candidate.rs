//! What is known of one node as a candidate, and of its commitment.

use mellivora_broadcast::{Pb, PbConfig, Retrieval, RetrievalConfig};
use mellivora_coding::ChunkTree;
use mellivora_core::{Digest, NodeIndex, NodeSet, codec};
use mellivora_crypto::Certificate;

use super::names::Names;
use crate::aba::{Aba, AbaConfig, CoinSchedule};
use crate::mvba::MvbaParams;

/// A node's value, and whether it is the one.
#[derive(Debug)]
pub(super) struct Candidate {
    /// The broadcast of the value.
    pub(super) cast: Pb,
    /// Serves the value to others, and fetches it from them.
    pub(super) retrieval: Retrieval,
    /// The root that a quorum holds the value of, with the proof.
    pub(super) certified: Option<(Digest, Certificate)>,
    /// The certificate is in the log.
    pub(super) noted: bool,
    /// Who was asked for the certificate, whose answer was looked at, and who got this node's.
    pub(super) asked: NodeSet,
    pub(super) heard: NodeSet,
    pub(super) served: NodeSet,
    /// Who voted, each in one of the two.
    pub(super) yes: NodeSet,
    pub(super) no: NodeSet,
    /// This node has voted.
    pub(super) voted: bool,
    /// The binary agreement, from its first message on.
    pub(super) aba: Option<Box<Aba>>,
    /// The binary agreement has this node's input.
    pub(super) entered: bool,
    /// What it decided.
    pub(super) outcome: Option<bool>,
}

impl Candidate {
    pub(super) fn new(params: &MvbaParams, names: &Names, node: NodeIndex) -> Self {
        let MvbaParams { committee, me, .. } = *params;
        let max_payload = ChunkTree::MAX_PAYLOAD;
        Candidate {
            cast: Pb::new(PbConfig {
                committee,
                me,
                proposer: node,
                domain: names.value(node),
                certificates: params.certificates.clone(),
                max_payload,
                announce: true,
            }),
            retrieval: Retrieval::new(RetrievalConfig { committee, me, max_payload }),
            certified: None,
            noted: false,
            asked: NodeSet::EMPTY,
            heard: NodeSet::EMPTY,
            served: NodeSet::EMPTY,
            yes: NodeSet::EMPTY,
            no: NodeSet::EMPTY,
            voted: false,
            aba: None,
            entered: false,
            outcome: None,
        }
    }

    /// The binary agreement, made if need be.
    pub(super) fn aba(&mut self, params: &MvbaParams, names: &Names, node: NodeIndex) -> &mut Aba {
        self.aba.get_or_insert_with(|| {
            Box::new(Aba::new(AbaConfig {
                committee: params.committee,
                me: params.me,
                domain: names.agreement(node),
                coin: params.coin.clone(),
                // It begins with a fixed coin of 1, as if made for this: a candidate is tried because it has support.
                schedule: CoinSchedule::Fixed10Real,
                rounds_ahead: params.views_ahead,
            }))
        })
    }

    /// Takes a vote; false if the sender has voted otherwise.
    pub(super) fn hear(&mut self, from: NodeIndex, yes: bool) -> bool {
        let (same, other) = if yes { (&mut self.yes, &self.no) } else { (&mut self.no, &self.yes) };
        let conflict = other.contains(from);
        if !conflict {
            same.insert(from);
        }
        !conflict
    }

    /// Bytes of memory, about. The retrieval holds the same payload as the broadcast, unless a liar sent this node another.
    pub(super) fn memory(&self) -> usize {
        let certificate = self.certified.as_ref().map_or(0, |(_, certificate)| certificate.memory());
        let aba = self.aba.as_ref().map_or(0, |aba| aba.memory());
        size_of::<Self>() + self.cast.memory() + self.retrieval.memory() + certificate + aba
    }
}

/// A node's commitment: whose values it has seen certified.
#[derive(Debug)]
pub(super) struct Commitment {
    /// Its broadcast.
    pub(super) cast: Pb,
    /// Whom it names, if the node has sent one of the right form.
    pub(super) named: NodeSet,
    /// This node holds all the certificates and has endorsed it.
    pub(super) accepted: bool,
}

impl Commitment {
    pub(super) fn new(params: &MvbaParams, names: &Names, node: NodeIndex) -> Self {
        let MvbaParams { committee, me, .. } = *params;
        let cast = Pb::new(PbConfig {
            committee,
            me,
            proposer: node,
            domain: names.commitment(node),
            certificates: params.certificates.clone(),
            // A set of members takes no more bytes than that of all.
            max_payload: codec::encode(&committee.all()).len(),
            announce: true,
        });
        Commitment { cast, named: NodeSet::EMPTY, accepted: false }
    }

    pub(super) fn memory(&self) -> usize {
        size_of::<Self>() + self.cast.memory()
    }
}
