//! The figures of a configuration, and the forms in which they are printed.

use std::path::Path;

use mellivora::Certificates;
pub(crate) use mellivora_benches::chart::thousands;
use serde::{Deserialize, Serialize};

use crate::args::Args;
use crate::{Failure, write_out};

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

/// An encryption schedule in words.
pub(crate) fn encryption(schedule: &str) -> String {
    match schedule {
        "always" => "encrypted".to_owned(),
        "never" => "in the clear".to_owned(),
        other => format!("encrypted {other}"),
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
        Format { json: args.json, quiet: args.csv_out() || args.tables_out(), headed: false }
    }

    pub(crate) fn print(&mut self, report: &Report) -> Result<(), Failure> {
        if self.json {
            return write_out(&json(report)?);
        }
        if self.quiet {
            return Ok(());
        }
        if !self.headed {
            self.headed = true;
            write_out(&format!(
                "{:<13} {:<12} {:<8} {:>5} {:>7} {:>11} {:>12} {:>9} {:>9} {:>9} {:>6} {:>9}",
                "protocol",
                "suite",
                "encrypt",
                "nodes",
                "batch",
                "tx/CPU-s",
                "CPU ms/epoch",
                "floor ms",
                "p50 ms",
                "p99 ms",
                "ratio",
                "peak MiB"
            ))?;
        }
        write_out(&format!(
            "{:<13} {:<12} {:<8} {:>5} {:>7} {:>11.0} {:>12.3} {:>9.3} {:>9.2} {:>9.2} {:>6.2} {:>9.1}",
            report.protocol,
            report.suite,
            report.encrypt,
            report.nodes,
            report.batch,
            report.tx_per_cpu_second,
            report.cpu_ms_per_epoch,
            1000.0 * report.floor_cpu_seconds / report.epochs as f64,
            report.latency_ms.p50,
            report.latency_ms.p99,
            report.floor_ratio,
            report.peak_rss_mib
        ))
    }
}

fn json(report: &Report) -> Result<String, Failure> {
    serde_json::to_string(report).map_err(|error| Failure::Run(format!("figures that are no JSON: {error}")))
}

/// Writes comma-separated values to a file, or to standard output for `-`.
pub(crate) fn csv(file: &Path, reports: &[Report]) -> Result<(), Failure> {
    let mut text = String::from(
        "protocol,suite,encrypt,transport,nodes,faulty,batch,tx_size,epochs,batches,committed,cpu_seconds,wall_seconds,\
         tx_per_cpu_second,cpu_ms_per_epoch,latency_ms_p50,latency_ms_p99,messages,bytes_sent,peak_rss_mib,\
         floor_cpu_seconds,floor_ratio,faults\n",
    );
    for r in reports {
        // No name holds a comma or a quote.
        text.push_str(&format!(
            "{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}\n",
            r.protocol,
            r.suite,
            r.encrypt,
            r.transport,
            r.nodes,
            r.faulty,
            r.batch,
            r.tx_size,
            r.epochs,
            r.batches,
            r.committed,
            r.cpu_seconds,
            r.wall_seconds,
            r.tx_per_cpu_second,
            r.cpu_ms_per_epoch,
            r.latency_ms.p50,
            r.latency_ms.p99,
            r.messages,
            r.bytes_sent,
            r.peak_rss_mib,
            r.floor_cpu_seconds,
            r.floor_ratio,
            r.faults
        ));
    }
    if file.as_os_str() == "-" {
        return write_out(&text);
    }
    std::fs::write(file, text).map_err(|error| Failure::Run(format!("cannot write {}: {error}", file.display())))
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
