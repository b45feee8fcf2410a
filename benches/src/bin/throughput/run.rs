//! One configuration.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::{join_all, try_join_all};
use mellivora::atomic::Config;
use mellivora::prelude::*;
use mellivora::{Misbehaviour, node::NodeStatus};
use mellivora_benches::clock::{forget_peak, peak_rss_mib, process_cpu};
use mellivora_benches::floor::Floor;
use mellivora_benches::{setup, workload::Workload};
use tokio::sync::watch;
use tokio::task::{JoinHandle, unconstrained};

use crate::Failure;
use crate::check::{Ledgers, is_ours};
use crate::report::{Latency, Report};

/// What is measured.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) protocol: Engine,
    pub(crate) suite: Suite,
    pub(crate) certificates: Certificates,
    pub(crate) encrypt: EncryptionSchedule,
    pub(crate) committee: Committee,
    pub(crate) faulty: Option<(usize, Misbehaviour)>,
    pub(crate) batch: usize,
    pub(crate) tx_size: usize,
    pub(crate) epochs: usize,
    pub(crate) warmup: usize,
    pub(crate) threads: usize,
    pub(crate) seed: u64,
    pub(crate) timeout: Duration,
    /// Nothing but the cluster is to run.
    pub(crate) profile: bool,
}

impl Setup {
    fn faulty(&self) -> usize {
        self.faulty.map_or(0, |(count, _)| count)
    }

    /// Nodes that take submissions: the first ones.
    fn honest(&self) -> usize {
        self.committee.n() - self.faulty()
    }

    /// The constants of the cluster.
    pub(crate) fn config(&self) -> Result<Config, StartError> {
        setup::config(self.committee, self.honest(), self.batch, self.tx_size, self.encrypt)
    }

    async fn start(&self) -> Result<Cluster, StartError> {
        let config = self.config()?;
        // Room for everything, several times over: nothing is to wait or to be dropped for want of it.
        let part = self.batch.div_ceil(self.honest()).max(1) * (self.tx_size + 128);
        let mut cluster = Cluster::in_process(self.committee.n())
            .engine(self.protocol)
            .suite(self.suite)
            .certificates(self.certificates)
            .encryption(self.encrypt)
            .batch_size(config.batch_size)
            .limits(config.limits)
            .queue_bytes((16 * part).max(64 << 20))
            .link_bytes((8 * part).max(64 << 20))
            .job_threads(self.threads)
            .seed(self.seed);
        if let Some((count, kind)) = self.faulty {
            for node in self.committee.nodes().skip(self.committee.n() - count) {
                cluster = cluster.faulty(node, kind);
            }
        }
        cluster.start().await
    }
}

/// Sums over the measured epochs.
#[derive(Debug, Default)]
struct Sums {
    committed: u64,
    batches: u64,
    cpu: Duration,
    wall: Duration,
    floor: Duration,
    peak_rss_mib: f64,
    messages: u64,
    bytes: u64,
    /// How long a transaction took, and how many took that long.
    latencies: Vec<(Duration, usize)>,
}

/// Runs a configuration.
pub(crate) fn measure(setup: &Setup) -> Result<Report, Failure> {
    let runtime = if setup.threads > 1 {
        tokio::runtime::Builder::new_multi_thread().worker_threads(setup.threads).enable_time().build()
    } else {
        tokio::runtime::Builder::new_current_thread().enable_time().build()
    };
    let runtime = runtime.map_err(|error| Failure::Run(format!("no runtime: {error}")))?;
    runtime.block_on(run(setup)).map_err(Failure::Run)
}

