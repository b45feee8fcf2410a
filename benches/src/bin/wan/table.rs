//! Figures as tables in a page of the documentation.

use mellivora_benches::chart::thousands;
use mellivora_benches::command::table::{Cell, side_by_side};

use crate::report::Report;

/// Protocols next to each other.
pub(crate) fn protocols(reports: &[Report]) -> String {
    side_by_side(reports, &TABLES)
}

/// What the tables show: a heading, and what is in a cell.
const TABLES: [(&str, Cell<Report>); 6] = [
    ("Ordered transactions per second", |report| thousands(report.tx_per_second.round())),
    ("From submission to output in ms: mean, 99th percentile", |report| {
        format!("{}, {}", thousands(report.latency_ms.mean.round()), thousands(report.latency_ms.p99.round()))
    }),
    (
        "Bytes sent, by the formula for what was ordered; in brackets by that for all contributions, ordered or left out",
        |report| format!("{:.3} ({:.3})", report.bytes_ratio, report.begun_bytes_ratio),
    ),
    ("Share of the bytes of the formula that is no payload", |report| format!("{:.1} %", 100.0 * report.overhead)),
    ("Messages of a node per epoch; in brackets, by the formula", |report| {
        format!(
            "{} ({:.1})",
            thousands((report.messages_per_node / report.epochs as f64).round()),
            report.messages_ratio
        )
    }),
    ("Signatures verified by a node per epoch; in brackets, by the formula", |report| {
        match report.formula_verified_per_node_epoch {
            0.0 => "0".to_owned(),
            due => format!(
                "{} ({:.2})",
                thousands(report.verified_per_node_epoch.round()),
                report.verified_per_node_epoch / due
            ),
        }
    }),
];
