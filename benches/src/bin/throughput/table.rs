//! Figures as tables in a page of the documentation.

use std::collections::BTreeMap;

use mellivora::Engine;
use mellivora_benches::chart::thousands;
use mellivora_benches::command::table::side_by_side;

use crate::bars::{BARS, Configuration, FLOOR_RATIO, Limit};
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

/// The ratio to the floor, for which all configurations have the same bar.
pub(crate) fn floor(reports: &[Report]) -> String {
    let reached = reports.iter().filter(|report| report.floor_ratio <= FLOOR_RATIO).count();
    let tables = side_by_side(
        reports,
        &[("CPU time by that of the floor", |report| {
            let ratio = format!("{:.2}", report.floor_ratio);
            if report.floor_ratio <= FLOOR_RATIO { format!("**{ratio}**") } else { ratio }
        })],
    );
    let all = reports.len();
    format!("At most {FLOOR_RATIO} times the floor, in bold: {reached} of {all} configurations.\n\n{tables}")
}

/// Every configuration that has a bar of its own, and whether it reaches it.
pub(crate) fn bars(reports: &[Report]) -> String {
    let mut rows: BTreeMap<Configuration, Vec<Limit>> = BTreeMap::new();
    for bar in BARS {
        for configuration in bar.configurations() {
            rows.entry(configuration).or_default().push(bar.limit);
        }
    }
    let mut out = String::from(
        "| protocol | n | B | encrypted | CPU ms per epoch | transactions per CPU-second | peak MiB | bar |\n\
         |---|--:|--:|---|--:|--:|--:|---|\n",
    );
    for ((protocol, encrypted, batch, nodes), limits) in rows {
        let protocol = Engine::ALL[protocol].name();
        let is = |report: &&Report| {
            let encrypt = if encrypted { "always" } else { "never" };
            report.encrypt == encrypt
                && (report.protocol.as_str(), report.nodes, report.batch) == (protocol, nodes, batch)
        };
        let report = reports.iter().find(is);
        let figure = |of: fn(&Report) -> f64| report.map_or("-".to_owned(), |report| known(of(report)));
        let verdicts: Vec<String> =
            limits.iter().map(|limit| format!("{}: {}", limit.text(), verdict(*limit, report))).collect();
        out.push_str(&format!(
            "| {protocol} | {nodes} | {} | {} | {} | {} | {} | {} |\n",
            thousands(batch as f64),
            if encrypted { "yes" } else { "no" },
            figure(|report| report.cpu_ms_per_epoch),
            figure(|report| report.tx_per_cpu_second),
            figure(|report| report.peak_rss_mib),
            verdicts.join("; ")
        ));
    }
    out
}

/// A figure, or a dash: the system does not always say how much memory is in use.
fn known(figure: f64) -> String {
    if figure > 0.0 { thousands(if figure < 10.0 { figure } else { figure.round() }) } else { "-".to_owned() }
}

fn verdict(limit: Limit, report: Option<&Report>) -> String {
    match report.map(|report| limit.factor(report)) {
        Some(factor) if factor > 1.0 => format!("missed by a factor of {:.2}", (factor * 100.0).ceil() / 100.0),
        Some(factor) if factor > 0.0 => "reached".to_owned(),
        _ => "not measured".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;

    /// The row of a configuration, which is there once.
    fn row(text: &str, start: &str) -> String {
        let rows: Vec<&str> = text.lines().filter(|line| line.starts_with(start)).collect();
        assert_eq!(rows.len(), 1, "{start} in {text}");
        rows[0].to_owned()
    }

    #[test]
    fn every_configuration_with_a_bar_has_one_row_measured_or_not() {
        for text in [bars(&[]), bars(&[report("dumbo1", 4, 1, "never")])] {
            for bar in BARS {
                for protocol in bar.protocols {
                    let encrypted = if bar.encrypted { "yes" } else { "no" };
                    let (n, b) = (bar.nodes, thousands(bar.batch as f64));
                    let row = row(&text, &format!("| {} | {n} | {b} | {encrypted} |", protocol.name()));
                    assert!(row.contains(&format!("{}: not measured", bar.limit.text())), "{row}");
                }
            }
            assert!(!text.contains("dumbo1"), "what has no bar has no row");
        }
    }

    #[test]
    fn a_bar_is_reached_exactly_or_missed_by_a_factor() {
        let verdict = |limit, better: f64| {
            let (cpu_ms_per_epoch, peak_rss_mib) = (10.0 / better, 100.0 / better);
            let report = Report {
                tx_per_cpu_second: 1000.0 * better,
                cpu_ms_per_epoch,
                peak_rss_mib,
                ..report("sdumbo", 4, 1, "never")
            };
            super::verdict(limit, Some(&report))
        };
        for limit in [Limit::Throughput(1000.0), Limit::Epoch(10.0), Limit::Memory(100.0)] {
            assert_eq!(verdict(limit, 1.0), "reached", "{limit:?}");
            assert_eq!(verdict(limit, 2.0), "reached", "{limit:?}");
            assert_eq!(verdict(limit, 0.5), "missed by a factor of 2.00", "{limit:?}");
            assert_eq!(verdict(limit, 0.99999), "missed by a factor of 1.01", "{limit:?}: never by nothing");
        }
        let unknown = Report { peak_rss_mib: 0.0, ..report("sdumbo", 4, 1, "never") };
        assert_eq!(super::verdict(Limit::Memory(100.0), Some(&unknown)), "not measured");
        assert_eq!([0.0, 0.654, 15.6, 640_670.4].map(known), ["-", "0.65", "16", "640,670"]);
    }

    #[test]
    fn a_row_shows_its_own_figures_and_all_its_bars() {
        let one = Report {
            cpu_ms_per_epoch: 185.3,
            tx_per_cpu_second: 539_664.0,
            peak_rss_mib: 459.0,
            ..report("honey-badger", 4, 100_000, "never")
        };
        let other = report("honey-badger", 4, 100_000, "always");
        assert_eq!(
            row(&bars(&[other, one]), "| honey-badger | 4 | 100,000 | no |"),
            "| honey-badger | 4 | 100,000 | no | 185 | 539,664 | 459 | at least 480,000 per CPU-second: reached; \
             at most 140 MiB: missed by a factor of 3.28 |"
        );
    }

    #[test]
    fn ratios_within_the_bar_are_counted_and_bold() {
        let far = Report { floor_ratio: 1.51, ..report("sdumbo", 4, 1, "always") };
        let near = Report { floor_ratio: 1.5, ..report("dumbo-ng", 4, 1, "always") };
        let text = floor(&[far, near, report("sdumbo", 4, 1, "never")]);
        assert!(text.contains(": 2 of 3 configurations.\n"), "{text}");
        assert!(text.contains("| 4 | 1 | 1.51 | **1.50** |\n"), "{text}");
    }
}
