//! One batch of each protocol: all nodes in one thread, messages encoded, jobs on the spot. What the `throughput` harness
//! measures with a runtime, links and a job pool, without them. Elements per second are transactions.

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use mellivora::EncryptionSchedule;
use mellivora::atomic::{Atomic, Input, Output, Samples, Source, Streams, Submission, Ticket};
use mellivora::core::Committee;
use mellivora::crypto::Suite;
use mellivora::subset::{Bkr, Dumbo1, Dumbo2, SDumbo};
use mellivora_benches::drive::{Cluster, Travel};
use mellivora_benches::workload::Workload;
use mellivora_benches::{MiMalloc, clock::ThreadCpu, criterion, setup};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

type Nodes<P> = Cluster<Atomic<P>>;

const SIZE: usize = 250;

fn epoch<P: Source + 'static>(mut cluster: Nodes<P>, committee: Committee, transactions: Vec<Vec<Bytes>>) -> Nodes<P> {
    for (node, part) in committee.nodes().zip(transactions).filter(|(_, part)| !part.is_empty()) {
        let submissions =
            part.into_iter().zip(0..).map(|(transaction, i)| Submission { ticket: Ticket(i), transaction });
        cluster.input(node, Input::Submit(submissions.collect()));
    }
    cluster.run();
    cluster
}

fn check<P: Source + 'static>(cluster: &Nodes<P>, batch: usize) {
    let mut digests = Vec::new();
    for node in cluster.nodes() {
        let batches = node.outputs().iter().filter_map(|output| match output {
            Output::Batch(batch) => Some(batch),
            _ => None,
        });
        let ordered: usize = batches.clone().map(|batch| batch.len()).sum();
        assert_eq!(ordered, batch, "{node:?} puts out everything");
        digests.push(batches.map(|batch| batch.digest()).collect::<Vec<_>>());
    }
    assert!(digests.windows(2).all(|pair| pair[0] == pair[1]), "equal ledgers");
}

fn bench_protocol<P: Source + 'static>(c: &mut Criterion<ThreadCpu>, name: &str) {
    // The largest batches take a second each: nothing for a run that only wants to see everything work.
    let quick = std::env::args().any(|argument| argument == "--test");
    let batches: &[usize] = if quick { &[1, 100, 1_000] } else { &[1, 100, 1_000, 10_000, 100_000] };
    for n in [4, 10, 16] {
        let committee = setup::committee(n);
        let keys = setup::keys(Suite::default(), committee);
        for encryption in [EncryptionSchedule::Always, EncryptionSchedule::Never] {
            for &batch in batches {
                let config = setup::config(committee, n, batch, SIZE, encryption).unwrap_or_else(|e| panic!("{e}"));
                let fresh = || Cluster::new(committee, Travel::Encoded, setup::engines::<P>(&config, &keys));
                let mut workload = Workload::new(SIZE, 1);
                let mut group = c.benchmark_group("epoch");
                group.throughput(Throughput::Elements(batch as u64));
                group.bench_function(format!("epoch::{name}/n={n},B={batch},encrypt={encryption}"), |b| {
                    b.iter_batched(
                        || (fresh(), workload.split(batch, n)),
                        |(cluster, transactions)| {
                            let cluster = epoch(cluster, committee, transactions);
                            // A few comparisons per node: nothing beside what is measured.
                            check(&cluster, batch);
                            cluster
                        },
                        BatchSize::PerIteration,
                    );
                });
                group.finish();
            }
        }
    }
}

fn bench(c: &mut Criterion<ThreadCpu>) {
    bench_protocol::<Samples<Bkr>>(c, "honey_badger");
    bench_protocol::<Samples<Dumbo1>>(c, "dumbo1");
    bench_protocol::<Samples<Dumbo2>>(c, "dumbo2");
    bench_protocol::<Samples<SDumbo>>(c, "sdumbo");
    bench_protocol::<Streams>(c, "dumbo_ng");
}

criterion_group! { name = benches; config = criterion(); targets = bench }
criterion_main!(benches);
