//! Retrieval in whole clusters, under random schedules, lying holders, crashes and cuts: alone, and behind a consistent
//! broadcast whose proposer shows its payload to some only.

#[path = "common/dispersal.rs"]
mod dispersal;
#[path = "common/provable.rs"]
mod provable;

use std::collections::BTreeSet;

use bytes::Bytes;
use dispersal::{Dispersal, DispersalMessage, DispersalOutput};
use mellivora_broadcast::{PbConfig, PbMessage, Retrieval, RetrievalConfig, RetrievalInput, RetrievalMessage};
use mellivora_coding::{Body, CHUNK_BYTES, Chunk, ChunkTree, Head};
use mellivora_core::codec::Blob;
use mellivora_core::{Committee, NodeIndex, NodeSet, To};
use mellivora_sim::{
    Adversary, Agreement, Attack, Behaviour, Builder, Coverage, Delay, Integrity, Memory, Observation, Oracle,
    Schedule, Simulation, Totality, Validity, View, seeds,
};

const C: usize = CHUNK_BYTES;
const MAX: usize = 40 * C;
const SIZES: [usize; 5] = [1, 4, 5, 7, 10];
const LENGTHS: [usize; 6] = [0, 100, C, 3 * C + 1, 20 * C, 28 * C + 77];

fn tree(len: usize, salt: u8) -> ChunkTree {
    let payload: Vec<u8> =
        (0..len).map(|i| (i as u8).wrapping_mul(31) ^ (i >> 8) as u8 ^ (i >> 16) as u8 ^ salt).collect();
    ChunkTree::commit(Body::from_bytes(payload.into())).unwrap()
}

fn node(i: usize) -> NodeIndex {
    NodeIndex(i as u16)
}

/// A holder that lies in everything it serves, each time in another way.
#[derive(Default)]
struct Liar(u64);

impl Adversary<Retrieval> for Liar {
    fn sends(&mut self, to: NodeIndex, message: RetrievalMessage, attack: &mut Attack<'_, Retrieval>) {
        self.0 += 1;
        let root = *message.root();
        let lie = match (message, self.0 % 5) {
            (RetrievalMessage::Chunk(_, index, chunk), 0) => {
                attack.count("lie.changed");
                let mut data = chunk.data.to_vec();
                data.push(1);
                data.swap_remove(0);
                RetrievalMessage::Chunk(root, index, Chunk { data: Blob(data.into()), ..chunk })
            }
            (RetrievalMessage::Chunk(_, index, chunk), 1) => {
                attack.count("lie.shifted");
                RetrievalMessage::Chunk(root, index ^ 1, chunk)
            }
            (RetrievalMessage::Chunk(_, _, chunk), 2) => {
                attack.count("lie.short");
                RetrievalMessage::Head(root, Head { len: chunk.proof.len.saturating_sub(1), root })
            }
            (RetrievalMessage::Chunk(..), 3) => {
                attack.count("lie.absent");
                RetrievalMessage::Absent(root)
            }
            (RetrievalMessage::Chunk(..), _) => return attack.count("lie.silence"),
            (other, _) => other,
        };
        attack.send(to, lie);
    }
}

/// An honest holder sends no chunk twice to one peer. For runs without restarts.
#[derive(Default)]
struct Once(BTreeSet<(NodeIndex, NodeIndex, u32)>);

impl Oracle<Retrieval> for Once {
    fn name(&self) -> &'static str {
        "once"
    }

    fn observe(&mut self, event: &Observation<'_, Retrieval>, _: &View<'_, Retrieval>) -> Result<(), String> {
        match event {
            Observation::Sent { node, to: To::Node(to), message: RetrievalMessage::Chunk(_, index, _) }
                if !self.0.insert((*node, *to, *index)) =>
            {
                Err(format!("{node} sent chunk {index} to {to} twice"))
            }
            _ => Ok(()),
        }
    }
}

