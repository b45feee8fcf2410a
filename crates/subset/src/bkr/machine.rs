//! The state machine.

use bytes::Bytes;
use mellivora_agreement::{Aba, AbaMessage};
use mellivora_broadcast::Rbc;
use mellivora_coding::Contribution;
use mellivora_core::{Effects, Fault, FaultKind, NodeIndex, NodeSet, Protocol, To, planted};

use super::BkrMessage;
use super::children::{BkrDone, BkrJob};
use crate::agreements::Agreements;
use crate::broadcasts::Broadcasts;
use crate::{Subset, SubsetParams};

/// A common subset after Ben-Or, Kelmer and Rabin. See the [module page](super).
#[derive(Debug)]
pub struct Bkr {
    params: SubsetParams,
    broadcasts: Broadcasts<NodeIndex>,
    agreements: Agreements,
    /// What broadcasts delivered, until the output takes it.
    contributions: Vec<Option<Contribution>>,
    delivered: NodeSet,
    /// Whether a quorum of ones was seen and the rest got its zeros.
    closed: bool,
    output: bool,
    /// Something was recalled, and its consequences have not been drawn yet.
    recalled: bool,
}

impl Bkr {
    /// The agreement on the contribution of `proposer`, until it halts. For schedulers and statistics.
    pub fn aba(&self, proposer: NodeIndex) -> Option<&Aba> {
        self.agreements.get(proposer)
    }

    /// The broadcast of `proposer`, until it is dropped.
    pub fn rbc(&self, proposer: NodeIndex) -> Option<&Rbc> {
        self.broadcasts.get(proposer)
    }

    /// What the agreement on the contribution of `proposer` decided.
    pub fn decision(&self, proposer: NodeIndex) -> Option<bool> {
        self.agreements.decision(proposer)
    }

    /// Whether the output was handed out.
    pub fn has_output(&self) -> bool {
        self.output
    }

    /// Deals with what children told, which may make others tell more, until there is nothing left.
    fn settle(&mut self, fx: &mut dyn Effects<Self>) {
        loop {
            let blamed = self.broadcasts.take_blamed();
            if !blamed.is_empty() && !planted("bkr-blame-not-shared") {
                self.broadcasts.distrust(blamed);
            }
            if let Some((proposer, contribution)) = self.broadcasts.next() {
                self.delivered.insert(proposer);
                if let Some(place) = self.contributions.get_mut(proposer.as_usize()) {
                    *place = Some(contribution);
                }
                self.agreements.input(proposer, true, fx);
            } else if let Some((instance, value)) = self.agreements.next() {
                if !value || planted("bkr-chosen-dropped") {
                    self.broadcasts.free(instance);
                }
                if let Some(contribution) = self.contributions.get_mut(instance.as_usize()).filter(|_| !value) {
                    *contribution = None;
                }
            } else {
                return;
            }
            self.complete(fx);
        }
    }

    /// After a quorum of ones: zeros to all agreements without an input. At the end of a turn, and not while this node
    /// decodes what others have sent: what is here already deserves a one, and jobs always end.
    fn close(&mut self, fx: &mut dyn Effects<Self>) {
        let committee = self.params.committee;
        let ones = if planted("bkr-zeros-early") { committee.one_honest() } else { committee.quorum() };
        let due = self.agreements.ones().len() >= ones && !planted("bkr-zeros-never") || planted("bkr-zeros-at-once");
        let busy = self.broadcasts.is_decoding() && !planted("bkr-zeros-while-decoding");
        if self.closed || busy || !due {
            return;
        }
        self.closed = true;
        for instance in committee.nodes() {
            // One that has an input ignores a second.
            self.agreements.input(instance, false, fx);
        }
    }

    fn complete(&mut self, fx: &mut dyn Effects<Self>) {
        let chosen = self.agreements.ones();
        let here = chosen.is_subset(&self.delivered) || planted("bkr-output-before-delivery");
        if self.output || !self.decided() || !here {
            return;
        }
        self.output = true;
        let taken = self.contributions.iter_mut().zip(self.params.committee.nodes()).filter_map(|(place, node)| {
            let contribution = place.take()?;
            chosen.contains(node).then_some((node, contribution))
        });
        let mut taken: Vec<_> = taken.collect();
        if planted("bkr-own-first") {
            taken.sort_by_key(|(node, _)| *node != self.params.me);
        }
        fx.output(taken);
    }

