//! What a small message costs through all layers of HoneyBadger, jobs left out: node 0 of an epoch hears again what it
//! once heard. Elements per second are votes and other small statements; 10 million per second are 100 ns each.
//!
//! Equal votes of many instances travel as one message with a bitmask, so a message holds up to n votes for each kind.
//! How many share one depends on the schedule: in lockstep a turn takes everything that is there, otherwise each frame
//! is a turn of its own.

use std::time::Duration;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mellivora::EncryptionSchedule;
use mellivora::atomic::epoch::EpochMessage;
use mellivora::atomic::{Config, HoneyBadger, Input, Message, Submission, Ticket};
use mellivora::core::{NodeIndex, codec};
use mellivora::crypto::{NodeKeys, Suite};
use mellivora::subset::{Bkr, BkrMessage};
use mellivora_benches::clock::{ThreadCpu, thread_cpu};
use mellivora_benches::drive::{Cluster, Heard, Node, Travel};
use mellivora_benches::{MiMalloc, criterion, setup};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

type Protocol = HoneyBadger<Bkr>;
type Turns = Vec<Vec<Heard<Protocol>>>;

/// Votes in a message; 1 for anything that is no bundle of votes.
fn statements(message: &Message<EpochMessage<BkrMessage>>) -> u64 {
    match message {
        Message::Epoch { message: EpochMessage::Subset(BkrMessage::Votes(ballots)), .. } => {
            ballots.iter().map(|ballot| ballot.instances.len() as u64).sum()
        }
        _ => 1,
    }
}

fn submission() -> Input {
    Input::Submit(vec![Submission { ticket: Ticket(0), transaction: Bytes::from_static(b"to order") }])
}

fn record(config: &Config, keys: &[NodeKeys], parcels_per_turn: usize) -> Turns {
    let nodes = setup::honey_badgers(config, keys);
    let mut cluster =
        Cluster::new(config.committee, Travel::Encoded, nodes).recording().parcels_per_turn(parcels_per_turn);
    cluster.input(NodeIndex(0), submission());
    cluster.run();
    cluster.recorded()
}

/// Time of a replay, less jobs.
fn replay(config: &Config, keys: &[NodeKeys], turns: Turns) -> Duration {
    // Only node 0 is needed, and it draws the same randomness as when it was recorded.
    let protocol = setup::honey_badgers(config, &keys[..1]).into_iter().next();
    let mut node = Node::alone(config.committee, NodeIndex(0), protocol.unwrap_or_else(|| panic!("one node")));
    let before = thread_cpu();
    node.input(submission());
    node.flush();
    for turn in turns {
        for (from, message) in turn {
            node.receive(from, message);
        }
        node.flush();
        node.discard_frames();
    }
    let spent = thread_cpu().saturating_sub(before + node.job_time());
    assert_eq!(node.outputs().len(), 1, "the epoch ends as it did");
    spent
}

/// Time of decoding every message once.
fn decode(frames: &[Bytes]) -> Duration {
    let before = thread_cpu();
    for frame in frames {
        let message = codec::decode::<Message<EpochMessage<BkrMessage>>>(frame);
        assert!(message.is_ok());
    }
    thread_cpu().saturating_sub(before)
}

fn bench(c: &mut Criterion<ThreadCpu>) {
    for n in [16, 31] {
        let committee = setup::committee(n);
        let keys = setup::keys(Suite::default(), committee);
        let config =
            setup::config(committee, n, 1, 250, EncryptionSchedule::Never).unwrap_or_else(|error| panic!("{error}"));
        for (schedule, parcels) in [("lockstep", usize::MAX), ("by-frame", 1)] {
            let turns = record(&config, &keys, parcels);
            let messages = turns.iter().map(Vec::len).sum::<usize>() as u64;
            let votes: u64 = turns.iter().flatten().map(|(_, message)| statements(message)).sum();
            let frames: Vec<Bytes> = turns.iter().flatten().map(|(_, message)| codec::encode(message)).collect();
            let mut group = c.benchmark_group("delivery");
            for (unit, count) in [("vote", votes), ("message", messages)] {
                group.throughput(Throughput::Elements(count));
                group.bench_function(format!("delivery::{unit}/n={n},turns={schedule},count={count}"), |b| {
                    b.iter_custom(|times| (0..times).map(|_| replay(&config, &keys, turns.clone())).sum());
                });
            }
            group.throughput(Throughput::Elements(messages));
            group.bench_function(format!("delivery::decode/n={n},turns={schedule},count={messages}"), |b| {
                b.iter_custom(|times| (0..times).map(|_| decode(&frames)).sum());
            });
            group.finish();
        }
    }
}

criterion_group! { name = benches; config = criterion(); targets = bench }
criterion_main!(benches);