/// A cluster in which everybody has to get the payload.
fn watched(n: usize, seed: u64, payload: &ChunkTree) -> Builder<Retrieval> {
    let committee = Committee::new(n).unwrap();
    let expected = payload.clone();
    Simulation::<Retrieval>::builder(committee, seed)
        .scheduler(Schedule::Swarm)
        .oracle(Agreement::new(|output: &ChunkTree| ((), output.commitment())))
        .oracle(Integrity::new(|_: &ChunkTree| ()))
        .oracle(Totality::new(|_: &ChunkTree| ()).expecting(()))
        .oracle(Memory::new(MAX + 64 * 1024 + 4096 * n, Retrieval::memory))
        .oracle(Validity::new::<Retrieval>(move |_, output: &ChunkTree, _| {
            let same = *output == expected && output.body() == expected.body();
            if same { Ok(()) } else { Err(format!("{output:?} came out")) }
        }))
}

fn start(builder: Builder<Retrieval>, n: usize) -> Simulation<Retrieval> {
    let committee = Committee::new(n).unwrap();
    builder.build(move |me| Retrieval::new(RetrievalConfig { committee, me, max_payload: MAX }))
}

/// Who holds it, by seed: some honest node at least.
fn holders(n: usize, faulty: &NodeSet, seed: u64) -> NodeSet {
    let honest: Vec<NodeIndex> = (0..n).map(node).filter(|node| !faulty.contains(*node)).collect();
    let sure = honest[seed as usize % honest.len()];
    let lucky = |i: &usize| (seed >> (8 + i)) & 1 == 1 || faulty.contains(node(*i));
    (0..n).filter(lucky).map(node).chain([sure]).collect()
}

/// Everybody wants it; who holds it says so at some time. The signers' list is true, empty, or half a lie.
fn inputs(who: NodeIndex, payload: &ChunkTree, holders: &NodeSet, seed: u64) -> Vec<RetrievalInput> {
    let signers = match seed % 3 {
        0 => *holders,
        1 => NodeSet::EMPTY,
        _ => (0..10).filter(|i| i % 2 == 0).map(node).collect(),
    };
    let want = RetrievalInput::Want { root: payload.commitment(), signers };
    let hold = holders.contains(who).then(|| RetrievalInput::Hold(payload.clone()));
    std::iter::once(want).chain(hold).collect()
}

