//! What is counted.

use bytes::Bytes;
use mellivora::EncryptionSchedule;
use mellivora::atomic::{Atomic, Input, Output, Samples, Source, Streams, Submission, Ticket};
use mellivora::core::Committee;
use mellivora::crypto::Suite;
use mellivora::subset::{Bkr, Dumbo1, Dumbo2, SDumbo};
use mellivora_benches::drive::{Cluster, Travel};
use mellivora_benches::setup;
use mellivora_benches::workload::Workload;

/// Bytes of a transaction.
const SIZE: usize = 250;

/// Runs a subject of one protocol.
type Run = fn(Subject);

/// A protocol in one configuration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject {
    protocol: (&'static str, Run),
    nodes: usize,
    batch: usize,
    encrypted: bool,
}

const PROTOCOLS: [(&str, Run); 5] = [
    ("honey-badger", |subject| subject.count::<Samples<Bkr>>()),
    ("dumbo1", |subject| subject.count::<Samples<Dumbo1>>()),
    ("dumbo2", |subject| subject.count::<Samples<Dumbo2>>()),
    ("sdumbo", |subject| subject.count::<Samples<SDumbo>>()),
    ("dumbo-ng", |subject| subject.count::<Streams>()),
];

impl Subject {
    /// All subjects: small ones show what messages and cryptography cost, large ones what bytes do.
    pub(crate) fn all() -> impl Iterator<Item = Subject> {
        let sizes = [(4, 4, true), (4, 4, false), (4, 1_000, true), (4, 1_000, false), (7, 7, false)];
        PROTOCOLS.into_iter().flat_map(move |protocol| {
            sizes.into_iter().map(move |(nodes, batch, encrypted)| Subject { protocol, nodes, batch, encrypted })
        })
    }

    pub(crate) fn name(self) -> String {
        let encrypted = if self.encrypted { "encrypted" } else { "plain" };
        format!("{},n={},B={},{encrypted}", self.protocol.0, self.nodes, self.batch)
    }

    pub(crate) fn by_name(name: &str) -> Option<Subject> {
        Subject::all().find(|subject| subject.name() == name)
    }

    /// Runs it once for what happens in the first batch alone, and once to be counted.
    pub(crate) fn run(self) {
        self.protocol.1(self);
    }

    fn count<P: Source + 'static>(self) {
        let committee = setup::committee(self.nodes);
        let keys = setup::keys(Suite::default(), committee);
        let encryption = if self.encrypted { EncryptionSchedule::Always } else { EncryptionSchedule::Never };
        let config =
            setup::config(committee, self.nodes, self.batch, SIZE, encryption).unwrap_or_else(|e| panic!("{e}"));
        let mut cluster = Cluster::new(committee, Travel::Encoded, setup::engines::<P>(&config, &keys));
        let mut workload = Workload::new(SIZE, 1);
        submit(&mut cluster, committee, workload.split(self.batch, self.nodes));
        cluster.run();
        counted_batch(&mut cluster, committee, workload.split(self.batch, self.nodes));
        for node in cluster.nodes() {
            let batches = node.outputs().iter().filter_map(|output| match output {
                Output::Batch(batch) => Some(batch.len()),
                _ => None,
            });
            assert_eq!(batches.sum::<usize>(), 2 * self.batch, "every node orders everything");
        }
    }
}

fn submit<P: Source + 'static>(cluster: &mut Cluster<Atomic<P>>, committee: Committee, parts: Vec<Vec<Bytes>>) {
    for (node, part) in committee.nodes().zip(parts) {
        let submission = |(transaction, ticket)| Submission { ticket: Ticket(ticket), transaction };
        cluster.input(node, Input::Submit(part.into_iter().zip(0..).map(submission).collect()));
    }
}

/// Callgrind counts what happens in here.
#[inline(never)]
fn counted_batch<P: Source + 'static>(cluster: &mut Cluster<Atomic<P>>, committee: Committee, parts: Vec<Vec<Bytes>>) {
    submit(cluster, committee, parts);
    cluster.run();
}