    fn knows(&self, from: NodeIndex, instance: NodeIndex, fx: &mut dyn Effects<Self>) -> bool {
        let known = self.params.committee.contains(instance);
        if !known {
            fx.fault(Fault::new(from, FaultKind::UnknownInstance));
        }
        known
    }
}

impl Protocol for Bkr {
    type Input = Bytes;
    type Output = Vec<(NodeIndex, Contribution)>;
    type Message = BkrMessage;
    type Job = BkrJob;

    fn input(&mut self, input: Bytes, fx: &mut dyn Effects<Self>) {
        self.broadcasts.with(self.params.me, fx, |rbc, fx| rbc.input(input, fx));
        self.settle(fx);
    }

    fn receive(&mut self, from: NodeIndex, message: BkrMessage, fx: &mut dyn Effects<Self>) {
        match message {
            BkrMessage::Rbc { proposer, message } => {
                if self.knows(from, proposer, fx) {
                    self.broadcasts.with(proposer, fx, |rbc, fx| rbc.receive(from, message, fx));
                }
            }
            BkrMessage::Votes(bundle) => self.agreements.receive(from, bundle, fx),
            BkrMessage::Share { instance, round, share } => {
                if self.knows(from, instance, fx) {
                    let message = AbaMessage::Share { round, share };
                    self.agreements.with(instance, fx, |aba, fx| aba.receive(from, message, fx));
                }
            }
        }
        self.settle(fx);
    }

    fn done(&mut self, done: BkrDone, fx: &mut dyn Effects<Self>) {
        match done {
            BkrDone::Rbc(proposer, done) => self.broadcasts.done(proposer, done, fx),
            BkrDone::Aba(instance, done) => self.agreements.done(instance, done, fx),
        }
        self.settle(fx);
    }

    fn flush(&mut self, fx: &mut dyn Effects<Self>) {
        // Between turns children hold nothing back; only what was recalled waits for the end of one.
        if std::mem::take(&mut self.recalled) {
            self.broadcasts.flush(fx);
            self.agreements.flush(fx);
            self.settle(fx);
        }
        self.close(fx);
        self.settle(fx);
        for (durable, bundle) in self.agreements.drain() {
            fx.send(To::All, durable, BkrMessage::Votes(bundle));
        }
    }

    fn recall(&mut self, to: To, message: BkrMessage) {
        self.recalled = true;
        match message {
            BkrMessage::Votes(_) if planted("bkr-recall-forgets-votes") => {}
            BkrMessage::Rbc { proposer, message } => self.broadcasts.recall(proposer, to, message),
            BkrMessage::Votes(bundle) => self.agreements.recall(to, bundle),
            // Not durable.
            BkrMessage::Share { .. } => {}
        }
    }

    fn forget(&mut self, peer: NodeIndex, fx: &mut dyn Effects<Self>) {
        self.broadcasts.forget(peer, fx);
        self.agreements.forget(peer, fx);
        self.settle(fx);
    }

    fn is_terminated(&self) -> bool {
        false
    }
}

impl Subset for Bkr {
    const NAME: &'static str = "honey-badger";

    fn new(params: SubsetParams) -> Self {
        let named = |instance| if planted("bkr-coin-without-instance") { NodeIndex(0) } else { instance };
        Bkr {
            broadcasts: Broadcasts::new(&params, &params.codec, |proposer| proposer),
            agreements: Agreements::new(&params, named),
            contributions: vec![None; params.committee.n()],
            delivered: NodeSet::EMPTY,
            closed: false,
            output: false,
            recalled: false,
            params,
        }
    }

    fn decided(&self) -> bool {
        let settled = self.agreements.decided();
        let quorum = self.params.committee.quorum();
        settled == self.params.committee.all() || planted("bkr-output-at-quorum") && settled.len() >= quorum
    }

    fn distrust(&mut self, nodes: NodeSet) {
        self.broadcasts.distrust(nodes);
    }

    fn contribution(&self, proposer: NodeIndex) -> Option<&Contribution> {
        self.contributions.get(proposer.as_usize())?.as_ref()
    }

    fn memory(&self) -> usize {
        let bodies = self.contributions.iter().flatten().filter_map(|c| c.body.as_ref()).map(|body| body.len());
        size_of::<Self>() + self.broadcasts.memory() + self.agreements.memory() + bodies.sum::<usize>()
    }
}
