//! What the tests of provable broadcast share.

#![allow(dead_code)] // Each test file uses its own part.

#[allow(unreachable_pub)]
#[path = "../../../adversary/src/ideal.rs"]
pub(crate) mod ideal;

use ideal::IdealCertificates;
use mellivora_broadcast::pb::stored;
use mellivora_broadcast::{Pb, PbConfig, PbInput, PbJob, PbMessage, PbOutput};
use mellivora_core::{
    Committee, Digest, Domain, Effects, Era, Job, Keyed, Layer, Lens, NodeIndex, NodeSet, Parent, Protocol, Segment, To,
};
use mellivora_crypto::{Certificate, Endorsement};

pub(crate) const MAX: usize = 1 << 20;

pub(crate) fn domain(proposer: usize) -> Domain {
    Domain::new(Digest([7; 32]), Era(0)).child(Segment::of(Layer::Pb, NodeIndex(proposer as u16)))
}

pub(crate) fn ideal(n: usize) -> IdealCertificates {
    IdealCertificates::new(Committee::new(n).unwrap(), NodeIndex(0))
}

/// The valid endorsement of `node` for a root of proposer 0.
pub(crate) fn endorsement(n: usize, node: usize, root: Digest) -> Endorsement {
    ideal(n).endorsement_of(NodeIndex(node as u16), &stored(&domain(0), root))
}

/// The certificate of the first `signers` nodes for a root of proposer 0.
pub(crate) fn certificate(n: usize, signers: usize, root: Digest) -> Certificate {
    ideal(n).certificate_of(NodeSet::first(signers), &stored(&domain(0), root))
}

pub(crate) fn config(n: usize, me: NodeIndex, proposer: usize, announce: bool) -> PbConfig {
    let committee = Committee::new(n).unwrap();
    PbConfig {
        committee,
        me,
        proposer: NodeIndex(proposer as u16),
        domain: domain(proposer),
        certificates: IdealCertificates::scheme(committee, me),
        max_payload: MAX,
        announce,
    }
}

/// A parent that finds every payload acceptable, but not at once: only when its turn ends.
pub(crate) struct Accepting {
    pub(crate) pb: Pb,
    outputs: Vec<PbOutput>,
    accept: bool,
}

impl Accepting {
    pub(crate) fn new(config: PbConfig) -> Self {
        Accepting { pb: Pb::new(config), outputs: Vec::new(), accept: false }
    }

    fn settle(&mut self, fx: &mut dyn Effects<Self>) {
        for output in std::mem::take(&mut self.outputs) {
            self.accept |= matches!(output, PbOutput::Proposed(_));
            fx.output(output);
        }
    }
}

impl Parent<Pb> for Accepting {
    type Key = ();
    fn message(_: (), message: PbMessage) -> PbMessage {
        message
    }
    fn job(_: (), job: PbJob) -> Keyed<(), PbJob> {
        Keyed { key: (), job }
    }
    fn segment(_: ()) -> Segment {
        Segment::only(Layer::Pb)
    }
}

impl Protocol for Accepting {
    type Input = PbInput;
    type Output = PbOutput;
    type Message = PbMessage;
    type Job = Keyed<(), PbJob>;

    fn input(&mut self, input: PbInput, fx: &mut dyn Effects<Self>) {
        self.pb.input(input, &mut Lens::new(fx, (), &mut self.outputs));
        self.settle(fx);
    }

    fn receive(&mut self, from: NodeIndex, message: PbMessage, fx: &mut dyn Effects<Self>) {
        self.pb.receive(from, message, &mut Lens::new(fx, (), &mut self.outputs));
        self.settle(fx);
    }

    fn done(&mut self, ((), done): <Self::Job as Job>::Done, fx: &mut dyn Effects<Self>) {
        self.pb.done(done, &mut Lens::new(fx, (), &mut self.outputs));
        self.settle(fx);
    }

    fn flush(&mut self, fx: &mut dyn Effects<Self>) {
        if std::mem::take(&mut self.accept) {
            self.pb.input(PbInput::Accept, &mut Lens::new(fx, (), &mut self.outputs));
        }
        self.pb.flush(&mut Lens::new(fx, (), &mut self.outputs));
        self.settle(fx);
    }

    fn recall(&mut self, to: To, message: PbMessage) {
        self.pb.recall(to, message);
    }

    fn forget(&mut self, peer: NodeIndex, fx: &mut dyn Effects<Self>) {
        self.pb.forget(peer, &mut Lens::new(fx, (), &mut self.outputs));
    }

    fn is_terminated(&self) -> bool {
        self.pb.is_terminated()
    }
}
