//! One common subset: all nodes, each with a contribution of its own, messages encoded.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use mellivora::core::Committee;
use mellivora::crypto::Suite;
use mellivora::subset::Bkr;
use mellivora_benches::drive::{Cluster, Travel};
use mellivora_benches::{MiMalloc, clock::ThreadCpu, criterion, setup};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn agree(mut cluster: Cluster<Bkr>, committee: Committee, len: usize) -> Cluster<Bkr> {
    for node in committee.nodes() {
        cluster.input(node, setup::payload(len));
    }
    cluster.run();
    cluster
}

fn bench(c: &mut Criterion<ThreadCpu>) {
    for n in [4, 10, 16] {
        let committee = setup::committee(n);
        let codec = setup::codec(committee);
        let keys = setup::keys(Suite::default(), committee);
        for len in [64, 16 << 10] {
            let fresh = || {
                let nodes = keys.iter().map(|keys| setup::bkr(&codec, keys, 1));
                Cluster::new(committee, Travel::Encoded, nodes)
            };
            let cluster = agree(fresh(), committee, len);
            for node in cluster.nodes() {
                assert!(matches!(node.outputs(), [set] if set.len() == n), "{node:?} has everybody's contribution");
            }
            let mut group = c.benchmark_group("subset");
            group.throughput(Throughput::Elements(cluster.delivered()));
            group.bench_function(format!("subset::bkr/n={n},bytes={len}"), |b| {
                b.iter_batched(fresh, |cluster| agree(cluster, committee, len), BatchSize::PerIteration);
            });
            group.finish();
        }
    }
}

criterion_group! { name = benches; config = criterion(); targets = bench }
criterion_main!(benches);
