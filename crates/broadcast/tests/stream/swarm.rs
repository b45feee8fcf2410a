//! Streams in whole committees, under random schedules, Byzantine proposers and voters, crashes and cuts.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use bytes::Bytes;
use mellivora_broadcast::{RetrievalMessage, StreamMessage, StreamOutput, Tip};
use mellivora_core::codec::{Blob, List};
use mellivora_core::{Committee, NodeIndex, NodeSet, hash::HashKey};
use mellivora_crypto::Certificate;
use mellivora_sim::{
    Adversary, Attack, Behaviour, Builder, Coverage, Memory, Observation, Oracle, Schedule, Simulation, Statements,
    View, seeds,
};

use crate::member::{Member, MemberMessage, Order, is_valid};
use crate::support::{config, node, tree};

const CONTENT: HashKey = HashKey::new("mellivora/test payload");

/// No slot has two certified places, every certified batch is held by enough, what comes out is one chain of equal
/// batches, and all that was wanted comes.
struct Chains {
    order: Rc<RefCell<Order>>,
    window: u64,
    /// By slot: the certified place.
    certified: BTreeMap<u64, Tip>,
    /// Who has promised to hold the batch of a place.
    held: Vec<(NodeIndex, Tip)>,
    /// By slot: what came out somewhere.
    out: BTreeMap<u64, (Tip, Bytes)>,
    /// Whether all slots have to be ordered everywhere.
    all: bool,
    jumps: u64,
}

impl Chains {
    fn new(order: &Rc<RefCell<Order>>, window: u64, all: bool) -> Self {
        let (certified, held, out) = Default::default();
        Chains { order: Rc::clone(order), window, certified, held, out, all, jumps: 0 }
    }

    fn certify(&mut self, tip: Tip, view: &View<'_, Member>) -> Result<(), String> {
        let first = *self.certified.entry(tip.slot).or_insert(tip);
        if first != tip {
            return Err(format!("slot {} is certified as {first:?} and as {tip:?}", tip.slot));
        }
        let holders: NodeSet = self.held.iter().filter(|(_, held)| *held == tip).map(|(node, _)| *node).collect();
        if holders.len() < view.committee().data_shards() {
            return Err(format!("{tip:?} is certified, and {holders:?} hold its batch"));
        }
        Ok(())
    }
}

