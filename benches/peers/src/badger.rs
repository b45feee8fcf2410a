//! hbbft: `HoneyBadger` with its own encryption and coin. Messages are handed over as values: no encoding, no links.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use hbbft::honey_badger::{Batch, EncryptionSchedule, HoneyBadger, Message, Step};
use hbbft::{NetworkInfo, Target};
use rand_old::SeedableRng;
use rand_old::rngs::StdRng;

use crate::workload::Workload;
use crate::{Task, process_cpu};

type Contribution = Vec<Vec<u8>>;
type Badger = HoneyBadger<Contribution, usize>;

struct Cluster {
    nodes: Vec<Badger>,
    /// From, to, message.
    queue: VecDeque<(usize, usize, Message<usize>)>,
    outputs: Vec<Vec<Batch<Contribution, usize>>>,
}

impl Cluster {
    fn take(&mut self, from: usize, step: Step<Contribution, usize>) {
        self.outputs[from].extend(step.output);
        for message in step.messages {
            match message.target {
                Target::All => {
                    let others = (0..self.nodes.len()).filter(|to| *to != from);
                    self.queue.extend(others.map(|to| (from, to, message.message.clone())));
                }
                Target::Node(to) => self.queue.push_back((from, to, message.message)),
            }
        }
    }
}

/// CPU time of the measured epochs.
pub fn measure(task: Task, encrypted: bool) -> Result<Duration, String> {
    let mut rng = StdRng::from_seed([1; 32]);
    let keys: BTreeMap<usize, NetworkInfo<usize>> =
        NetworkInfo::generate_map(0..task.nodes, &mut rng).map_err(|error| error.to_string())?;
    let schedule = if encrypted { EncryptionSchedule::Always } else { EncryptionSchedule::Never };
    let build = |info| HoneyBadger::builder(Arc::new(info)).encryption_schedule(schedule).build();
    let nodes: Vec<Badger> = keys.into_values().map(build).collect();
    let mut cluster = Cluster { nodes, queue: VecDeque::new(), outputs: vec![Vec::new(); task.nodes] };
    let mut workload = Workload::new(task);
    let mut total = Duration::ZERO;
    for round in 0..=task.epochs {
        let transactions = workload.epoch();
        let begin = process_cpu();
        for (node, part) in transactions.iter().enumerate() {
            let step = cluster.nodes[node].propose(part, &mut rng).map_err(|error| error.to_string())?;
            cluster.take(node, step);
        }
        while let Some((from, to, message)) = cluster.queue.pop_front() {
            let step = cluster.nodes[to].handle_message(&from, message).map_err(|error| error.to_string())?;
            cluster.take(to, step);
        }
        let cpu = process_cpu() - begin;
        let ledgers = cluster.outputs.iter().map(|outputs| outputs.iter().map(|batch| &batch.contributions));
        let ledgers: Vec<Vec<_>> = ledgers.map(Iterator::collect).collect();
        if ledgers.iter().any(|ledger| *ledger != ledgers[0]) {
            return Err("the nodes differ".into());
        }
        let ordered: usize = ledgers[0].iter().flat_map(|contributions| contributions.values()).map(Vec::len).sum();
        if ordered != task.batch {
            return Err(format!("{ordered} of {} transactions were ordered", task.batch));
        }
        cluster.outputs.iter_mut().for_each(Vec::clear);
        if round > 0 {
            total += cpu;
        }
    }
    Ok(total)
}
