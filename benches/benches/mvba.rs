//! One agreement on a value: all nodes, each with a value of its own of 32 bytes, from the inputs to the last decision,
//! messages as values, real signatures and coins. Elements per second are delivered messages.

use std::sync::Arc;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use mellivora::agreement::{Ckps, Mvba, MvbaParams, Predicate, Smvba};
use mellivora::core::{Committee, Layer, NodeIndex, Segment};
use mellivora::crypto::{NodeKeys, Remembering, Suite};
use mellivora_benches::drive::{Cluster, Travel};
use mellivora_benches::{MiMalloc, clock::ThreadCpu, criterion, setup};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Everything may be agreed on.
#[derive(Debug)]
struct Anything;

impl Predicate for Anything {
    fn holds(&self, _: &Bytes) -> bool {
        true
    }
}

fn fresh<M: Mvba>(committee: Committee, keys: &[NodeKeys]) -> Cluster<M> {
    let node = |me: NodeIndex| {
        let keys = &keys[me.as_usize()];
        M::new(MvbaParams {
            committee,
            me,
            domain: setup::domain(1).child(Segment::only(Layer::Mvba)),
            coin: keys.coin().clone(),
            certificates: Remembering::scheme(keys.certificates()),
            predicate: Arc::new(Anything),
            views_ahead: 6,
        })
    };
    Cluster::new(committee, Travel::Values, committee.nodes().map(node))
}

fn agree<M: Mvba>(mut cluster: Cluster<M>, committee: Committee) -> Cluster<M> {
    committee.nodes().for_each(|node| cluster.input(node, Bytes::from(vec![node.0 as u8; 32])));
    cluster.run();
    cluster
}

fn bench_one<M: Mvba>(c: &mut Criterion<ThreadCpu>, name: &str) {
    for n in [4, 16] {
        let committee = setup::committee(n);
        let keys = setup::keys(Suite::default(), committee);
        let cluster = agree(fresh::<M>(committee, &keys), committee);
        let decisions: Vec<&[Bytes]> = cluster.nodes().iter().map(|node| node.outputs()).collect();
        assert!(decisions.iter().all(|outputs| outputs.len() == 1 && *outputs == decisions[0]), "all decide the same");
        let mut group = c.benchmark_group("mvba");
        group.throughput(Throughput::Elements(cluster.delivered()));
        group.bench_function(format!("mvba::agree/n={n},protocol={name}"), |b| {
            b.iter_batched(
                || fresh::<M>(committee, &keys),
                |cluster| agree(cluster, committee),
                BatchSize::PerIteration,
            );
        });
        group.finish();
    }
}

fn bench(c: &mut Criterion<ThreadCpu>) {
    bench_one::<Smvba>(c, "smvba");
    bench_one::<Ckps>(c, "ckps");
}

criterion_group! { name = benches; config = criterion(); targets = bench }
criterion_main!(benches);