impl Oracle<Member> for Chains {
    fn name(&self) -> &'static str {
        "chains"
    }

    fn observe(&mut self, event: &Observation<'_, Member>, view: &View<'_, Member>) -> Result<(), String> {
        match event {
            Observation::Promise { node, message: MemberMessage::Stream(message), .. } => {
                let (StreamMessage::Proposal { previous, payload, .. } | StreamMessage::Record(previous, payload)) =
                    message
                else {
                    return Ok(());
                };
                let tip = previous.extend(&tree(payload).commitment(), payload.is_empty());
                self.held.push((*node, tip));
                Ok(())
            }
            // What a node does in a turn that ends counts; what is undone by a crash does not.
            Observation::Turn { node } => {
                let member = view.node(*node);
                let mut order = self.order.borrow_mut();
                order.closed = order.closed.max(member.released);
                let newest = order.newest().slot;
                if order.eager.contains(*node)
                    && let Some(chosen) = member.candidate(newest)
                {
                    order.chosen.push(chosen);
                }
                Ok(())
            }
            Observation::Output { output: StreamOutput::Grown(tip), .. } => self.certify(*tip, view),
            Observation::Output { node, output: StreamOutput::Voted(tip), .. } => {
                let base = view.node(*node).stream.base().slot;
                match tip.slot <= base + self.window {
                    true => Ok(()),
                    false => Err(format!("{node} on base {base} voted for slot {}", tip.slot)),
                }
            }
            Observation::Output { node, output: StreamOutput::Batch { tip, commitment, body }, .. } => {
                let bytes = body.to_bytes();
                if tree(&bytes).commitment() != *commitment {
                    return Err(format!("{node} put out {body:?} as {commitment:?}"));
                }
                let first = self.out.entry(tip.slot).or_insert_with(|| (*tip, bytes.clone()));
                if *first != (*tip, bytes) {
                    return Err(format!("slot {} came out differently at {node}", tip.slot));
                }
                match self
                    .out
                    .get(&(tip.slot - 1))
                    .map_or_else(|| (tip.slot == 1).then_some(Tip::GENESIS), |(tip, _)| Some(*tip))
                {
                    Some(below) if below.extend(commitment, body.is_empty()) != *tip => {
                        Err(format!("{tip:?} does not follow {below:?}"))
                    }
                    _ => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    fn finish(&mut self, view: &View<'_, Member>) -> Result<(), String> {
        let order = self.order.borrow();
        let committee = view.committee();
        for chosen in &order.chosen {
            if !is_valid(committee.n(), committee.quorum(), chosen) {
                return Err(format!("{:?} was chosen and is not certified", chosen.tip));
            }
        }
        let newest = order.chosen.last().map_or(Tip::GENESIS, |chosen| chosen.tip);
        if self.all && newest.slot != order.slots {
            return Err(format!("the stream is stuck at {newest:?}"));
        }
        for who in view.live().iter() {
            let member = view.node(who);
            self.jumps += member.jumps;
            if member.stream.base() != newest {
                return Err(format!("{who} is at {:?}, not at {newest:?}", member.stream.base()));
            }
            let missing = |slot: &&u64| **slot > order.closed && !member.out.contains(slot);
            if let Some(slot) = member.wanted.iter().find(missing) {
                return Err(format!("the batch of slot {slot} did not come to {who}"));
            }
        }
        Ok(())
    }

    fn count(&self, coverage: &mut Coverage) {
        for (name, count) in [("jumps", self.jumps), ("closed", self.order.borrow().closed)] {
            if count > 0 {
                coverage.count(name);
            }
        }
    }
}

/// A cluster with every oracle that fits all runs. Node 0 proposes.
fn watched(n: usize, seed: u64, window: u64, order: &Rc<RefCell<Order>>, all: bool) -> Builder<Member> {
    // A slot may hold two batches, the voted and the chosen one. What lies between the closed slots and the base is
    // bounded by the run.
    let slots = order.borrow().slots as usize + window as usize;
    let bound = slots * (2 * 70_000 + 70_000 / 4 + 6000 + 600 * n) + 8000;
    Simulation::<Member>::builder(Committee::new(n).unwrap(), seed)
        .scheduler(Schedule::Swarm)
        .on_heal(|member, peer, fx| member.greet(peer, fx))
        // When nothing is on its way any more, agreements come to their ends.
        .nudges(n)
        .nudges_when_quiet(3 * order.borrow().slots as u32)
        .on_nudge(Member::nudge)
        .oracle(Chains::new(order, window, all))
        .oracle(Memory::new(bound, |member: &Member| member.stream.memory()))
        .oracle(Statements::new(|message: &MemberMessage| {
            let MemberMessage::Stream(message) = message else { return vec![] };
            let content = |tip: &Tip, payload: &[u8]| CONTENT.digest_parts(&[&tip.digest.0, payload]);
            match message {
                StreamMessage::Proposal { previous, payload, .. } => {
                    vec![(("proposal", previous.slot + 1), content(previous, payload))]
                }
                StreamMessage::Record(previous, payload) => {
                    vec![(("record", previous.slot + 1), content(previous, payload))]
                }
                StreamMessage::Vote(tip, _) => vec![(("vote", tip.slot), content(tip, &tip.full.to_be_bytes()))],
                _ => vec![],
            }
        }))
}

fn start(builder: Builder<Member>, n: usize, window: u64, order: &Rc<RefCell<Order>>) -> Simulation<Member> {
    let order = Rc::clone(order);
    let mut sim = builder.build(move |me| Member::new(config(n, me, window), Rc::clone(&order)));
    // Somebody has to wake up.
    (0..n).for_each(|i| sim.input(node(i), ()));
    sim
}

fn honest(n: usize, faulty: &NodeSet) -> NodeSet {
    Committee::new(n).unwrap().all().difference(faulty)
}

#[test]
fn the_stream_of_an_honest_proposer_goes_on_whatever_f_nodes_do() {
    let behaviours = [
        Behaviour::Silent,
        Behaviour::Crash { after: 12 },
        Behaviour::Equivocate,
        Behaviour::Garbage,
        Behaviour::Flood,
        Behaviour::Withhold,
        Behaviour::Mimic,
    ];
    let mut coverage = Coverage::new();
    for n in [1, 4, 5, 7] {
        let f = Committee::new(n).unwrap().f();
        for seed in seeds(70) {
            let window = [1, 2, 3, 6][seed as usize % 4];
            let faulty: NodeSet = (0..f).map(|bad| node(1 + (seed as usize + 3 * bad) % (n - 1))).collect();
            let order = Order::shared(seed, 8, honest(n, &faulty), seed % 3 == 0);
            let mut builder = watched(n, seed, window, &order, true);
            for (bad, who) in faulty.iter().enumerate() {
                builder = builder.faulty(who, behaviours[(seed as usize / 2 + bad) % behaviours.len()]);
            }
            let report = start(builder, n, window, &order).run();
            report.assert_ok();
            coverage.absorb(&report.coverage);
        }
    }
    coverage.assert_all_fired(&["attack.silent", "attack.garbage.malformed", "attack.flood", "attack.withhold"]);
    coverage.assert_all_fired(&["attack.mimic", "attack.equivocate", "jumps", "closed"]);
}

#[test]
fn crashes_and_cuts_cost_nothing_but_time() {
    let (mut restarts, mut coverage) = (0, Coverage::new());
    for n in [1, 4, 5, 7] {
        for seed in seeds(90) {
            let window = [1, 2, 5][seed as usize % 3];
            let order = Order::shared(seed, 8, honest(n, &NodeSet::EMPTY), seed % 2 == 0);
            let builder =
                watched(n, seed, window, &order, true).hostile_steps(1 << (4 + seed % 6)).crashes(n).cuts(n / 2);
            let report = start(builder, n, window, &order).run();
            report.assert_ok();
            restarts += report.counters.restarts;
            coverage.absorb(&report.coverage);
        }
    }
    assert!(restarts > 200, "only {restarts} restarts");
    coverage.assert_all_fired(&["jumps", "closed"]);
}

/// A proposer that tells two stories, shows batches to some only, skips slots and makes up certificates.
#[derive(Default)]
struct Forker {
    /// By slot: the place that the second story leads to.
    second: BTreeMap<u64, Tip>,
    /// What it does, by bits: fork, withhold, skip, forge, lie to those who ask.
    habits: u64,
    /// Who hears the second story.
    fools: u64,
}

impl Forker {
    fn by_seed(seed: u64) -> Box<dyn Adversary<Member>> {
        let mixed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Box::new(Forker { habits: (mixed >> 20) | 1, fools: mixed >> 40, ..Forker::default() })
    }

    fn has(&self, habit: u32) -> bool {
        self.habits >> habit & 1 == 1
    }

    fn is_fool(&self, to: NodeIndex, slot: u64) -> bool {
        (self.fools >> (u64::from(to.0) + slot % 3)) & 1 == 1
    }

    fn proposal(
        &mut self,
        to: NodeIndex,
        (previous, certificate, payload): (Tip, Option<Certificate>, Blob),
        attack: &mut Attack<'_, Member>,
    ) {
        let slot = previous.slot + 1;
        let send = |attack: &mut Attack<'_, Member>, previous, certificate, payload| {
            attack.send(to, MemberMessage::Stream(StreamMessage::Proposal { previous, certificate, payload }));
        };
        if self.has(0) && self.is_fool(to, slot) {
            attack.count("forker.fork");
            let mut other = payload.to_vec();
            other.push(0xee);
            let other = Bytes::from(other);
            let before = self.second.get(&previous.slot).copied().filter(|_| slot % 2 == 0).unwrap_or(previous);
            self.second.insert(slot, before.extend(&tree(&other).commitment(), other.is_empty()));
            let proof = certificate.clone().filter(|_| before == previous);
            send(attack, before, proof, Blob(other));
            if slot % 3 == 0 {
                // And the first story as well.
                send(attack, previous, certificate, payload);
            }
            return;
        }
        if self.has(1) && usize::from(to.0) <= attack.committee().f() {
            return attack.count("forker.withhold");
        }
        if self.has(2) && slot % 4 == 2 {
            attack.count("forker.skip");
            let skipped = previous.extend(&tree(&payload).commitment(), payload.is_empty());
            send(attack, skipped, None, payload.clone());
        }
        if self.has(3) && slot % 4 == 3 && self.is_fool(to, slot + 1) {
            attack.count("forker.forge");
            let other = self.second.get(&previous.slot).copied().unwrap_or(Tip { full: 0, ..previous });
            let forged = certificate.clone().filter(|_| previous.full > 0 || other != previous);
            return send(attack, other, forged, payload);
        }
        send(attack, previous, certificate, payload);
    }
}

impl Adversary<Member> for Forker {
    fn sends(&mut self, to: NodeIndex, message: MemberMessage, attack: &mut Attack<'_, Member>) {
        match message {
            MemberMessage::Stream(StreamMessage::Proposal { previous, certificate, payload }) => {
                self.proposal(to, (previous, certificate, payload), attack);
            }
            // What it holds it shows to nobody, or wrongly.
            MemberMessage::Stream(StreamMessage::Retrieval(_, RetrievalMessage::Chunk(..))) if self.has(1) => {}
            MemberMessage::Stream(StreamMessage::Headers(digest, headers)) if self.has(4) => {
                attack.count("forker.headers");
                let mut headers = headers.into_vec();
                headers.reverse();
                attack.send(to, MemberMessage::Stream(StreamMessage::Headers(digest, List::new(headers))));
            }
            other => attack.send(to, other),
        }
    }
}

#[test]
fn a_faulty_proposer_forks_nothing_and_all_that_was_chosen_comes() {
    let (mut coverage, mut ordered) = (Coverage::new(), 0);
    for n in [4, 5, 7] {
        let f = Committee::new(n).unwrap().f();
        for seed in seeds(150) {
            let window = [1, 2, 3, 6][seed as usize % 4];
            let faulty: NodeSet = [node(0)].into_iter().chain((1..f).map(|bad| node(n - bad))).collect();
            let order = Order::shared(seed, 8, honest(n, &faulty), seed % 3 == 0);
            let mut builder = watched(n, seed, window, &order, false);
            builder = match seed % 6 {
                0 => builder.faulty(node(0), Behaviour::Withhold),
                1 => builder.faulty(node(0), Behaviour::Equivocate),
                _ => builder.faulty(node(0), Forker::by_seed(seed)),
            };
            for bad in 1..f {
                let behaviours = [Behaviour::Withhold, Behaviour::Silent, Behaviour::Garbage, Behaviour::Mimic];
                builder = builder.faulty(node(n - bad), behaviours[(seed as usize / 6 + bad) % behaviours.len()]);
            }
            if seed % 2 == 0 {
                builder = builder.hostile_steps(1 << (4 + seed % 6)).crashes(n / 2).cuts(1);
            }
            let report = start(builder, n, window, &order).run();
            report.assert_ok();
            coverage.absorb(&report.coverage);
            ordered += order.borrow().chosen.len();
        }
    }
    coverage.assert_all_fired(&["forker.fork", "forker.withhold", "forker.skip", "forker.forge", "forker.headers"]);
    coverage.assert_all_fired(&["attack.withhold", "attack.equivocate", "jumps", "closed"]);
    assert!(ordered > 500, "only {ordered} outputs");
}
