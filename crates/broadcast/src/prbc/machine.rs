//! The state machine.

use std::sync::Arc;

use bytes::Bytes;
use mellivora_coding::Contribution;
use mellivora_core::{
    Committee, Digest, Domain, Durable, Effects, Fault, FaultKind, Job, Layer, Lens, NodeIndex, NodeSet, Parent,
    Protocol, Purpose, Round, Segment, To, Weight, planted,
};
use mellivora_crypto::{Assembly, Certificate, CertificateScheme, Endorsement, Statement};

use super::PrbcMessage;
use crate::certify::{Assemble, Collector};
use crate::{Rbc, RbcConfig, RbcDone, RbcJob, RbcMessage};

/// What a node signs that has delivered the contribution with this root, in the instance with this domain.
pub fn delivered(domain: &Domain, root: Digest) -> Statement {
    Statement { domain: domain.statement(Purpose::Delivered, Round(0)), digest: root }
}

/// Parameters of one instance.
#[derive(Clone, Debug)]
pub struct PrbcConfig {
    /// Those of the reliable broadcast inside.
    pub rbc: RbcConfig,
    /// Domain of the instance, which names the proposer.
    pub domain: Domain,
    /// How nodes sign.
    pub certificates: Arc<dyn CertificateScheme>,
}

/// What comes out of an instance: each at most once, in either order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PrbcOutput {
    /// The broadcast has delivered.
    Delivered(Contribution),
    /// An honest node has delivered the contribution with this root.
    Proven {
        /// The commitment.
        root: Digest,
        /// Signatures of f + 1 nodes on [`delivered`].
        proof: Certificate,
    },
}

/// Work of an instance.
#[derive(Clone, Debug)]
pub struct PrbcJob(Task);

#[derive(Clone, Debug)]
enum Task {
    Rbc(RbcJob),
    Assemble { scheme: Arc<dyn CertificateScheme>, work: Assemble },
}

/// What comes of a [`PrbcJob`].
#[derive(Debug)]
pub struct PrbcDone(Done);

#[derive(Debug)]
enum Done {
    Rbc(RbcDone),
    Assembled(Assembly),
}

impl Job for PrbcJob {
    type Done = PrbcDone;

    fn run(self) -> PrbcDone {
        PrbcDone(match self.0 {
            Task::Rbc(job) => Done::Rbc(job.run()),
            Task::Assemble { scheme, work } => Done::Assembled(work.run(&*scheme)),
        })
    }

    fn weight(&self) -> Weight {
        match &self.0 {
            Task::Rbc(job) => job.weight(),
            Task::Assemble { .. } => Weight::Heavy,
        }
    }
}

/// One provable reliable broadcast at one node. See the [module page](super).
///
/// Input: the payload, at the proposer alone, as for [`Rbc`].
#[derive(Debug)]
pub struct Prbc {
    rbc: Rbc,
    domain: Domain,
    certificates: Arc<dyn CertificateScheme>,
    committee: Committee,
    me: NodeIndex,
    /// DELIVERED was said.
    endorsed: bool,
    /// The first DELIVERED of each node.
    heard: Vec<Option<(Digest, Endorsement)>>,
    /// Of the one root with f + 1 senders, once there is one.
    collector: Option<Collector>,
    /// What the reliable broadcast has handed out.
    delivered: Vec<Contribution>,
    /// An own endorsement was recalled, and its consequences have not been drawn yet.
    recalled: Option<Digest>,
}

impl Parent<Rbc> for Prbc {
    type Key = ();

    fn message(_: (), message: RbcMessage) -> PrbcMessage {
        PrbcMessage::Rbc(message)
    }

    fn job(_: (), job: RbcJob) -> PrbcJob {
        PrbcJob(Task::Rbc(job))
    }

    fn segment(_: ()) -> Segment {
        Segment::only(Layer::Rbc)
    }
}

impl Prbc {
    /// A fresh instance.
    pub fn new(config: PrbcConfig) -> Self {
        let PrbcConfig { rbc, domain, certificates } = config;
        let n = rbc.committee.n();
        Prbc {
            committee: rbc.committee,
            me: rbc.me,
            rbc: Rbc::new(rbc),
            domain,
            certificates,
            endorsed: false,
            heard: vec![None; n],
            collector: None,
            delivered: Vec::new(),
            recalled: None,
        }
    }

    /// The reliable broadcast inside.
    pub fn rbc(&self) -> &Rbc {
        &self.rbc
    }

    /// Has shards of these nodes verified before use, see [`Rbc::distrust`].
    pub fn distrust(&mut self, nodes: NodeSet) {
        self.rbc.distrust(nodes);
    }

    /// Bytes of memory that this instance holds, about.
    pub fn memory(&self) -> usize {
        let heard = self.heard.capacity() * size_of::<Option<(Digest, Endorsement)>>();
        let collected = self.collector.as_ref().map_or(0, Collector::memory);
        size_of::<Self>() + self.rbc.memory() + heard + collected
    }

