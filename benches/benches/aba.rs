//! One binary agreement: all nodes, unanimous input 1, from the input to the last halt, messages as values. Elements per
//! second are delivered messages.

use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use mellivora::agreement::{Aba, AbaConfig, CoinSchedule};
use mellivora::core::{Committee, Layer, NodeIndex, Segment};
use mellivora::crypto::{CoinScheme, Suite};
use mellivora_adversary::ideal::IdealCoin;
use mellivora_benches::drive::{Cluster, Travel};
use mellivora_benches::{MiMalloc, clock::ThreadCpu, criterion, setup};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn agree(mut cluster: Cluster<Aba>, committee: Committee) -> Cluster<Aba> {
    committee.nodes().for_each(|node| cluster.input(node, true));
    cluster.run();
    cluster
}

fn bench(c: &mut Criterion<ThreadCpu>) {
    for n in [4, 16, 31] {
        let committee = setup::committee(n);
        let ideal: Vec<Arc<dyn CoinScheme>> = committee.nodes().map(|me| IdealCoin::scheme(committee, me, 1)).collect();
        let real: Vec<Arc<dyn CoinScheme>> =
            setup::keys(Suite::default(), committee).iter().map(|keys| keys.coin().clone()).collect();
        for (name, coins, schedule) in [
            ("fixed", &ideal, CoinSchedule::Fixed10Real),
            ("ideal", &ideal, CoinSchedule::AlwaysReal),
            ("ristretto255", &real, CoinSchedule::AlwaysReal),
        ] {
            let fresh = || {
                let node = |me: NodeIndex| {
                    let domain = setup::domain(1).child(Segment::of(Layer::Aba, NodeIndex(0)));
                    let coin = coins[me.as_usize()].clone();
                    Aba::new(AbaConfig { committee, me, domain, coin, schedule, rounds_ahead: 6 })
                };
                Cluster::new(committee, Travel::Values, committee.nodes().map(node))
            };
            let cluster = agree(fresh(), committee);
            assert!(cluster.nodes().iter().all(|node| node.outputs() == [true]), "everybody decides 1");
            let mut group = c.benchmark_group("aba");
            group.throughput(Throughput::Elements(cluster.delivered()));
            group.bench_function(format!("aba::agree/n={n},coin={name}"), |b| {
                b.iter_batched(fresh, |cluster| agree(cluster, committee), BatchSize::PerIteration);
            });
            group.finish();
        }
    }
}

criterion_group! { name = benches; config = criterion(); targets = bench }
criterion_main!(benches);
