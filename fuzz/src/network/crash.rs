//! Cuts, crashes and restarts.
//!
//! A crash loses everything but the log of promises, and all messages on their way to and from the node. So one that
//! hits between log and release is the same as one that hits before the first delivery.

use mellivora_core::codec::encode;
use mellivora_core::{NodeIndex, NodeSet, Protocol};

use super::{Letter, Network};
use crate::input::Input;

impl<P: Protocol> Network<P> {
    /// Nodes that have crashed and not come back.
    pub fn down(&self) -> NodeSet {
        self.down
    }

    /// Cuts all links of a node. What is on its way is lost.
    pub fn cut(&mut self, node: NodeIndex) {
        self.cut.insert(node);
        self.lose(node);
    }

    /// Mends the links of a node. What was lost is the protocol's matter.
    pub fn heal(&mut self, node: NodeIndex) {
        self.cut.remove(node);
    }

    /// Stops a node. What it has output is handed over.
    pub fn crash(&mut self, node: NodeIndex) -> Vec<P::Output> {
        self.down.insert(node);
        self.lose(node);
        std::mem::take(&mut self.outputs[node.as_usize()])
    }

    /// Starts a node again as `fresh`, which gets its log back. All others learn of it.
    pub fn restart(&mut self, node: NodeIndex, fresh: P, input: &mut Input<'_>) {
        self.down.remove(node);
        let member = &mut self.members[node.as_usize()];
        member.protocol = fresh;
        for (to, message) in &member.log {
            member.protocol.recall(*to, message.clone());
        }
        member.history.clear();
        if self.repeats {
            member.history.clone_from(&member.log);
        }
        self.turn(node, input, |_, _| {});
        for peer in self.committee.nodes().filter(|peer| *peer != node) {
            if self.down.contains(peer) {
                continue;
            }
            self.repeat(peer, node, input);
            self.turn(peer, input, |protocol, fx| protocol.forget(node, fx));
            if peer == self.byzantine() && self.twin.is_some() {
                self.swap();
                self.turn(peer, input, |protocol, fx| protocol.forget(node, fx));
                self.swap();
            }
            self.repeat(node, peer, input);
        }
    }

    /// Says again what `from` has said to `to`; what its twin has said, too.
    fn repeat(&mut self, from: NodeIndex, to: NodeIndex, input: &mut Input<'_>) {
        self.repeat_one(from, to, input);
        if from == self.byzantine() && self.twin.is_some() {
            self.swap();
            self.repeat_one(from, to, input);
            self.swap();
        }
    }

    fn repeat_one(&mut self, from: NodeIndex, to: NodeIndex, input: &mut Input<'_>) {
        let said = self.members[from.as_usize()].history.iter().filter(|(receivers, _)| receivers.includes(to));
        let said: Vec<_> = said.map(|(_, message)| encode(message).to_vec()).collect();
        said.into_iter().for_each(|bytes| self.send(Letter { from, to, bytes }, input));
    }

    fn lose(&mut self, node: NodeIndex) {
        self.waiting.retain(|letter| letter.from != node && letter.to != node);
    }
}
