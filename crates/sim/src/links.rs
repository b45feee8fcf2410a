//! Links between nodes: what leaves a node, what is lost, and what is said again.
//!
//! ```text
//! instance -> rounds too far ahead wait -> the mind of a faulty node -> link down: lost -> codec -> pending
//! ```

use bytes::Bytes;
use mellivora_core::{Message, NodeIndex, Protocol, Round, codec};
use rand::RngExt;

use crate::behaviour::Shot;
use crate::event::Body;
use crate::trace::fingerprint;
use crate::world::World;
use crate::{Adversary, Attack, Choice, Observation};

/// Fingerprint and encoded size of a message.
type Stamp = (u64, usize);

impl<P: Protocol> World<P> {
    /// What an instance sends to another node.
    pub(crate) fn route(&mut self, from: u16, to: NodeIndex, message: P::Message, stamp: Option<Stamp>) {
        let (message, stamp) = match self.config.rounds_ahead {
            None => (message, stamp),
            Some(ahead) => match self.gate(from, to, message, ahead) {
                Some(message) => (message, None),
                None => return,
            },
        };
        if self.actors[usize::from(from)].adversary.is_some() {
            self.strike(from, |adversary, attack| adversary.sends(to, message, attack));
        } else {
            self.post(from, to, message, stamp);
        }
    }

    /// Keeps back the statements of rounds that the receiver would drop.
    fn gate(&mut self, from: u16, to: NodeIndex, message: P::Message, ahead: u32) -> Option<P::Message> {
        let actor = &mut self.actors[usize::from(from)];
        let seen = &actor.seen;
        let may_go = |instance: NodeIndex, round: Round| {
            round.0 <= seen.get(&(to, instance)).copied().unwrap_or_default().0.saturating_add(ahead)
        };
        let (now, later) = message.split(&may_go);
        if let Some(later) = later {
            self.counters.held += 1;
            actor.held.entry(to).or_default().push(later);
        }
        now
    }