#[test]
fn everybody_gets_what_one_honest_node_holds_without_a_nudge() {
    let mut coverage = Coverage::new();
    let behaviours = [
        Behaviour::Silent,
        Behaviour::Crash { after: 6 },
        Behaviour::Garbage,
        Behaviour::Flood,
        Behaviour::Withhold,
        Behaviour::Mimic,
    ];
    for n in SIZES {
        let f = Committee::new(n).unwrap().f();
        for seed in seeds(40) {
            let payload = tree(LENGTHS[seed as usize % LENGTHS.len()], seed as u8);
            let faulty: NodeSet = (0..f).map(|bad| node((seed as usize + 3 * bad) % n)).collect();
            let mut builder = watched(n, seed, &payload).oracle(Once::default());
            for (bad, who) in faulty.iter().enumerate() {
                builder = match (seed as usize + bad) % (behaviours.len() + 3) {
                    generic if generic < behaviours.len() => builder.faulty(who, behaviours[generic]),
                    _ => builder.faulty(who, Box::new(Liar::default()) as Box<dyn Adversary<Retrieval>>),
                };
            }
            let holders = holders(n, &faulty, seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let mut sim = start(builder, n);
            for who in (0..n).map(node) {
                inputs(who, &payload, &holders, seed).into_iter().for_each(|input| sim.input(who, input));
            }
            let report = sim.run();
            report.assert_ok();
            coverage.absorb(&report.coverage);
        }
    }
    coverage.assert_all_fired(&[
        "attack.silent",
        "attack.garbage.decoded",
        "attack.flood",
        "attack.withhold",
        "lie.changed",
        "lie.shifted",
        "lie.short",
        "lie.absent",
        "lie.silence",
    ]);
}

#[test]
fn crashes_and_cuts_cost_nothing_but_time() {
    let mut restarts = 0;
    for n in SIZES {
        for seed in seeds(40) {
            let payload = tree(LENGTHS[seed as usize % LENGTHS.len()], seed as u8);
            let holders = holders(n, &NodeSet::EMPTY, seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let again = payload.clone();
            let builder = watched(n, seed, &payload)
                .hostile_steps(1 << (3 + seed % 6))
                .crashes(n)
                .cuts(n / 2)
                // A parent says again what it had said: what is held was recorded, what is wanted is certified.
                .input_again(move |who| inputs(who, &again, &holders, seed));
            let mut sim = start(builder, n);
            for who in (0..n).map(node) {
                inputs(who, &payload, &holders, seed).into_iter().for_each(|input| sim.input(who, input));
            }
            let report = sim.run();
            report.assert_ok();
            restarts += report.counters.restarts;
        }
    }
    assert!(restarts > 100, "only {restarts} restarts");
}

#[test]
fn nudges_at_any_moment_do_no_harm() {
    for n in [4, 7] {
        for seed in seeds(40) {
            let payload = tree(LENGTHS[seed as usize % LENGTHS.len()], seed as u8);
            let faulty = NodeSet::one(node(seed as usize % n));
            let builder = watched(n, seed, &payload)
                .oracle(Once::default())
                .faulty(node(seed as usize % n), Behaviour::Silent)
                .nudges(4 * n)
                .on_nudge(|retrieval, fx| mellivora_core::Protocol::input(retrieval, RetrievalInput::Nudge, fx));
            let holders = holders(n, &faulty, seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let mut sim = start(builder, n);
            for who in (0..n).map(node) {
                inputs(who, &payload, &holders, seed).into_iter().for_each(|input| sim.input(who, input));
            }
            sim.run().assert_ok();
        }
    }
}

#[test]
fn two_message_delays_and_hardly_anything_twice_when_all_answer() {
    /// Chunks that were sent.
    struct Count(std::rc::Rc<std::cell::Cell<usize>>);
    impl Oracle<Retrieval> for Count {
        fn name(&self) -> &'static str {
            "count"
        }
        fn observe(&mut self, event: &Observation<'_, Retrieval>, _: &View<'_, Retrieval>) -> Result<(), String> {
            if let Observation::Sent { message: RetrievalMessage::Chunk(..), .. } = event {
                self.0.set(self.0.get() + 1);
            }
            Ok(())
        }
    }
    for n in [4, 7, 10] {
        let payload = tree(30 * C, 1);
        let sent = std::rc::Rc::default();
        let builder = watched(n, 1, &payload)
            .oracle(Count(std::rc::Rc::clone(&sent)))
            .scheduler(Schedule::Latency(Delay::One.into()));
        let mut sim = start(builder, n);
        let signers: NodeSet = (1..n).map(node).collect();
        for who in 0..n {
            let held = if who == 0 { None } else { Some(RetrievalInput::Hold(payload.clone())) };
            let want = RetrievalInput::Want { root: payload.commitment(), signers };
            held.into_iter().chain([want]).for_each(|input| sim.input(node(who), input));
        }
        sim.run().assert_ok();
        let time = sim.time_of_output(node(0), 0).unwrap();
        assert!(time <= 2.0 + 1e-6, "{time} delays, n = {n}");
        assert!(sent.get() <= 30 + 2 * n / 3, "n = {n}: {} chunks of 30 were sent", sent.get());
    }
}

/// Shows its payload to as few as may be, and its certificate to all.
struct Sparing;

impl Adversary<Dispersal> for Sparing {
    fn sends(&mut self, to: NodeIndex, message: DispersalMessage, attack: &mut Attack<'_, Dispersal>) {
        let committee = attack.committee();
        // Itself and the last ones make a quorum.
        let chosen = to.as_usize() > committee.f();
        match message {
            DispersalMessage::Pb(PbMessage::Send(_)) if !chosen => attack.count("sparing"),
            // What it holds it shows to nobody.
            DispersalMessage::Retrieval(RetrievalMessage::Chunk(..)) => {}
            other => attack.send(to, other),
        }
    }
}

/// When all is said, whoever has a certificate has the payload.
#[derive(Default)]
struct Retrievable {
    fetched: u64,
}

impl Oracle<Dispersal> for Retrievable {
    fn name(&self) -> &'static str {
        "retrievable"
    }

    fn finish(&mut self, view: &View<'_, Dispersal>) -> Result<(), String> {
        for who in view.live().iter() {
            let outputs = view.outputs(who);
            let certified = outputs.iter().find_map(|output| match output {
                DispersalOutput::Certified(root) => Some(*root),
                DispersalOutput::Payload(_) => None,
            });
            let payload = outputs.iter().find_map(|output| match output {
                DispersalOutput::Payload(tree) => Some(tree.commitment()),
                DispersalOutput::Certified(_) => None,
            });
            if certified != payload {
                return Err(format!("{who} has a certificate of {certified:?} and the payload of {payload:?}"));
            }
            self.fetched += u64::from(view.node(who).fetched() && payload.is_some());
        }
        Ok(())
    }

    fn count(&self, coverage: &mut Coverage) {
        if self.fetched > 0 {
            coverage.count("fetched");
        }
    }
}

fn dispersal(n: usize, seed: u64) -> Builder<Dispersal> {
    Simulation::<Dispersal>::builder(Committee::new(n).unwrap(), seed)
        .scheduler(Schedule::Swarm)
        .oracle(Agreement::new(|output: &DispersalOutput| ((), output.root())))
        .oracle(Integrity::new(|output: &DispersalOutput| matches!(output, DispersalOutput::Payload(_))))
        .oracle(Retrievable::default())
}

fn disperse(n: usize) -> impl Fn(NodeIndex) -> Dispersal {
    move |me| Dispersal::new(PbConfig { max_payload: 2 * provable::MAX, ..provable::config(n, me, 0, true) })
}

fn bytes(len: usize, salt: u8) -> Bytes {
    tree(len, salt).body().to_bytes()
}

#[test]
fn every_certified_payload_can_be_had() {
    let mut coverage = Coverage::new();
    for n in SIZES {
        let f = Committee::new(n).unwrap().f();
        for seed in seeds(40) {
            let mut builder = dispersal(n, seed);
            if f > 0 {
                builder = match seed % 4 {
                    0 | 1 => builder.faulty(node(0), Box::new(Sparing) as Box<dyn Adversary<Dispersal>>),
                    2 => builder.faulty(node(0), Behaviour::Equivocate),
                    _ => builder.faulty(node(0), Behaviour::Withhold),
                };
            }
            for bad in 1..f {
                // Signers that withhold: they sign, and then they are silent.
                let behaviour = [Behaviour::Withhold, Behaviour::Crash { after: 3 }, Behaviour::Garbage];
                builder = builder.faulty(node(n - bad), behaviour[(seed as usize / 4 + bad) % 3]);
            }
            let builder = builder.twin_input(|_, input: &Bytes| Some(bytes(input.len() + 1, 0xee)));
            let mut sim = builder.build(disperse(n));
            sim.input(node(0), bytes([100, 3 * C + 5, 18 * C][seed as usize % 3], seed as u8));
            let report = sim.run();
            report.assert_ok();
            coverage.absorb(&report.coverage);
        }
    }
    coverage.assert_all_fired(&["sparing", "fetched", "attack.withhold", "attack.equivocate"]);
}

#[test]
fn every_certified_payload_can_be_had_after_crashes() {
    let mut coverage = Coverage::new();
    for n in [4, 5, 7, 10] {
        for seed in seeds(40) {
            let builder = dispersal(n, seed)
                .faulty(node(0), Box::new(Sparing) as Box<dyn Adversary<Dispersal>>)
                .hostile_steps(1 << (3 + seed % 5))
                .crashes(n)
                .cuts(n / 2);
            let mut sim = builder.build(disperse(n));
            sim.input(node(0), bytes([100, 3 * C + 5, 18 * C][seed as usize % 3], seed as u8));
            let report = sim.run();
            report.assert_ok();
            coverage.absorb(&report.coverage);
        }
    }
    coverage.assert_all_fired(&["sparing", "fetched"]);
}
