//! One reliable broadcast: all nodes, from the input to the last delivery, messages encoded.

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use mellivora::broadcast::Rbc;
use mellivora::core::NodeIndex;
use mellivora_benches::drive::{Cluster, Travel};
use mellivora_benches::{MiMalloc, clock::ThreadCpu, criterion, setup};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn broadcast(mut cluster: Cluster<Rbc>, payload: Bytes) -> Cluster<Rbc> {
    cluster.input(NodeIndex(0), payload);
    cluster.run();
    cluster
}

fn bench(c: &mut Criterion<ThreadCpu>) {
    for n in [4, 10, 16] {
        let committee = setup::committee(n);
        let codec = setup::codec(committee);
        for len in [0, 1 << 10, 64 << 10, 1 << 20] {
            let payload = setup::payload(len);
            let fresh = || {
                let nodes = committee.nodes().map(|me| setup::rbc(&codec, NodeIndex(0), me));
                Cluster::new(committee, Travel::Encoded, nodes)
            };
            let cluster = broadcast(fresh(), payload.clone());
            for node in cluster.nodes() {
                let delivered: Vec<_> = node.outputs().iter().filter_map(|output| output.body.as_ref()).collect();
                assert!(matches!(delivered[..], [body] if body.to_vec() == payload), "{node:?} delivers the payload");
            }
            let mut group = c.benchmark_group("rbc");
            group.throughput(if len == 0 {
                Throughput::Elements(cluster.delivered())
            } else {
                Throughput::Bytes(len as u64)
            });
            group.bench_function(format!("rbc::broadcast/n={n},bytes={len}"), |b| {
                b.iter_batched(fresh, |cluster| broadcast(cluster, payload.clone()), BatchSize::PerIteration);
            });
            group.finish();
        }
    }
}

criterion_group! { name = benches; config = criterion(); targets = bench }
criterion_main!(benches);
