//! HoneyBadger without a runtime: four state machines, a vector of messages in flight, and a loop.
//!
//! Whoever brings another runtime, or a simulator, does what [`Desk`] and [`main`] do: hand events over, end each turn
//! with a flush, and carry away what comes out.
//!
//! ```sh
//! cargo run --release --example sans_io
//! ```
#![allow(clippy::print_stdout, reason = "a program that talks to people")]

use std::error::Error;

use mellivora::atomic::{Config, HoneyBadger, Input, Local, Output, Submission, Ticket};
use mellivora::core::{Durable, Effects, Fault, Job, Protocol, To};
use mellivora::crypto::{Suite, deal_nodes};
use mellivora::subset::Bkr;
use mellivora::{Batch, Committee, NodeIndex};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;

type Machine = HoneyBadger<Bkr>;
type Message = <Machine as Protocol>::Message;

/// What a state machine wants done: the whole world as it sees it.
#[derive(Default)]
struct Desk {
    sent: Vec<(To, Message)>,
    jobs: Vec<<Machine as Protocol>::Job>,
    batches: Vec<Batch>,
}

impl Effects<Machine> for Desk {
    fn send(&mut self, to: To, _: Durable, message: Message) {
        // A node that may restart would log what is durable, and sync, before it lets it go.
        self.sent.push((to, message));
    }

    fn job(&mut self, job: <Machine as Protocol>::Job) {
        self.jobs.push(job);
    }

    fn fault(&mut self, fault: Fault) {
        println!("a fault: {fault}");
    }

    fn output(&mut self, output: Output) {
        if let Output::Batch(batch) = output {
            self.batches.push(batch);
        }
    }
}

struct Node {
    index: NodeIndex,
    machine: Machine,
    ledger: Vec<Batch>,
}

impl Node {
    /// Ends a turn: work is done on the spot, own messages come straight back, and the rest goes into the network.
    fn end_turn(&mut self, mut desk: Desk, network: &mut Vec<(NodeIndex, NodeIndex, Message)>, nodes: Committee) {
        loop {
            let (sent, jobs) = (std::mem::take(&mut desk.sent), std::mem::take(&mut desk.jobs));
            for job in jobs {
                self.machine.done(job.run(), &mut desk);
            }
            for (to, message) in sent {
                for peer in nodes.nodes().filter(|&peer| peer != self.index && to.includes(peer)) {
                    network.push((self.index, peer, message.clone()));
                }
                if to.includes(self.index) {
                    self.machine.receive(self.index, message, &mut desk);
                }
            }
            if desk.sent.is_empty() && desk.jobs.is_empty() {
                self.machine.flush(&mut desk);
                if desk.sent.is_empty() && desk.jobs.is_empty() {
                    break;
                }
            }
        }
        self.ledger.append(&mut desk.batches);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut rng = ChaCha20Rng::seed_from_u64(2016);
    let committee = Committee::new(4)?;
    let mut nodes = Vec::new();
    for keys in deal_nodes(Suite::Ristretto255, committee, &mut rng)? {
        let index = keys.index();
        let machine = Machine::new(Config::new(committee).batch_size(8), keys, Local::new(rng.random()))?;
        nodes.push(Node { index, machine, ledger: Vec::new() });
    }

    // Every node has something to say.
    let mut network = Vec::new();
    for node in &mut nodes {
        let say = |ticket| {
            let transaction = format!("node {} says {ticket}", node.index).into();
            Submission { ticket: Ticket(ticket), transaction }
        };
        let submissions = (0..3).map(say).collect();
        let mut desk = Desk::default();
        node.machine.input(Input::Submit(submissions), &mut desk);
        node.end_turn(desk, &mut network, committee);
    }

    // The network delivers in whatever order it likes, here a random one, until there is nothing left to say.
    let mut delivered = 0;
    while !network.is_empty() {
        network.shuffle(&mut rng);
        let half = network.len().div_ceil(2);
        for (from, to, message) in network.drain(..half).collect::<Vec<_>>() {
            let Some(node) = nodes.get_mut(to.as_usize()) else { continue };
            let mut desk = Desk::default();
            node.machine.receive(from, message, &mut desk);
            node.end_turn(desk, &mut network, committee);
            delivered += 1;
        }
    }

    let Some(first) = nodes.first() else { return Ok(()) };
    for batch in &first.ledger {
        println!("epoch {}:", batch.epoch());
        for (position, transaction) in batch.iter() {
            println!("  {:>2}  {}", position.index, String::from_utf8_lossy(transaction));
        }
    }
    let last = |node: &Node| node.ledger.last().map(Batch::digest);
    for node in &nodes {
        let count: usize = node.ledger.iter().map(Batch::len).sum();
        println!("node {}: {count} transactions, history {:?}", node.index, last(node));
        if last(node) != last(first) || count != 12 {
            return Err(format!("node {} disagrees", node.index).into());
        }
    }
    println!("{delivered} messages delivered, in random order, and all four agree");
    Ok(())
}