async fn run(setup: &Setup) -> Result<Report, String> {
    let cluster = setup.start().await.map_err(|error| error.to_string())?;
    let nodes: Vec<&Node> = cluster.nodes().collect();
    let mut streams: Vec<Batches> = nodes.iter().map(|node| node.batches()).collect();
    let mut workload = Workload::new(setup.tx_size, setup.seed);
    let mut ledgers = Ledgers::new(nodes.iter().map(|node| node.index()));
    // With a schedule, the floor of an epoch is that of its kind.
    let mut floor = [true, false].map(|encrypted| Floor::new(setup.protocol, setup.committee, setup.suite, encrypted));
    let mut sums = Sums::default();
    for round in 0..setup.warmup + setup.epochs {
        let transactions = workload.split(setup.batch, nodes.len());
        if !setup.profile {
            ledgers.expect(&transactions);
        }
        let submitted = transactions.clone();
        forget_peak();
        let (messages, bytes) = traffic(&nodes);
        let (cpu, start) = (process_cpu(), Instant::now());
        let epoch = one_epoch(setup, &nodes, &mut streams, submitted, &mut ledgers);
        let (ordered, latencies) = tokio::time::timeout(setup.timeout, epoch)
            .await
            .map_err(|_| format!("epoch {round} did not end within {:?}", setup.timeout))??;
        let (cpu, wall) = (process_cpu().saturating_sub(cpu + ledgers.spent()), start.elapsed());
        let peak = peak_rss_mib();
        let traffic = traffic(&nodes);
        let committed = ledgers.settle()?;
        let encrypted = ordered.first().is_some_and(|epoch| setup.encrypt.encrypts(*epoch));
        let floor = match setup.profile {
            true => Duration::ZERO,
            false => floor[usize::from(!encrypted)].epoch(&transactions),
        };
        if round >= setup.warmup {
            sums.committed += committed;
            sums.batches += ordered.len() as u64;
            sums.cpu += cpu;
            sums.wall += wall;
            sums.floor += floor;
            sums.peak_rss_mib = sums.peak_rss_mib.max(peak);
            sums.messages += traffic.0 - messages;
            sums.bytes += traffic.1 - bytes;
            sums.latencies.extend(latencies);
        }
    }
    let faults = nodes.iter().map(|node| node.faults().counts().map(|(_, _, count)| count).sum::<u64>()).sum();
    Ok(sums.report(setup, faults))
}

/// Submits the transactions and waits until every honest node has put them out and closed their epochs. Returns in
/// which epochs they were ordered, and how long transactions took. What each node puts out goes to its ledger at once.
async fn one_epoch(
    setup: &Setup,
    nodes: &[&Node],
    streams: &mut [Batches],
    transactions: Vec<Vec<Bytes>>,
    ledgers: &mut Ledgers,
) -> Result<(Vec<Epoch>, Vec<(Duration, usize)>), String> {
    let start = Instant::now();
    let submit = nodes.iter().zip(transactions).map(|(node, part)| node.submit_all(part));
    // In one go, so that no node starts the epoch before all have what they are to propose in it.
    let receipts = unconstrained(try_join_all(submit)).await.map_err(|error| error.to_string())?;
    let waiters: Vec<JoinHandle<_>> = receipts
        .into_iter()
        .map(|receipts| {
            tokio::spawn(async move {
                let positions = receipts.committed().await.map_err(|error| error.to_string())?;
                Ok::<_, String>((start.elapsed(), positions.len()))
            })
        })
        .collect();
    let ledgers = &RefCell::new(ledgers);
    let collect = streams.iter_mut().enumerate().map(|(at, stream)| async move {
        let (mut ordered, mut left) = (Vec::new(), setup.batch);
        while left > 0 {
            let batch = stream.next().await.ok_or("a node stopped")?;
            left = left.saturating_sub(match setup.faulty() {
                0 => batch.len(),
                _ => batch.iter().filter(|(position, _)| is_ours(position, setup.honest())).count(),
            });
            if !setup.profile {
                ledgers.borrow_mut().take(at, &batch)?;
            }
            if !batch.is_empty() {
                ordered.push(batch.epoch());
            }
        }
        Ok::<_, String>(ordered)
    });
    let ordered = try_join_all(collect).await?.into_iter().next().unwrap_or_default();
    let mut latencies = Vec::new();
    for waiter in waiters {
        let (latency, count) = waiter.await.map_err(|error| error.to_string())??;
        if count > 0 {
            latencies.push((latency, count));
        }
    }
    // Checkpoints belong to the epoch. Faulty nodes may keep a cluster busy, so then this is not waited for.
    if setup.faulty() == 0 {
        join_all(nodes.iter().map(|node| closed(node.watch()))).await;
    }
    Ok((ordered, latencies))
}

