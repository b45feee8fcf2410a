//! What the tests share: one node driven by hand, whole clusters under the simulator, and forged commitments.

#![allow(dead_code)] // Each test file uses its own part.

#[allow(unreachable_pub)]
#[path = "../../../adversary/src/forge/tree.rs"]
pub(crate) mod tree;

use std::sync::Arc;

use bytes::Bytes;
use mellivora_broadcast::{EchoMode, Rbc, RbcConfig, RbcJob, RbcMessage};
use mellivora_coding::{Codec, Contribution, Encoded};
use mellivora_core::{Committee, Digest, Durable, Effects, Fault, FaultKind, Job, NodeIndex, Protocol, To};
use mellivora_sim::{Agreement, Builder, Integrity, Memory, Simulation, Statements, Totality, Validity};

pub(crate) const SIZES: [usize; 6] = [1, 4, 5, 6, 7, 10];
pub(crate) const LIMIT: usize = 1 << 16;

pub(crate) fn node(i: usize) -> NodeIndex {
    NodeIndex(i as u16)
}

pub(crate) fn codec(n: usize) -> Arc<Codec> {
    Arc::new(Codec::new(Committee::new(n).unwrap(), LIMIT).unwrap())
}

pub(crate) fn modes(n: usize) -> [EchoMode; 3] {
    [EchoMode::Full, EchoMode::saving(Committee::new(n).unwrap()), EchoMode::Saving { spare: 0 }]
}

pub(crate) fn payload(len: usize, salt: u8) -> Bytes {
    (0..len).map(|i| (i as u8).wrapping_mul(31) ^ (i >> 8) as u8 ^ salt).collect()
}

pub(crate) fn config(codec: &Arc<Codec>, me: NodeIndex, proposer: NodeIndex, echo: EchoMode) -> RbcConfig {
    RbcConfig { committee: codec.committee(), me, proposer, codec: codec.clone(), echo }
}

/// What an instance did, as its driver sees it.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) sent: Vec<(To, Durable, RbcMessage)>,
    pub(crate) jobs: Vec<RbcJob>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) outputs: Vec<Contribution>,
}

impl Effects<Rbc> for Seen {
    fn send(&mut self, to: To, durable: Durable, message: RbcMessage) {
        self.sent.push((to, durable, message));
    }
    fn job(&mut self, job: RbcJob) {
        self.jobs.push(job);
    }
    fn fault(&mut self, fault: Fault) {
        self.faults.push(fault);
    }
    fn output(&mut self, output: Contribution) {
        self.outputs.push(output);
    }
}

/// One node, driven by hand. Own messages come back at once; jobs wait for [`Hand::run_jobs`].
pub(crate) struct Hand {
    pub(crate) rbc: Rbc,
    pub(crate) me: NodeIndex,
    pub(crate) seen: Seen,
    pub(crate) jobs_run: usize,
    /// Decodes that used shards without having checked them.
    pub(crate) unchecked_decodes: usize,
    returned: usize,
}

impl Hand {
    pub(crate) fn new(config: RbcConfig) -> Self {
        Hand {
            me: config.me,
            rbc: Rbc::new(config),
            seen: Seen::default(),
            jobs_run: 0,
            unchecked_decodes: 0,
            returned: 0,
        }
    }

    pub(crate) fn input(&mut self, payload: Bytes) {
        self.rbc.input(payload, &mut self.seen);
        self.own();
    }

    pub(crate) fn receive(&mut self, from: usize, message: RbcMessage) {
        self.rbc.receive(node(from), message, &mut self.seen);
        self.own();
    }

    pub(crate) fn forget(&mut self, peer: usize) {
        self.rbc.forget(node(peer), &mut self.seen);
        self.own();
    }

    pub(crate) fn flush(&mut self) {
        self.rbc.flush(&mut self.seen);
        self.own();
    }

    pub(crate) fn run_jobs(&mut self) {
        while !self.seen.jobs.is_empty() {
            self.run_job();
        }
    }

