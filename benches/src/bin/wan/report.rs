//! The figures of a configuration, and the forms in which they are printed.

use mellivora_benches::wan::formula::{self, Formula};
use mellivora_benches::wan::{Load, Outcome, Setup};
use serde::{Deserialize, Serialize};

use crate::args::Args;
use crate::{Failure, write_out};

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

/// How reports are printed as they come.
pub(crate) struct Format {
    json: bool,
    quiet: bool,
    headed: bool,
}

impl Format {
    pub(crate) fn new(args: &Args) -> Self {
        Format { json: args.json, quiet: args.tables_out(), headed: false }
    }

    pub(crate) fn print(&mut self, report: &Report) -> Result<(), Failure> {
        if self.json {
            let line = serde_json::to_string(report)
                .map_err(|error| Failure::Run(format!("figures that are no JSON: {error}")))?;
            return write_out(&line);
        }
        if self.quiet {
            return Ok(());
        }
        if !self.headed {
            self.headed = true;
            write_out(&format!(
                "{:<13} {:>5} {:>8} {:<8} {:>9} {:>10} {:>9} {:>9} {:>12} {:>7} {:>7} {:>7} {:>7} {:>7}",
                "protocol",
                "nodes",
                "batch",
                "encrypt",
                "load",
                "tx/s",
                "mean ms",
                "p99 ms",
                "MB/node",
                "bytes",
                "msgs",
                "sigs",
                "uplink",
                "cores"
            ))?;
        }
        let sigs = report.verified_per_node_epoch / report.formula_verified_per_node_epoch.max(1.0);
        write_out(&format!(
            "{:<13} {:>5} {:>8} {:<8} {:>9} {:>10.0} {:>9.0} {:>9.0} {:>12.2} {:>7.3} {:>7.3} {:>7.2} {:>6.0}% {:>6.0}%",
            report.protocol,
            report.nodes,
            report.batch,
            report.encrypt,
            report.load,
            report.tx_per_second,
            report.latency_ms.mean,
            report.latency_ms.p99,
            report.bytes_per_node / 1e6,
            report.bytes_ratio,
            report.messages_ratio,
            sigs,
            100.0 * report.uplink,
            100.0 * report.cpu
        ))
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
