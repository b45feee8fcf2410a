//! The wire format: messages of every size in and out.

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mellivora::agreement::Vote;
use mellivora::atomic::{Message, epoch::EpochMessage};
use mellivora::broadcast::RbcMessage;
use mellivora::core::codec::List;
use mellivora::core::codec::{decode, encode_into};
use mellivora::core::{Epoch, NodeIndex, NodeSet, Round};
use mellivora::subset::BkrMessage;
use mellivora::subset::bkr::Ballot;
use mellivora_benches::{MiMalloc, clock::ThreadCpu, criterion, setup};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

type Wire = Message<EpochMessage<BkrMessage>>;

fn of_epoch(message: BkrMessage) -> Wire {
    Message::Epoch { epoch: Epoch(3), message: EpochMessage::Subset(message) }
}

/// Three ballots of a turn, each for 16 instances: the message that is sent most.
fn votes() -> Wire {
    let round = Round(1);
    let ballots = [Vote::Bval { round, value: true }, Vote::Aux { round, value: true }, Vote::Term { value: true }];
    let instances = NodeSet::first(16);
    of_epoch(BkrMessage::Votes(List::new(ballots.map(|vote| Ballot { vote, instances }).to_vec())))
}

fn ready() -> Wire {
    let root = setup::codec(setup::committee(4)).encode(Bytes::new()).map_or_else(|e| panic!("{e}"), |e| e.commitment);
    of_epoch(BkrMessage::Rbc { proposer: NodeIndex(2), message: RbcMessage::Ready(root) })
}

/// An ECHO whose shard has `len` bytes.
fn echo(len: usize) -> Wire {
    let encoded = setup::codec(setup::committee(4)).encode(setup::payload(2 * len)).unwrap_or_else(|e| panic!("{e}"));
    let shard = encoded.shards[1].clone();
    of_epoch(BkrMessage::Rbc { proposer: NodeIndex(2), message: RbcMessage::Echo { root: encoded.commitment, shard } })
}

fn bench(c: &mut Criterion<ThreadCpu>) {
    let kib = 1 << 10;
    let messages = [
        ("votes", votes()),
        ("ready", ready()),
        ("echo-1KiB", echo(kib)),
        ("echo-64KiB", echo(64 * kib)),
        ("echo-1MiB", echo(kib * kib)),
    ];
    for (name, message) in messages {
        let mut out = Vec::new();
        encode_into(&message, &mut out);
        let frame = Bytes::from(out.clone());
        let again = decode::<Wire>(&frame).map(|message| mellivora::core::codec::encode(&message));
        assert_eq!(again.as_ref(), Ok(&frame), "{name} survives");
        let mut group = c.benchmark_group("codec");
        group.throughput(Throughput::Bytes(frame.len() as u64));
        group.bench_function(BenchmarkId::new("codec::encode", format!("message={name}")), |b| {
            b.iter(|| {
                out.clear();
                encode_into(&message, &mut out);
            });
        });
        group.bench_function(BenchmarkId::new("codec::decode", format!("message={name}")), |b| {
            b.iter(|| decode::<Wire>(&frame));
        });
        group.finish();
    }
}

criterion_group! { name = benches; config = criterion(); targets = bench }
criterion_main!(benches);