    /// Lets the reliable broadcast act, and takes what it delivers.
    fn within(&mut self, fx: &mut dyn Effects<Self>, act: impl FnOnce(&mut Rbc, &mut Lens<'_, Self, Rbc>)) {
        act(&mut self.rbc, &mut Lens::new(fx, (), &mut self.delivered));
        if planted("prbc-endorsed-undelivered")
            && let Some(root) = self.rbc.supported()
        {
            self.endorse(root, fx);
        }
        for contribution in std::mem::take(&mut self.delivered) {
            let root = contribution.commitment;
            let silent = contribution.body.is_none() && planted("prbc-bottom-unendorsed");
            fx.output(PrbcOutput::Delivered(contribution));
            if !silent {
                self.endorse(root, fx);
            }
        }
    }

    fn endorse(&mut self, root: Digest, fx: &mut dyn Effects<Self>) {
        if !std::mem::replace(&mut self.endorsed, true) {
            let endorsement = self.certificates.endorse(&delivered(&self.domain, root));
            fx.send(To::All, Durable::Yes, PrbcMessage::Delivered(root, endorsement));
        }
    }

    fn on_delivered(&mut self, from: NodeIndex, root: Digest, endorsement: Endorsement, fx: &mut dyn Effects<Self>) {
        match self.heard.get_mut(from.as_usize()) {
            // No member.
            None => {}
            Some(Some((first, _))) if *first != root && !planted("prbc-last-root-counts") => {
                fx.fault(Fault::new(from, FaultKind::ConflictingDelivered));
            }
            Some(Some((first, _))) if *first == root => {}
            Some(slot) => {
                *slot = Some((root, endorsement));
                self.collect(root, Some((from, endorsement)), fx);
            }
        }
    }

    /// Endorsements of a root are put together once an honest node must be among the senders. A new one joins those
    /// that are put together already.
    fn collect(&mut self, root: Digest, new: Option<(NodeIndex, Endorsement)>, fx: &mut dyn Effects<Self>) {
        if planted("prbc-late-uncollected") && self.rbc.delivered().is_some() {
            return;
        }
        let required = self.committee.one_honest() - usize::from(planted("prbc-proof-at-f"));
        if let Some(collector) = &mut self.collector {
            let work =
                new.filter(|_| collector.statement().digest == root).and_then(|(from, e)| collector.add(from, e));
            return self.assemble(work, fx);
        }
        let said: Vec<_> = self
            .committee
            .nodes()
            .zip(&self.heard)
            .filter_map(|(node, said)| {
                said.filter(|(other, _)| *other == root).map(|(_, endorsement)| (node, endorsement))
            })
            .collect();
        if said.len() < required {
            return;
        }
        let mut collector = Collector::new(delivered(&self.domain, root), required);
        let works: Vec<_> =
            said.into_iter().filter_map(|(node, endorsement)| collector.add(node, endorsement)).collect();
        self.collector = Some(collector);
        works.into_iter().for_each(|work| self.assemble(Some(work), fx));
    }

    fn assemble(&self, work: Option<Assemble>, fx: &mut dyn Effects<Self>) {
        if let Some(work) = work {
            fx.job(PrbcJob(Task::Assemble { scheme: self.certificates.clone(), work }));
        }
    }

    fn assembled(&mut self, assembly: Assembly, fx: &mut dyn Effects<Self>) {
        let Some(collector) = &mut self.collector else { return };
        let root = collector.statement().digest;
        let (proof, culprits, work) = collector.assembled(assembly);
        for node in culprits.iter() {
            fx.fault(Fault::new(node, FaultKind::InvalidEndorsement));
        }
        self.assemble(work, fx);
        if let Some(proof) = proof {
            fx.output(PrbcOutput::Proven { root, proof });
        }
    }
}

impl Protocol for Prbc {
    type Input = Bytes;
    type Output = PrbcOutput;
    type Message = PrbcMessage;
    type Job = PrbcJob;

    fn input(&mut self, payload: Bytes, fx: &mut dyn Effects<Self>) {
        self.within(fx, |rbc, lens| rbc.input(payload, lens));
    }

    fn receive(&mut self, from: NodeIndex, message: PrbcMessage, fx: &mut dyn Effects<Self>) {
        match message {
            PrbcMessage::Rbc(message) => self.within(fx, |rbc, lens| rbc.receive(from, message, lens)),
            PrbcMessage::Delivered(root, endorsement) => self.on_delivered(from, root, endorsement, fx),
        }
    }

    fn done(&mut self, done: PrbcDone, fx: &mut dyn Effects<Self>) {
        match done.0 {
            Done::Rbc(done) => self.within(fx, |rbc, lens| rbc.done(done, lens)),
            Done::Assembled(assembly) => self.assembled(assembly, fx),
        }
    }

    fn flush(&mut self, fx: &mut dyn Effects<Self>) {
        self.within(fx, |rbc, lens| rbc.flush(lens));
        if let Some(root) = self.recalled.take() {
            self.collect(root, None, fx);
        }
    }

    fn recall(&mut self, to: To, message: PrbcMessage) {
        match message {
            PrbcMessage::Rbc(message) => self.rbc.recall(to, message),
            PrbcMessage::Delivered(root, endorsement) => {
                self.endorsed = true;
                // What a node has said to itself nobody says again.
                if let Some(slot) = self.heard.get_mut(self.me.as_usize())
                    && !planted("prbc-recall-own-uncounted")
                {
                    *slot = Some((root, endorsement));
                    self.recalled = Some(root);
                }
            }
        }
    }

    fn forget(&mut self, peer: NodeIndex, fx: &mut dyn Effects<Self>) {
        self.within(fx, |rbc, lens| rbc.forget(peer, lens));
    }

    /// Always false, as for [`Rbc`].
    fn is_terminated(&self) -> bool {
        false
    }
}
