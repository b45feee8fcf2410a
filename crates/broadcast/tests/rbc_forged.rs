//! Proposers that commit to what is no codeword, and show it selectively, in whole clusters: totality is at stake.

mod common;

use bytes::Bytes;
use common::tree::ForgedTree;
use common::*;
use mellivora_broadcast::{Rbc, RbcMessage};
use mellivora_core::codec::Blob;
use mellivora_core::{Committee, NodeIndex};
use mellivora_sim::{Adversary, Attack, Coverage, Schedule, seeds};

/// What a forging proposer does; all drawn from its seed.
struct ForgingProposer {
    n: usize,
    seed: u64,
}

impl ForgingProposer {
    fn root_and_shard(&self, i: usize) -> RbcMessage {
        let forger = self.forger();
        RbcMessage::Val { root: forger.commitment(), shard: forger.shard(node(i)) }
    }

    /// Sometimes a parity leaf is corrupted, sometimes a data leaf, sometimes two, sometimes none.
    fn forger(&self) -> ForgedTree {
        let codec = codec(self.n);
        let k = codec.committee().data_shards();
        let mut forger = ForgedTree::honest(&codec, payload(1000, 1)).unwrap();
        let parity = k + self.seed as usize % (self.n - k);
        match self.seed % 4 {
            0 | 1 => forger.flip(parity, 7, 1),
            2 => forger.flip(self.seed as usize % k, 0, 0x80),
            _ => {
                forger.flip(parity, 1, 2);
                forger.flip(0, 1, 2);
            }
        }
        forger
    }
}

impl Adversary<Rbc> for ForgingProposer {
    fn input(&mut self, _: Bytes, attack: &mut Attack<'_, Rbc>) -> Option<Bytes> {
        let committee = attack.committee();
        // VALs to a quorum at the most; its own ECHO, READY and CAN_DECODE to some; the rest is left in the dark.
        let reached = committee.quorum() - (self.seed as usize / 4) % 2;
        for step in 0..committee.n() - 1 {
            let i = 1 + (step + self.seed as usize) % (committee.n() - 1);
            if step < reached {
                attack.send(node(i), self.root_and_shard(i));
                attack.count("forged.val");
            }
            if (self.seed >> (i % 16)) & 1 == 1 {
                let RbcMessage::Val { root, shard } = self.root_and_shard(0) else { return None };
                attack.send(node(i), RbcMessage::Echo { root, shard });
                attack.send(node(i), RbcMessage::Ready(root));
                attack.send(node(i), RbcMessage::CanDecode(root));
            }
        }
        None
    }

    fn sends(&mut self, _: NodeIndex, _: RbcMessage, _: &mut Attack<'_, Rbc>) {}
}

#[test]
fn corrupted_leaves_shown_selectively_end_alike_for_all() {
    let mut coverage = Coverage::new();
    for n in [4, 5, 6, 7, 10] {
        for mode in modes(n) {
            for seed in seeds(60) {
                let adversary: Box<dyn Adversary<Rbc>> = Box::new(ForgingProposer { n, seed });
                let builder =
                    watched(n, seed).scheduler(Schedule::Swarm).oracle(all_or_none()).faulty(node(0), adversary);
                let mut sim = start(builder, n, mode);
                sim.input(node(0), payload(1000, 1));
                let report = sim.run();
                report.assert_ok();
                coverage.absorb(&report.coverage);
                for i in 1..n {
                    match sim.outputs(node(i)).first() {
                        Some(output) if output.body.is_none() => coverage.count("bottom"),
                        Some(_) => panic!("a tree that is no codeword was delivered as a payload, seed {seed}"),
                        None => coverage.count("nothing"),
                    }
                }
            }
        }
    }
    coverage.assert_all_fired(&["forged.val", "bottom", "nothing"]);
}

/// Runs the protocol, but its own shards are rubbish, some of them at least.
struct BadEchoes;

impl Adversary<Rbc> for BadEchoes {
    fn sends(&mut self, to: NodeIndex, message: RbcMessage, attack: &mut Attack<'_, Rbc>) {
        match message {
            RbcMessage::Echo { root, mut shard } if to.0.is_multiple_of(2) => {
                attack.count("bad.echo");
                shard.data = Blob(vec![0xbd; shard.data.len()].into());
                attack.send(to, RbcMessage::Echo { root, shard });
            }
            RbcMessage::EchoHash(root) => {
                // Declines shards in return for nothing.
                attack.send(to, RbcMessage::CanDecode(root));
                attack.send(to, RbcMessage::EchoHash(root));
            }
            other => attack.send(to, other),
        }
    }
}

#[test]
fn bad_shards_of_f_nodes_are_blamed_and_change_nothing() {
    let (mut coverage, mut blamed) = (Coverage::new(), 0);
    for n in [4, 7, 10] {
        let f = Committee::new(n).unwrap().f();
        for mode in modes(n) {
            for seed in seeds(40) {
                let expected = payload(5000, seed as u8);
                let mut builder = all_deliver(watched(n, seed).scheduler(Schedule::Swarm), expected.clone());
                for bad in 0..f {
                    let adversary: Box<dyn Adversary<Rbc>> = Box::new(BadEchoes);
                    builder = builder.faulty(node(1 + 2 * bad), adversary);
                }
                let mut sim = start(builder, n, mode);
                sim.input(node(0), expected);
                let report = sim.run();
                report.assert_ok();
                coverage.absorb(&report.coverage);
                blamed += sim.faults().len();
            }
        }
    }
    coverage.assert_all_fired(&["bad.echo"]);
    assert!(blamed > 0, "somebody decoded from a bad shard and found out");
}

#[test]
fn a_proposer_that_reaches_a_bare_quorum_and_then_falls_silent_reaches_all() {
    // Exactly a quorum of VALs, f of them at Byzantine nodes that show their shards to nobody: the k honest shards are
    // just enough, and everybody has to get every one of them.
    struct Bare;
    impl Adversary<Rbc> for Bare {
        fn sends(&mut self, to: NodeIndex, message: RbcMessage, attack: &mut Attack<'_, Rbc>) {
            let quorum = attack.committee().quorum();
            match message {
                RbcMessage::Val { .. } if to.as_usize() < quorum => attack.send(to, message),
                RbcMessage::Echo { root, .. } | RbcMessage::EchoHash(root) => {
                    attack.send(to, RbcMessage::EchoHash(root));
                }
                _ => {}
            }
        }
    }
    struct HashOnly;
    impl Adversary<Rbc> for HashOnly {
        fn sends(&mut self, to: NodeIndex, message: RbcMessage, attack: &mut Attack<'_, Rbc>) {
            match message {
                RbcMessage::Echo { root, .. } => attack.send(to, RbcMessage::EchoHash(root)),
                other => attack.send(to, other),
            }
        }
    }
    for n in [4, 5, 6, 7, 10] {
        let f = Committee::new(n).unwrap().f();
        for mode in modes(n) {
            for seed in seeds(20) {
                let expected = payload(3000, seed as u8);
                let mut builder = all_deliver(watched(n, seed).scheduler(Schedule::Swarm), expected.clone());
                builder = builder.faulty(node(0), Box::new(Bare) as Box<dyn Adversary<Rbc>>);
                for bad in 1..f {
                    builder = builder.faulty(node(bad), Box::new(HashOnly) as Box<dyn Adversary<Rbc>>);
                }
                let mut sim = start(builder, n, mode);
                sim.input(node(0), expected);
                sim.run().assert_ok();
            }
        }
    }
}
