//! The broadcasts that a vector of proofs can be about.

use bytes::Bytes;
use mellivora_broadcast::prbc::delivered;
use mellivora_broadcast::{Prbc, PrbcConfig, PrbcOutput, RbcConfig};
use mellivora_coding::{Body, Codec, Contribution};
use mellivora_core::{Committee, Digest, Domain, Effects, Layer, NodeIndex, NodeSet, Protocol, Segment};
use mellivora_crypto::{Certificate, Statement};

use crate::SubsetParams;

/// A broadcast of one node's payload that proves to everybody that the payload can be had.
///
/// # What an implementation guarantees
///
/// No root but one has a valid proof. Whoever [wants](Self::want) the payload of a proven root gets it in the end. If the
/// proposer is honest and all honest nodes take part, everybody gets a proof.
pub trait Provable: Protocol<Input = Bytes> + std::fmt::Debug + Sized {
    /// The name of the atomic broadcast over the common subset of these broadcasts.
    const NAME: &'static str;

    /// The instance of `proposer`, below the common subset with these parameters.
    fn new(params: &SubsetParams, proposer: NodeIndex) -> Self;

    /// What a proof has to have been signed for, below the domain of the common subset.
    fn statement(subset: &Domain, proposer: NodeIndex, root: Digest) -> Statement;

    /// How many nodes have to have signed: exactly so many.
    fn required(committee: Committee) -> usize;

    /// The commitment of a payload.
    fn commit(codec: &Codec, body: &Body) -> Option<Digest>;

    /// What an output means.
    fn event(output: Self::Output) -> ProvableEvent;

    /// The payload of this root, which these nodes vouch for, is wanted. It comes as [`ProvableEvent::Delivered`].
    fn want(&mut self, root: Digest, signers: NodeSet, fx: &mut dyn Effects<Self>);

    /// Tells the instance about nodes that sent invalid shards elsewhere.
    fn distrust(&mut self, nodes: NodeSet);

    /// Bytes held, about.
    fn memory(&self) -> usize;
}

/// What a provable broadcast tells its parent.
#[derive(Debug)]
pub enum ProvableEvent {
    /// A payload is here. It need not be the proven one, and another one may follow.
    Delivered(Contribution),
    /// A root has a proof.
    Proven(Digest, Certificate),
}

/// The step that leads to the broadcast of a node.
pub(super) fn segment(proposer: NodeIndex) -> Segment {
    Segment::of(Layer::Pb, proposer)
}

impl Provable for Prbc {
    const NAME: &'static str = "dumbo2";

    fn new(params: &SubsetParams, proposer: NodeIndex) -> Self {
        let SubsetParams { committee, me, echo, .. } = *params;
        Prbc::new(PrbcConfig {
            rbc: RbcConfig { committee, me, proposer, codec: params.codec.clone(), echo },
            domain: params.domain.child(segment(proposer)),
            certificates: params.certificates.clone(),
        })
    }

    fn statement(subset: &Domain, proposer: NodeIndex, root: Digest) -> Statement {
        delivered(&subset.child(segment(proposer)), root)
    }

    fn required(committee: Committee) -> usize {
        committee.one_honest()
    }

    fn commit(codec: &Codec, body: &Body) -> Option<Digest> {
        codec.commit(body).ok()
    }

    fn event(output: PrbcOutput) -> ProvableEvent {
        match output {
            PrbcOutput::Delivered(contribution) => ProvableEvent::Delivered(contribution),
            PrbcOutput::Proven { root, proof } => ProvableEvent::Proven(root, proof),
        }
    }

    /// Nothing to do: an honest node has delivered it, so everybody will.
    fn want(&mut self, _root: Digest, _signers: NodeSet, _fx: &mut dyn Effects<Self>) {}

    fn distrust(&mut self, nodes: NodeSet) {
        Prbc::distrust(self, nodes);
    }

    fn memory(&self) -> usize {
        Prbc::memory(self)
    }
}
