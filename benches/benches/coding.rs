//! Erasure code and commitments.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mellivora::coding::{Body, ChunkTree, Decoded, Shard};
use mellivora::core::{NodeIndex, hash::HashKey};
use mellivora_benches::{MiMalloc, clock::ThreadCpu, criterion, setup};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn bench(c: &mut Criterion<ThreadCpu>) {
    for n in [4, 10, 16, 31] {
        let committee = setup::committee(n);
        let codec = setup::codec(committee);
        for len in [1 << 10, 64 << 10, 1 << 20, 6 << 20] {
            let payload = setup::payload(len);
            let encoded = codec.encode(payload.clone()).unwrap_or_else(|error| panic!("{error}"));
            let all: Vec<(NodeIndex, &Shard, _)> =
                committee.nodes().zip(&encoded.shards).map(|(node, shard)| (node, shard, None)).collect();
            let k = committee.data_shards();
            // The last k shards hold as few data shards as can be: everything missing is computed.
            for (set, shards) in [("data", &all[..k]), ("parity", &all[n - k..])] {
                let decoded = codec.decode(&encoded.commitment, shards);
                assert!(matches!(decoded, Decoded::Match(body) if body.to_vec() == payload), "{set} shards decode");
            }
            let mut group = c.benchmark_group("coding");
            group.throughput(Throughput::Bytes(len as u64));
            let name = |operation: &str| format!("coding::{operation}/n={n},bytes={len}");
            group.bench_function(name("encode"), |b| b.iter(|| codec.encode(payload.clone())));
            group.bench_function(name("decode_data"), |b| b.iter(|| codec.decode(&encoded.commitment, &all[..k])));
            group
                .bench_function(name("decode_parity"), |b| b.iter(|| codec.decode(&encoded.commitment, &all[n - k..])));
            // One shard of the payload.
            group.throughput(Throughput::Bytes(encoded.shards[0].data.len() as u64));
            group.bench_function(name("verify"), |b| {
                b.iter(|| codec.verify(&encoded.commitment, NodeIndex(0), &encoded.shards[0]));
            });
            group.finish();
        }
    }
}

/// The chunk tree, and beside it the plain hash of the same bytes, which is its floor.
fn chunks(c: &mut Criterion<ThreadCpu>) {
    for len in [64 << 10, 1 << 20, 16 << 20] {
        let payload = setup::payload(len);
        let body = Body::from_bytes(payload.clone());
        let key = HashKey::new("mellivora/bench");
        let tree = ChunkTree::commit(body.clone()).unwrap_or_else(|error| panic!("{error}"));
        let chunk = tree.chunk(0).unwrap_or_else(|| panic!("every payload has a chunk"));
        assert!(chunk.verify(&tree.commitment(), 0, len).is_some(), "a chunk proves itself");
        let mut group = c.benchmark_group("chunks");
        group.throughput(Throughput::Bytes(len as u64));
        let name = |operation: &str| format!("chunks::{operation}/bytes={len}");
        group.bench_function(name("commit"), |b| b.iter(|| ChunkTree::commit(body.clone())));
        group.bench_function(name("plain_hash"), |b| b.iter(|| key.digest(&payload)));
        group.throughput(Throughput::Bytes(chunk.data.len() as u64));
        group.bench_function(name("verify"), |b| b.iter(|| chunk.verify(&tree.commitment(), 0, len)));
        group.finish();
    }
}

criterion_group! { name = benches; config = criterion(); targets = bench, chunks }
criterion_main!(benches);
