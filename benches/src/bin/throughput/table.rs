//! Figures as tables in a page of the documentation.

use mellivora_benches::chart::thousands;
use mellivora_benches::command::table::side_by_side;

use crate::report::Report;

/// Protocols next to each other.
pub(crate) fn protocols(reports: &[Report]) -> String {
    side_by_side(
        reports,
        &[
            ("Committed transactions per CPU-second, and the ratio of the CPU time to that of the floor", |report| {
                format!("{} ({:.2})", thousands(report.tx_per_cpu_second.round()), report.floor_ratio)
            }),
            ("Bytes sent by all nodes together per committed transaction", |report| {
                thousands(report.bytes_per_transaction().round())
            }),
            ("Median latency, in ms of wall time on this machine", |report| format!("{:.1}", report.latency_ms.p50)),
        ],
    )
}
