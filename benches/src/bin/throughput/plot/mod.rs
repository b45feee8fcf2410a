//! Drawings. Figures of one protocol: throughput and latency over batch size and over the number of nodes. Figures of
//! several protocols: what helps to choose one, one line for each of them. One SVG file each.

mod chart;

use std::collections::BTreeSet;

use mellivora::Engine;
use mellivora_benches::chart::{Drawing, thousands};

use self::chart::{Chart, Quantity};
use crate::report::Report;

const THROUGHPUT: Quantity = Quantity {
    title: "Throughput",
    unit: "committed transactions per CPU-second, all nodes together",
    of: |report| report.tx_per_cpu_second,
    sizes: false,
};
const LATENCY: Quantity = Quantity {
    title: "Median latency",
    unit: "milliseconds from submission to commitment",
    of: |report| report.latency_ms.p50,
    sizes: false,
};
/// Latency is wall time, so what it is drawn over is as well.
const PACE: Quantity = Quantity {
    title: "throughput",
    unit: "committed transactions per second of wall time, the whole cluster on this machine",
    of: |report| report.committed as f64 / report.wall_seconds,
    sizes: false,
};
const TRAFFIC: Quantity = Quantity {
    title: "Traffic",
    unit: "bytes sent by all nodes together per committed transaction",
    of: Report::bytes_per_transaction,
    sizes: false,
};
const BATCH: Quantity = Quantity {
    title: "batch size",
    unit: "transactions per epoch, all nodes together",
    of: |report| report.batch as f64,
    sizes: false,
};
const NODES: Quantity =
    Quantity { title: "number of nodes", unit: "nodes", of: |report| report.nodes as f64, sizes: true };

/// Where protocols are compared over the number of nodes, it is at this batch size, or at the largest one below.
const COMPARED: usize = 10_000;

/// Everything that there is to draw.
pub(crate) fn drawings(reports: &[Report]) -> Vec<Drawing> {
    let protocols: BTreeSet<&str> = reports.iter().map(|report| report.protocol.as_str()).collect();
    let charts = if protocols.len() > 1 { choosing(reports) } else { one_protocol(reports) };
    charts.iter().map(Chart::drawing).collect()
}

fn one_protocol(reports: &[Report]) -> Vec<Chart<'_>> {
    let by_nodes = |report: &Report| (report.nodes, format!("n = {}", report.nodes));
    let by_batch = |report: &Report| (report.batch, format!("B = {}", thousands(report.batch as f64)));
    let mut charts = Vec::new();
    for (name, y) in [("throughput", THROUGHPUT), ("latency", LATENCY)] {
        for (axis, x, line) in
            [("batch", BATCH, by_nodes as fn(&Report) -> (usize, String)), ("nodes", NODES, by_batch)]
        {
            let reports = reports.iter().collect();
            charts.push(Chart { name: format!("{name}-over-{axis}"), x, y, reports, line, notes: Vec::new() });
        }
    }
    charts
}

/// The place of a protocol in the list of all, and its name.
fn by_protocol(report: &Report) -> (usize, String) {
    let place = Engine::ALL.iter().position(|engine| engine.name() == report.protocol);
    (place.unwrap_or(Engine::ALL.len()), report.protocol.clone())
}

fn choosing(reports: &[Report]) -> Vec<Chart<'_>> {
    let chart = |name: String, x, y, reports, notes| Chart { name, x, y, reports, line: by_protocol, notes };
    let sizes: BTreeSet<usize> = reports.iter().map(|report| report.nodes).collect();
    let batches: BTreeSet<usize> = reports.iter().map(|report| report.batch).collect();
    let mut charts = Vec::new();
    for n in sizes {
        let here: Vec<&Report> = reports.iter().filter(|report| report.nodes == n).collect();
        let note = format!("n = {n}");
        charts.push(chart(format!("choose-throughput-n{n}"), BATCH, THROUGHPUT, here.clone(), vec![note.clone()]));
        let along: BTreeSet<usize> = here.iter().map(|report| report.batch).collect();
        let along: Vec<String> = along.iter().map(|batch| thousands(*batch as f64)).collect();
        let along = format!("along each line B = {}", along.join("; "));
        charts.push(chart(format!("choose-latency-n{n}"), PACE, LATENCY, here, vec![note, along]));
    }
    let batch = batches.iter().rev().find(|batch| **batch <= COMPARED).or(batches.first());
    if let Some(&batch) = batch {
        let here: Vec<&Report> = reports.iter().filter(|report| report.batch == batch).collect();
        let note = vec![format!("B = {}", thousands(batch as f64))];
        charts.push(chart("choose-throughput-nodes".into(), NODES, THROUGHPUT, here.clone(), note.clone()));
        charts.push(chart("choose-traffic-nodes".into(), NODES, TRAFFIC, here, note));
    }
    charts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;

    fn drawn(name: &str, reports: &[Report]) -> std::collections::BTreeMap<String, String> {
        let dir = std::env::temp_dir().join(format!("mellivora-plot-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        drawings(reports).iter().for_each(|drawing| drawing.draw(&dir).unwrap());
        let read = |entry: std::io::Result<std::fs::DirEntry>| {
            let path = entry.unwrap().path();
            (path.file_stem().unwrap().to_string_lossy().into_owned(), std::fs::read_to_string(&path).unwrap())
        };
        let files = std::fs::read_dir(&dir).unwrap().map(read).collect();
        std::fs::remove_dir_all(&dir).unwrap();
        files
    }

    #[test]
    fn every_drawing_of_a_protocol_names_its_lines() {
        let all = [(4, 1, "always"), (4, 100, "always"), (10, 1, "always"), (10, 100, "always"), (4, 1, "never")];
        let all = all.into_iter().chain([(4, 100, "never"), (10, 1, "never")]);
        let all: Vec<Report> = all.map(|(n, batch, encrypt)| report("honey-badger", n, batch, encrypt)).collect();
        let files = drawn("one", &all);
        for measure in ["throughput", "latency"] {
            let over_batch = &files[&format!("{measure}-over-batch")];
            assert!(over_batch.contains("n = 10, encrypted") && over_batch.contains("n = 4, in the clear"));
            assert!(files[&format!("{measure}-over-nodes")].contains("B = 100, encrypted"));
        }
    }

    #[test]
    fn several_protocols_are_compared_at_each_size_and_at_one_batch_size() {
        let mut all = Vec::new();
        for protocol in ["dumbo-ng", "honey-badger"] {
            for n in [4, 7] {
                all.extend([100, 10_000, 100_000].map(|batch| report(protocol, n, batch, "never")));
                all.push(report(protocol, n, 10_000, "always"));
            }
        }
        let files = drawn("several", &all);
        let names: Vec<&str> = files.keys().map(String::as_str).collect();
        let over_n = ["choose-latency-n4", "choose-latency-n7", "choose-throughput-n4", "choose-throughput-n7"];
        assert_eq!(names, [&over_n[..], &["choose-throughput-nodes", "choose-traffic-nodes"]].concat());
        for (name, file) in &files {
            let (badger, ng) = (file.find("honey-badger").unwrap(), file.find("dumbo-ng").unwrap());
            assert!(badger < ng, "{name}: in the order of the list of protocols");
        }
        // A single point is no line where others have one.
        assert!(!files["choose-throughput-n4"].contains("dumbo-ng, encrypted"));
        assert!(files["choose-throughput-nodes"].contains("dumbo-ng, encrypted"));
        assert!(files["choose-traffic-nodes"].contains("B = 10,000"));
    }
}
