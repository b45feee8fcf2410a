//! The figures of a configuration.

use mellivora::Certificates;
use mellivora_benches::command::report::{Column, Figures, Place, encryption};
use serde::{Deserialize, Serialize};

/// The figures of one configuration, over its measured epochs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) protocol: String,
    pub(crate) suite: String,
    /// How certificates are signed; figures from before there was a choice are of the first kind.
    #[serde(default = "ed25519")]
    pub(crate) certificates: String,
    pub(crate) encrypt: String,
    pub(crate) transport: String,
    pub(crate) nodes: usize,
    /// Nodes that misbehaved.
    pub(crate) faulty: usize,
    /// Transactions that were submitted for each epoch, over all nodes.
    pub(crate) batch: usize,
    pub(crate) tx_size: usize,
    /// How often a batch was submitted, and waited for.
    pub(crate) epochs: usize,
    /// Batches that came of them: more than `epochs` if the common subset left a contribution out.
    pub(crate) batches: u64,
    /// Different transactions that every honest node put out.
    pub(crate) committed: u64,
    /// User and system time of the whole process, measured epochs only.
    pub(crate) cpu_seconds: f64,
    pub(crate) wall_seconds: f64,
    pub(crate) tx_per_cpu_second: f64,
    pub(crate) cpu_ms_per_epoch: f64,
    /// From submission to commitment at the node that submitted.
    pub(crate) latency_ms: Latency,
    /// Messages sent to other nodes, one per receiver.
    pub(crate) messages: u64,
    /// Bytes of frames sent to other nodes.
    pub(crate) bytes_sent: u64,
    pub(crate) peak_rss_mib: f64,
    pub(crate) floor_cpu_seconds: f64,
    pub(crate) floor_ratio: f64,
    /// Faults that honest nodes recorded.
    pub(crate) faults: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

fn ed25519() -> String {
    Certificates::Ed25519.to_string()
}

impl Report {
    /// Bytes that all nodes together sent for each committed transaction.
    pub(crate) fn bytes_per_transaction(&self) -> f64 {
        self.bytes_sent as f64 / self.committed.max(1) as f64
    }
}

impl Figures for Report {
    const COLUMNS: &'static [Column<Self>] = &[
        ("protocol", -13, |report| report.protocol.clone()),
        ("suite", -12, |report| report.suite.clone()),
        ("encrypt", -8, |report| report.encrypt.clone()),
        ("nodes", 5, |report| report.nodes.to_string()),
        ("batch", 7, |report| report.batch.to_string()),
        ("tx/CPU-s", 11, |report| format!("{:.0}", report.tx_per_cpu_second)),
        ("CPU ms/epoch", 12, |report| format!("{:.3}", report.cpu_ms_per_epoch)),
        ("floor ms", 9, |report| format!("{:.3}", 1000.0 * report.floor_cpu_seconds / report.epochs as f64)),
        ("p50 ms", 9, |report| format!("{:.2}", report.latency_ms.p50)),
        ("p99 ms", 9, |report| format!("{:.2}", report.latency_ms.p99)),
        ("ratio", 6, |report| format!("{:.2}", report.floor_ratio)),
        ("peak MiB", 9, |report| format!("{:.1}", report.peak_rss_mib)),
    ];

    fn place(&self) -> Place<'_> {
        // First in the clear, then what is encrypted.
        let table = (self.encrypt != "never", self.encrypt.as_str());
        Place { table, nodes: self.nodes, batch: self.batch, protocol: &self.protocol }
    }

    fn common(&self) -> String {
        encryption(&self.encrypt)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A report with these coordinates.
    pub(crate) fn report(protocol: &str, nodes: usize, batch: usize, encrypt: &str) -> Report {
        Report {
            protocol: protocol.into(),
            suite: "ristretto255".into(),
            certificates: ed25519(),
            encrypt: encrypt.into(),
            transport: "memory".into(),
            nodes,
            faulty: 0,
            batch,
            tx_size: 250,
            epochs: 1,
            batches: 1,
            committed: batch as u64,
            cpu_seconds: 1.0,
            wall_seconds: 1.0,
            tx_per_cpu_second: batch as f64 / nodes as f64,
            cpu_ms_per_epoch: 1.0,
            latency_ms: Latency { p50: nodes as f64, p99: 3.0 },
            messages: 1,
            bytes_sent: 500 * batch as u64,
            peak_rss_mib: 1.0,
            floor_cpu_seconds: 1.0,
            floor_ratio: 1.0,
            faults: 0,
        }
    }

    #[test]
    fn bytes_are_counted_per_transaction() {
        assert_eq!(report("sdumbo", 4, 10, "never").bytes_per_transaction(), 500.0);
    }
}
