//! Drawings, one SVG file each: latency over throughput for each network and number of nodes, and what each protocol
//! reaches and sends over the number of nodes.

use std::collections::BTreeSet;

use mellivora_benches::chart::{Drawing, Line, Scale, thousands};
use mellivora_benches::command::report::{Figures, latest};
use mellivora_benches::command::table::protocols;

use crate::report::Report;

/// A place in a drawing for a report.
type Point = fn(&Report) -> (f64, f64);

/// Everything that there is to draw.
pub(crate) fn drawings(reports: &[Report]) -> Vec<Drawing> {
    let reports = &latest(reports);
    let mut drawings = Vec::new();
    let networks: BTreeSet<&str> = reports.iter().map(|report| report.latency.as_str()).collect();
    for latency in networks {
        let all: Vec<&Report> = reports.iter().filter(|report| report.latency == latency).collect();
        let name = if latency == "matrix" { "wan-matrix" } else { "wan" };
        let sizes: BTreeSet<usize> = all.iter().map(|report| report.nodes).collect();
        for &n in &sizes {
            let here: Vec<&Report> = all.iter().filter(|report| report.nodes == n).copied().collect();
            drawings.push(latency_over_throughput(format!("{name}-n{n}"), n, &here));
        }
        if sizes.len() > 1 {
            drawings.push(peaks(format!("{name}-peaks"), &all));
            drawings.push(traffic(format!("{name}-traffic"), &all));
        }
    }
    // Without points there are no axes.
    drawings.retain(|drawing| !drawing.lines.is_empty());
    drawings
}

fn line(reports: &[&Report], look: usize, name: &str, point: Point) -> Line {
    let here = reports.iter().filter(|report| report.protocol == name);
    Line { label: name.to_owned(), look, open: false, points: here.map(|report| point(report)).collect() }
}

fn latency_over_throughput(name: String, n: usize, reports: &[&Report]) -> Drawing {
    let mut sorted = reports.to_vec();
    sorted.sort_by_key(|report| report.batch);
    let point: Point = |report| (report.tx_per_second, report.latency_ms.mean);
    let batches: BTreeSet<usize> = sorted.iter().map(|report| report.batch).collect();
    let batches: Vec<String> = batches.into_iter().map(|batch| thousands(batch as f64)).collect();
    let of = |report: &&Report| report.common();
    let common = sorted.first().map(of).unwrap_or_default();
    Drawing {
        name,
        heading: format!("Latency over throughput, n = {n}"),
        subtitle: format!("{common}; along each line B = {}", batches.join("; ")),
        x: "ordered transactions of 250 bytes per second",
        scale: Scale::Logarithmic,
        y: "milliseconds from submission to output, mean",
        lines: protocols(sorted.iter().copied())
            .into_iter()
            .map(|(look, name)| line(&sorted, look, name, point))
            .collect(),
    }
}

/// Of each protocol and number of nodes the report that `best` gives the most, by number of nodes.
fn best<'a>(reports: &[&'a Report], best: fn(&Report) -> f64) -> Vec<&'a Report> {
    let mut sorted = reports.to_vec();
    sorted.sort_by(|a, b| {
        let of = |report: &Report| (report.protocol.clone(), report.nodes);
        of(a).cmp(&of(b)).then(best(b).total_cmp(&best(a)))
    });
    sorted.dedup_by(|a, b| (&a.protocol, a.nodes) == (&b.protocol, b.nodes));
    sorted
}

fn peaks(name: String, reports: &[&Report]) -> Drawing {
    let peaks = best(reports, |report| report.tx_per_second);
    let of = |report: &&Report| format!("{}; the best batch size of those tried", report.common());
    Drawing {
        name,
        heading: "Throughput over the number of nodes".to_owned(),
        subtitle: peaks.first().map(of).unwrap_or_default(),
        x: "nodes",
        scale: Scale::Sizes,
        y: "ordered transactions of 250 bytes per second",
        lines: protocols(peaks.iter().copied())
            .into_iter()
            .map(|(look, name)| line(&peaks, look, name, |report| (report.nodes as f64, report.tx_per_second)))
            .collect(),
    }
}

/// Where traffic is compared over the number of nodes, it is at this batch size.
const COMPARED: usize = 10_000;

fn traffic(name: String, reports: &[&Report]) -> Drawing {
    let here: Vec<&Report> = reports.iter().filter(|report| report.batch == COMPARED).copied().collect();
    let here = best(&here, |_| 0.0);
    let mut lines = Vec::new();
    for (look, name) in protocols(here.iter().copied()) {
        lines.push(line(&here, look, name, |r| (r.nodes as f64, r.bytes_per_node / r.committed as f64)));
        let formula = line(&here, look, name, |r| (r.nodes as f64, r.formula_bytes_per_node / r.committed as f64));
        lines.push(Line { label: format!("{name}, formula"), open: true, ..formula });
    }
    Drawing {
        name,
        heading: "Traffic over the number of nodes".to_owned(),
        subtitle: format!("B = {}, transactions of 250 bytes", thousands(COMPARED as f64)),
        x: "nodes",
        scale: Scale::Sizes,
        y: "bytes sent by one node per ordered transaction",
        lines,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;

    #[test]
    fn a_drawing_for_each_network_and_size_and_two_over_all_sizes() {
        let mut all = Vec::new();
        for protocol in ["dumbo-ng", "honey-badger"] {
            for n in [4, 7] {
                all.extend([1_000, 10_000].map(|batch| report(protocol, n, batch, "100")));
            }
            all.push(report(protocol, 4, 1_000, "matrix"));
        }
        let drawings = drawings(&all);
        let names: Vec<&str> = drawings.iter().map(|drawing| drawing.name.as_str()).collect();
        assert_eq!(names, ["wan-n4", "wan-n7", "wan-peaks", "wan-traffic", "wan-matrix-n4"]);
        let curve = &drawings[0];
        assert_eq!(
            curve.lines.iter().map(|line| line.label.as_str()).collect::<Vec<_>>(),
            ["honey-badger", "dumbo-ng"]
        );
        assert_eq!(curve.lines[0].points.len(), 2);
        assert!(curve.subtitle.contains("100 ms one way") && curve.subtitle.contains("B = 1,000; 10,000"));
        // Of each size the best.
        assert_eq!(drawings[2].lines[0].points, [(4.0, 2_500.0), (7.0, 10_000.0 / 7.0)]);
        assert_eq!(drawings[3].lines.len(), 4, "what was sent, and the formula");
    }
}