/// Waits until a node has closed every epoch that it has put out, and has nothing to do.
async fn closed(mut status: watch::Receiver<NodeStatus>) {
    // An error means that the node has stopped; the next submission says so.
    let _ =
        status.wait_for(|status| status.idle && status.jobs == 0 && status.protocol.low == status.protocol.next).await;
}

/// Messages and bytes that the nodes have sent.
fn traffic(nodes: &[&Node]) -> (u64, u64) {
    nodes
        .iter()
        .map(|node| node.status())
        .fold((0, 0), |(messages, bytes), status| (messages + status.messages_sent, bytes + status.bytes_sent))
}

impl Sums {
    fn report(mut self, setup: &Setup, faults: u64) -> Report {
        let (cpu, floor) = (self.cpu.as_secs_f64(), self.floor.as_secs_f64());
        self.latencies.sort();
        Report {
            protocol: setup.protocol.to_string(),
            suite: setup.suite.to_string(),
            certificates: setup.certificates.to_string(),
            encrypt: setup.encrypt.to_string(),
            transport: "memory".to_owned(),
            nodes: setup.committee.n(),
            faulty: setup.faulty(),
            batch: setup.batch,
            tx_size: setup.tx_size,
            epochs: setup.epochs,
            batches: self.batches,
            committed: self.committed,
            cpu_seconds: cpu,
            wall_seconds: self.wall.as_secs_f64(),
            tx_per_cpu_second: self.committed as f64 / cpu,
            cpu_ms_per_epoch: 1000.0 * cpu / setup.epochs as f64,
            latency_ms: Latency { p50: quantile(&self.latencies, 0.5), p99: quantile(&self.latencies, 0.99) },
            messages: self.messages,
            bytes_sent: self.bytes,
            peak_rss_mib: self.peak_rss_mib,
            floor_cpu_seconds: floor,
            floor_ratio: cpu / floor,
            faults,
        }
    }
}

/// In milliseconds, over transactions. `sorted` is not empty when anything was committed.
fn quantile(sorted: &[(Duration, usize)], share: f64) -> f64 {
    let total: usize = sorted.iter().map(|(_, count)| count).sum();
    let mut rank = (share * total as f64).ceil() as usize;
    for (latency, count) in sorted {
        if rank <= *count {
            return 1000.0 * latency.as_secs_f64();
        }
        rank -= count;
    }
    0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_weigh_transactions() {
        let ms = Duration::from_millis;
        let sorted = [(ms(1), 98), (ms(5), 1), (ms(9), 1)];
        assert_eq!(quantile(&sorted, 0.5), 1.0);
        assert_eq!(quantile(&sorted, 0.99), 5.0);
        assert_eq!(quantile(&sorted, 1.0), 9.0);
        assert_eq!(quantile(&[], 0.5), 0.0);
    }

    #[test]
    fn a_small_run_commits_everything_and_its_figures_agree() {
        let setup = Setup {
            protocol: Engine::default(),
            suite: Suite::default(),
            certificates: Certificates::default(),
            encrypt: EncryptionSchedule::Every(2),
            committee: Committee::new(4).unwrap(),
            faulty: None,
            batch: 10,
            tx_size: 16,
            epochs: 2,
            warmup: 1,
            threads: 1,
            seed: 5,
            timeout: Duration::from_secs(120),
            profile: false,
        };
        let report = measure(&setup).unwrap();
        assert_eq!((report.committed, report.faults, report.faulty), (20, 0, 0));
        assert!(report.batches >= 2 && report.messages > 0 && report.bytes_sent > report.messages);
        assert!(report.cpu_seconds > 0.0 && report.floor_ratio > 1.0 && report.latency_ms.p50 <= report.latency_ms.p99);
        let silent = Setup { faulty: Some((1, Misbehaviour::Silent)), ..setup };
        let report = measure(&silent).unwrap();
        assert_eq!((report.committed, report.faulty), (20, 1));
    }
}