    /// Runs the oldest job alone.
    pub(crate) fn run_job(&mut self) {
        let job = self.seen.jobs.remove(0);
        self.jobs_run += 1;
        let shown = format!("{job:?}");
        self.unchecked_decodes += usize::from(shown.starts_with("decode") && !shown.ends_with(" 0 unverified"));
        self.rbc.done(job.run(), &mut self.seen);
        self.own();
    }

    fn own(&mut self) {
        while let Some((to, _, message)) = self.seen.sent.get(self.returned).cloned() {
            self.returned += 1;
            if to.includes(self.me) {
                self.rbc.receive(self.me, message, &mut self.seen);
            }
        }
    }

    pub(crate) fn fault_kinds(&self) -> Vec<(u16, FaultKind)> {
        self.seen.faults.iter().map(|fault| (fault.node.0, fault.kind)).collect()
    }

    /// Receivers of the messages that `which` picks.
    pub(crate) fn receivers(&self, which: impl Fn(&RbcMessage) -> bool) -> Vec<u16> {
        let n = 64;
        let mut all: Vec<u16> = self
            .seen
            .sent
            .iter()
            .filter(|(_, _, message)| which(message))
            .flat_map(|(to, ..)| (0..n).filter(|&j| *to != To::All && to.includes(NodeIndex(j))).collect::<Vec<_>>())
            .collect();
        all.sort_unstable();
        all
    }
}

pub(crate) fn val(encoded: &Encoded, i: usize) -> RbcMessage {
    RbcMessage::Val { root: encoded.commitment, shard: encoded.shards[i].clone() }
}

pub(crate) fn echo(encoded: &Encoded, i: usize) -> RbcMessage {
    RbcMessage::Echo { root: encoded.commitment, shard: encoded.shards[i].clone() }
}

/// A cluster with every oracle that fits all runs. Its proposer is node 0.
pub(crate) fn watched(n: usize, seed: u64) -> Builder<Rbc> {
    let committee = Committee::new(n).unwrap();
    // All shards and two payloads, and what the slots take.
    let bound = (n + 4) * (codec(n).shard_len(LIMIT) + 1024) + 2 * LIMIT + (2 * n + 2) * 512;
    Simulation::<Rbc>::builder(committee, seed)
        .oracle(Agreement::new(|output: &Contribution| ((), (output.commitment, output.body.clone()))))
        .oracle(Integrity::new(|_: &Contribution| ()))
        .oracle(Memory::new(bound, Rbc::memory))
        .oracle(Statements::new(statements))
}

/// Totality: once somebody delivered, everybody does.
pub(crate) fn all_or_none() -> Totality<(), impl Fn(&Contribution)> {
    Totality::new(|_: &Contribution| ())
}

/// Everybody delivers exactly this.
pub(crate) fn all_deliver(builder: Builder<Rbc>, expected: Bytes) -> Builder<Rbc> {
    builder.oracle(all_or_none().expecting(())).oracle(Validity::new::<Rbc>(move |_, output: &Contribution, _| {
        match &output.body {
            Some(body) if body.to_bytes() == expected => Ok(()),
            other => Err(format!("delivered {other:?}")),
        }
    }))
}

/// Roots that a node can promise only one of.
fn statements(message: &RbcMessage) -> Vec<(&'static str, Digest)> {
    match message {
        RbcMessage::Val { root, .. } => vec![("proposal", *root)],
        RbcMessage::Echo { root, .. } | RbcMessage::EchoHash(root) => vec![("support", *root)],
        RbcMessage::Ready(root) => vec![("ready", *root)],
        RbcMessage::CanDecode(_) => vec![],
    }
}

pub(crate) fn start(builder: Builder<Rbc>, n: usize, mode: EchoMode) -> Simulation<Rbc> {
    let codec = codec(n);
    builder.build(move |me| Rbc::new(config(&codec, me, node(0), mode)))
}
