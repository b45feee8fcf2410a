//! Whole nodes that crash and come back with their promises alone, on a schedule drawn from bytes.

use mellivora_atomic::{Batch, HoneyBadger, Input as Event};
use mellivora_core::{Digest, Epoch, NodeIndex};
use mellivora_subset::Bkr;

use crate::agreement::keys;
use crate::atomic::{batches, finish, network, node, one_history, schedule, submit, transaction};
use crate::input::Input;
use crate::network::Network;
use crate::promises::{Promises, of_node};

type Cluster = Network<HoneyBadger<Bkr>>;

/// Crashes of one run at the most.
const CRASHES: usize = 8;
/// Transactions per node.
const TRANSACTIONS: usize = 2;

/// Statements before and after a crash never contradict each other, none is heard before it is logged, and all honest
/// nodes order one history with every transaction in it, whatever they output before they crashed.
pub fn restart(data: &[u8]) -> bool {
    let mut input = Input(data);
    let keys = keys(input.below(2));
    let committee = keys[0].committee();
    let choice = input.byte();
    let encryption = schedule(choice);
    let mut network = network(keys, encryption);
    network.promises = Some(Promises::new(of_node));
    let honest = network.honest().len();
    let mut former: Vec<(NodeIndex, Epoch, Digest)> = Vec::new();
    let mut incarnation = 0;
    let mut again = |network: &mut Cluster, me: NodeIndex, input: &mut Input<'_>| {
        incarnation += 1;
        network.restart(me, node(keys, encryption, me, incarnation), input);
        for peer in committee.nodes().filter(|peer| *peer != me) {
            network.input(me, Event::Resend(peer), input);
        }
        // The queue is no promise: whoever submitted does so again.
        network.input(me, submit(me, 0..TRANSACTIONS), input);
    };

    for me in committee.nodes() {
        network.input(me, submit(me, 0..TRANSACTIONS), &mut input);
    }
    if choice & 128 != 0 {
        let byzantine = network.byzantine();
        let twin = node(keys, encryption, byzantine, 255);
        network.equivocate(twin, submit(byzantine, 10..12), &mut input);
    }
    let mut crashes = 0;
    loop {
        if !input.is_empty() {
            let me = NodeIndex((input.byte() >> 4) as u16 % honest as u16);
            match input.byte() % 16 {
                0 if network.down().contains(me) => again(&mut network, me, &mut input),
                // Its peers keep a batch only until it says that it has it. Whoever has closed an epoch would come
                // back with the batch in its store; there is none here.
                0 if crashes < CRASHES && network.node(me).status().low == Epoch(0) => {
                    crashes += 1;
                    let outputs = network.crash(me);
                    former.extend(batches(&outputs).into_iter().map(|batch| (me, batch.epoch(), batch.digest())));
                }
                1 => network.input(me, Event::Nudge, &mut input),
                2 => {
                    let peer = NodeIndex(input.below(committee.n()) as u16);
                    network.input(me, Event::Resend(peer), &mut input);
                }
                _ => {}
            }
        }
        if !network.step(&mut input) {
            let Some(me) = network.down().iter().next() else { break };
            again(&mut network, me, &mut input);
        }
    }
    finish(&mut network, &mut input);

    let histories: Vec<Vec<&Batch>> = network.honest().iter().map(|outputs| batches(outputs)).collect();
    let ordered = one_history(&histories);
    for me in (0..honest as u16).map(NodeIndex) {
        for i in 0..TRANSACTIONS {
            assert!(ordered.contains(&transaction(me, i)[..]), "transaction {i} of node {me} is ordered");
        }
    }
    for (me, epoch, digest) in former {
        let same = histories[0].iter().any(|batch| (batch.epoch(), batch.digest()) == (epoch, digest));
        assert!(same, "node {me} had another batch of epoch {epoch} before it crashed");
    }
    crashes > 0
}
