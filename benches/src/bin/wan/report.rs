//! The figures of a configuration.

use mellivora_benches::command::report::{Column, Figures, Place, encryption};
use mellivora_benches::wan::formula::{self, Formula};
use mellivora_benches::wan::{Load, Outcome, Setup};
use serde::{Deserialize, Serialize};

use crate::args::Args;

/// The figures of one configuration, over its measured epochs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) protocol: String,
    pub(crate) nodes: usize,
    /// Transactions per epoch that the cluster aims for.
    pub(crate) batch: usize,
    pub(crate) tx_size: usize,
    pub(crate) encrypt: String,
    /// Epochs that a node runs at the same time.
    #[serde(default = "two")]
    pub(crate) pipeline: u64,
    /// Transactions per second, or "full".
    pub(crate) load: String,
    /// Proposals that a node has under way under a full load; 0 under another one.
    pub(crate) depth: usize,
    /// "matrix", or ms.
    pub(crate) latency: String,
    /// Mbit per second, 0: no limit.
    pub(crate) bandwidth: f64,
    pub(crate) cores: usize,
    pub(crate) epochs: u64,
    pub(crate) committed: u64,
    /// Contributions in the batches.
    pub(crate) slots: u64,
    /// Virtual time.
    pub(crate) seconds: f64,
    pub(crate) tx_per_second: f64,
    /// From submission to output at the node that submitted.
    pub(crate) latency_ms: Latencies,
    /// Sent by a node on average, one for each receiver.
    pub(crate) messages_per_node: f64,
    pub(crate) frames_per_node: f64,
    pub(crate) bytes_per_node: f64,
    /// What the protocol has to send.
    pub(crate) formula_messages_per_node: f64,
    pub(crate) formula_bytes_per_node: f64,
    /// Sent by what has to be sent.
    pub(crate) messages_ratio: f64,
    pub(crate) bytes_ratio: f64,
    /// The same if what is left out of a batch counts: a contribution of each node in each epoch. Without streams only.
    pub(crate) begun_bytes_ratio: f64,
    /// Share of the bytes of the formula that are no payload.
    pub(crate) overhead: f64,
    /// Signatures that a node verified in an epoch, and what it has to verify. Those of checkpoints are not among them.
    pub(crate) verified_per_node_epoch: f64,
    pub(crate) formula_verified_per_node_epoch: f64,
    /// Share of the time that the uplink was in use, on average over the nodes.
    pub(crate) uplink: f64,
    /// Share of the time that cores were in use.
    pub(crate) cpu: f64,
    /// What the simulation took.
    pub(crate) wall_seconds: f64,
    pub(crate) events: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Latencies {
    pub(crate) mean: f64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

/// Where figures do not say how many epochs run at a time, they are of the default.
const fn two() -> u64 {
    2
}

impl Report {
    pub(crate) fn new(args: &Args, setup: &Setup, outcome: &Outcome, wall_seconds: f64) -> Self {
        let n = setup.committee.n() as f64;
        let traffic = outcome.traffic;
        let epochs = setup.epochs as f64;
        let Formula { messages, bytes, payload, verified } = formula::of(setup, outcome);
        let [mean, p50, p99] = outcome.latency_ms;
        let sent = traffic.bytes as f64 / n;
        let begun = formula::begun(setup, outcome);
        Report {
            protocol: setup.engine.to_string(),
            nodes: setup.committee.n(),
            batch: setup.batch,
            tx_size: setup.tx_size,
            encrypt: setup.encrypt.to_string(),
            pipeline: setup.pipeline,
            load: args.load.clone(),
            depth: if let Load::Closed(depth) = setup.load { depth } else { 0 },
            latency: setup.links.latency.to_string(),
            bandwidth: args.bandwidth,
            cores: setup.cores,
            epochs: setup.epochs,
            committed: outcome.committed,
            slots: outcome.slots,
            seconds: outcome.seconds,
            tx_per_second: outcome.committed as f64 / outcome.seconds,
            latency_ms: Latencies { mean, p50, p99 },
            messages_per_node: traffic.messages as f64 / n,
            frames_per_node: traffic.frames as f64 / n,
            bytes_per_node: sent,
            formula_messages_per_node: messages,
            formula_bytes_per_node: bytes,
            messages_ratio: traffic.messages as f64 / n / messages,
            bytes_ratio: sent / bytes,
            begun_bytes_ratio: sent / formula::of(setup, &begun).bytes,
            overhead: 1.0 - payload / bytes,
            verified_per_node_epoch: traffic.verified as f64 / n / epochs,
            formula_verified_per_node_epoch: verified / epochs,
            uplink: setup.links.bytes_per_second.map_or(0.0, |rate| sent / rate / outcome.seconds),
            cpu: traffic.busy_ns / 1e9 / n / setup.cores as f64 / outcome.seconds,
            wall_seconds,
            events: outcome.events,
        }
    }
}

/// A network in words.
pub(crate) fn network(latency: &str) -> String {
    match latency {
        "matrix" => "twelve regions of the world".to_owned(),
        ms => format!("{ms} ms one way"),
    }
}

impl Figures for Report {
    const COLUMNS: &'static [Column<Self>] = &[
        ("protocol", -13, |report| report.protocol.clone()),
        ("nodes", 5, |report| report.nodes.to_string()),
        ("batch", 8, |report| report.batch.to_string()),
        ("encrypt", -8, |report| report.encrypt.clone()),
        ("load", 9, |report| report.load.clone()),
        ("tx/s", 10, |report| format!("{:.0}", report.tx_per_second)),
        ("mean ms", 9, |report| format!("{:.0}", report.latency_ms.mean)),
        ("p99 ms", 9, |report| format!("{:.0}", report.latency_ms.p99)),
        ("MB/node", 12, |report| format!("{:.2}", report.bytes_per_node / 1e6)),
        ("bytes", 7, |report| format!("{:.3}", report.bytes_ratio)),
        ("msgs", 7, |report| format!("{:.3}", report.messages_ratio)),
        ("sigs", 7, |report| {
            format!("{:.2}", report.verified_per_node_epoch / report.formula_verified_per_node_epoch.max(1.0))
        }),
        ("uplink", 7, |report| format!("{:.0}%", 100.0 * report.uplink)),
        ("cores", 7, |report| format!("{:.0}%", 100.0 * report.cpu)),
    ];

    fn place(&self) -> Place<'_> {
        Place { table: (false, &self.latency), nodes: self.nodes, batch: self.batch, protocol: &self.protocol }
    }

    fn common(&self) -> String {
        let width =
            if self.bandwidth == 0.0 { "no limit to links".to_owned() } else { format!("{} Mbit/s", self.bandwidth) };
        format!("{}, {width}, {} cores, {}", network(&self.latency), self.cores, encryption(&self.encrypt))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A report with these coordinates.
    pub(crate) fn report(protocol: &str, nodes: usize, batch: usize, latency: &str) -> Report {
        Report {
            protocol: protocol.into(),
            nodes,
            batch,
            tx_size: 250,
            encrypt: "always".into(),
            pipeline: 2,
            load: "full".into(),
            depth: 2,
            latency: latency.into(),
            bandwidth: 1000.0,
            cores: 4,
            epochs: 1,
            committed: batch as u64,
            slots: nodes as u64,
            seconds: 1.0,
            tx_per_second: batch as f64 / nodes as f64,
            latency_ms: Latencies { mean: 1.0, p50: 1.0, p99: 2.0 },
            messages_per_node: 2.0,
            frames_per_node: 1.0,
            bytes_per_node: 1.0,
            formula_messages_per_node: 1.0,
            formula_bytes_per_node: 1.0,
            messages_ratio: 2.0,
            bytes_ratio: 1.0,
            begun_bytes_ratio: 1.0,
            overhead: 0.5,
            verified_per_node_epoch: 0.0,
            formula_verified_per_node_epoch: 0.0,
            uplink: 0.5,
            cpu: 0.5,
            wall_seconds: 1.0,
            events: 1,
        }
    }

    #[test]
    fn reports_are_read_as_they_are_printed() {
        let report = report("sdumbo", 4, 10, "matrix");
        let line = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<Report>(&line).unwrap(), report);
    }
}