    /// Lets the mind of a faulty node act; what it shoots goes out. `None` if the node has none.
    pub(crate) fn strike<R>(
        &mut self,
        at: u16,
        act: impl FnOnce(&mut dyn Adversary<P>, &mut Attack<'_, P>) -> R,
    ) -> Option<R> {
        let actor = &mut self.actors[usize::from(at)];
        let mut adversary = actor.adversary.take()?;
        let mut out = Vec::new();
        let node = actor.node;
        let result = act(
            &mut *adversary,
            &mut Attack {
                node,
                committee: self.committee,
                rng: &mut actor.rng,
                coverage: &mut self.coverage,
                out: &mut out,
            },
        );
        actor.adversary = Some(adversary);
        for (to, shot) in out {
            if to == node || !self.committee.contains(to) {
                continue;
            }
            match shot {
                Shot::Message(message) => self.post(at, to, message, None),
                Shot::Malformed => self.malformed(node, to),
                Shot::Forged(message, bytes) => {
                    if self.config.codec > 0 {
                        self.check_canonical(&message, &bytes);
                    }
                    self.post(at, to, message, None);
                }
            }
        }
        Some(result)
    }

    /// Every value has exactly one encoding; bytes that decode have to be it.
    fn check_canonical(&mut self, message: &P::Message, bytes: &Bytes) {
        let again = codec::encode(message);
        if again != *bytes {
            self.fail("codec", format!("{bytes:02x?} decodes to {message:?}, which encodes as {again:02x?}"));
        }
    }

    /// Puts a message on its link.
    fn post(&mut self, from: u16, to: NodeIndex, message: P::Message, stamp: Option<Stamp>) {
        let sender = &self.actors[usize::from(from)];
        let (node, side, incarnation) = (sender.node, sender.side, sender.incarnation);
        if !sender.audience.contains(to) {
            return;
        }
        if usize::from(from) >= self.committee.n() {
            self.coverage.count("attack.equivocate");
        }
        let down = self.is_down(node, to);
        let mut scratch = std::mem::take(&mut self.scratch);
        let (print, size) = stamp.unwrap_or_else(|| fingerprint(&message, &mut scratch));
        self.scratch = scratch;
        let mut message = message;
        if self.config.codec > 0 && self.codec_rng.random_range(0..256) < self.config.codec {
            message = match self.round_trip(message) {
                Some(message) => message,
                None => return,
            };
        }
        for at in self.actors_of(to).into_iter().flatten() {
            let receiver = &self.actors[usize::from(at)];
            // Twins of a team talk to the twins of their side.
            let same_side = side.is_none() || receiver.side.is_none() || side == receiver.side;
            if !same_side || !receiver.audience.contains(node) {
                continue;
            }
            if down {
                self.counters.lost += 1;
                if self.config.outbox {
                    self.lost.entry((from, at)).or_default().push(message.clone());
                }
                continue;
            }
            self.counters.sent += 1;
            self.counters.bytes += size as u64;
            let place = usize::from(from) * self.actors.len() + usize::from(at);
            let number = self.numbers[place];
            self.numbers[place] += 1;
            let time = self.arrival(from, to, size);
            let body = Body::Message { from: node, incarnation, message: message.clone(), print };
            self.enqueue(Choice::Deliver { from, to: at, number }, at, time, body);
        }
    }

    /// When a message arrives that is sent now.
    fn arrival(&mut self, from: u16, to: NodeIndex, size: usize) -> u64 {
        let Some(latency) = &self.config.latency else { return 0 };
        let actor = &mut self.actors[usize::from(from)];
        let departure = match latency.egress {
            None => self.now,
            Some(rate) => {
                let took = (size as f64 / rate * crate::latency::UNIT) as u64;
                actor.uplink_free = actor.uplink_free.max(self.now) + took;
                actor.uplink_free
            }
        };
        departure + latency.delay(actor.node, to, &mut self.latency_rng)
    }

    /// Sends a message through the wire format and back.
    fn round_trip(&mut self, message: P::Message) -> Option<P::Message> {
        self.counters.round_trips += 1;
        let bytes = codec::encode(&message);
        match codec::decode::<P::Message>(&bytes) {
            Ok(decoded) => {
                self.check_canonical(&decoded, &bytes);
                Some(decoded)
            }
            Err(error) => {
                self.fail("codec", format!("{message:?} does not decode: {error}"));
                None
            }
        }
    }

    /// Takes a link down. What is on its way still arrives; what is sent from now on is lost.
    pub(crate) fn cut(&mut self, a: NodeIndex, b: NodeIndex) {
        if a != b {
            self.down.insert((a.min(b), a.max(b)));
        }
    }

    /// Takes a link up again: each end says again what was lost, or its hook runs.
    pub(crate) fn heal(&mut self, a: NodeIndex, b: NodeIndex) {
        if !self.down.remove(&(a.min(b), a.max(b))) {
            return;
        }
        self.greet(a, b);
        self.greet(b, a);
        for from in self.actors_of(a).into_iter().flatten() {
            for to in self.actors_of(b).into_iter().flatten() {
                self.repeat_lost(from, to, b);
                self.repeat_lost(to, from, a);
            }
        }
    }

    fn repeat_lost(&mut self, from: u16, at: u16, to: NodeIndex) {
        for message in self.lost.remove(&(from, at)).unwrap_or_default() {
            self.counters.repeated += 1;
            self.post(from, to, message, None);
        }
    }

    /// Runs the link hook at `node`, whose link to `peer` has come up.
    fn greet(&mut self, node: NodeIndex, peer: NodeIndex) {
        let Some(mut hook) = self.config.heal.take() else { return };
        for at in self.actors_of(node).into_iter().flatten() {
            let actor = &mut self.actors[usize::from(at)];
            if actor.alive {
                hook(&mut actor.instance, peer, &mut actor.turn);
                self.after(at);
            }
        }
        self.config.heal = Some(hook);
    }

    /// Stops a node. `synced` says whether the promises of its open turn had reached the log.
    pub(crate) fn crash(&mut self, node: NodeIndex, synced: bool) {
        for at in self.actors_of(node).into_iter().flatten() {
            let actor = &mut self.actors[usize::from(at)];
            if !actor.alive {
                continue;
            }
            let before = actor.log.len();
            actor.crash(synced);
            self.counters.crashes += 1;
            self.open.retain(|open| *open != at);
            self.lost.retain(|(from, _), _| *from != at);
            // What was logged was promised, although nobody has heard it.
            if !self.faulty.contains(node) && !self.oracles.is_empty() {
                for (to, message) in self.actors[usize::from(at)].log.get(before..).unwrap_or_default().to_vec() {
                    self.observe(&Observation::Promise { node, to, message: &message });
                }
            }
        }
    }

    /// Starts a crashed node again, as a new incarnation that knows its log and nothing else.
    pub(crate) fn restart(&mut self, node: NodeIndex) {
        let dead: Vec<u16> = self
            .actors_of(node)
            .into_iter()
            .flatten()
            .filter(|at| self.actors.get(usize::from(*at)).is_some_and(|actor| !actor.alive))
            .collect();
        if dead.is_empty() {
            return;
        }
        for at in &dead {
            let fresh = (self.factory)(node);
            self.actors[usize::from(*at)].restart(fresh);
            self.counters.restarts += 1;
        }
        if !self.faulty.contains(node) {
            self.observe(&Observation::Restart { node });
        }
        for peer in self.committee.nodes().filter(|peer| *peer != node) {
            self.meet_incarnation(peer, node, &dead);
        }
        for at in dead {
            for (to, message) in self.actors[usize::from(at)].history.clone() {
                for receiver in self.committee.nodes().filter(|peer| *peer != node && to.includes(*peer)) {
                    if self.config.outbox {
                        self.counters.repeated += 1;
                        self.route(at, receiver, message.clone(), None);
                    }
                }
            }
            for input in std::mem::take(&mut self.actors[usize::from(at)].waiting) {
                self.enqueue_input(at, self.now, input);
            }
            // An empty turn: alone in its committee, a node hears nothing that would make it look at what it recalled.
            self.after(at);
        }
        if let Some(mut again) = self.config.again.take() {
            for input in again(node) {
                self.enqueue_input(node.0, self.now, input);
            }
            self.config.again = Some(again);
        }
    }

    /// `peer` learns that `node` has a new incarnation, and says everything again that it has to say to it.
    fn meet_incarnation(&mut self, peer: NodeIndex, node: NodeIndex, fresh: &[u16]) {
        for at in self.actors_of(peer).into_iter().flatten() {
            let actor = &mut self.actors[usize::from(at)];
            if !actor.alive {
                continue;
            }
            actor.seen.retain(|(seen, _), _| *seen != node);
            actor.held.remove(&node);
            for to in fresh {
                self.lost.remove(&(at, *to));
            }
            let actor = &mut self.actors[usize::from(at)];
            // The history stands before what forgetting makes the instance say.
            let history: Vec<P::Message> = if self.config.outbox {
                actor.history.iter().filter(|(to, _)| to.includes(node)).map(|(_, message)| message.clone()).collect()
            } else {
                Vec::new()
            };
            actor.instance.forget(node, &mut actor.turn);
            for message in history {
                self.counters.repeated += 1;
                self.route(at, node, message, None);
            }
            self.after(at);
        }
        if !self.is_down(peer, node) {
            self.greet(peer, node);
            self.greet(node, peer);
        }
    }
}
