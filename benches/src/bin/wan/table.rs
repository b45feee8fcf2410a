//! Figures as tables in a page of the documentation: protocols next to each other.

use std::collections::BTreeSet;
use std::path::Path;

use mellivora_benches::chart::thousands;

use crate::plot::{latest, machine, network, protocols};
use crate::report::Report;
use crate::{Failure, write_out};

/// Between these lines of a page the tables are put; what was there goes.
const MARKS: [&str; 2] = ["<!-- figures -->", "<!-- end of figures -->"];

/// One figure of a report, in words.
type Cell = fn(&Report) -> String;

/// What the tables show: a heading, and what is in a cell.
const TABLES: [(&str, Cell); 6] = [
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

/// Puts the tables into a page, or on standard output for `-`.
pub(crate) fn write(file: &Path, reports: &[Report]) -> Result<(), Failure> {
    let text = tables(&latest(reports));
    if file.as_os_str() == "-" {
        return write_out(&text);
    }
    let page = std::fs::read_to_string(file)
        .map_err(|error| Failure::Usage(format!("cannot read {}: {error}", file.display())))?;
    let page = replaced(&page, &text)
        .ok_or_else(|| Failure::Usage(format!("{} lacks the lines {}", file.display(), MARKS.join(" and "))))?;
    std::fs::write(file, page).map_err(|error| Failure::Run(format!("cannot write {}: {error}", file.display())))
}

fn replaced(page: &str, text: &str) -> Option<String> {
    let (before, rest) = page.split_once(MARKS[0])?;
    let (_, after) = rest.split_once(MARKS[1])?;
    Some(format!("{before}{}\n\n{text}\n{}{after}", MARKS[0], MARKS[1]))
}

fn tables(reports: &[Report]) -> String {
    let networks: BTreeSet<&str> = reports.iter().map(|report| report.latency.as_str()).collect();
    let mut out = String::new();
    for (heading, cell) in TABLES {
        for latency in &networks {
            let here: Vec<&Report> = reports.iter().filter(|report| report.latency == *latency).collect();
            let names: Vec<&str> = protocols(&here).into_iter().map(|(_, name)| name).collect();
            let what = here.first().map(|report| machine(report)).unwrap_or_default();
            out.push_str(&format!("**{heading}; {}, {what}.**\n\n", network(latency)));
            out.push_str(&format!("| n | B | {} |\n", names.join(" | ")));
            out.push_str(&format!("|--:|--:|{}\n", "--:|".repeat(names.len())));
            let rows: BTreeSet<(usize, usize)> = here.iter().map(|report| (report.nodes, report.batch)).collect();
            for (nodes, batch) in rows {
                let of = |protocol: &&str| {
                    let is = |report: &&&Report| (report.nodes, report.batch) == (nodes, batch);
                    let found = here.iter().filter(is).find(|report| report.protocol == *protocol);
                    found.map_or("-".to_owned(), |report| cell(report))
                };
                let cells: Vec<String> = names.iter().map(of).collect();
                out.push_str(&format!("| {nodes} | {} | {} |\n", thousands(batch as f64), cells.join(" | ")));
            }
            out.push('\n');
        }
    }
    out.trim_end().to_owned() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;

    #[test]
    fn protocols_stand_next_to_each_other_and_the_rest_of_the_page_stays() {
        let all = [report("dumbo-ng", 4, 1_000, "100"), report("honey-badger", 4, 1_000, "100")];
        let page = replaced("a\n<!-- figures -->\nold\n<!-- end of figures -->\nb\n", &tables(&all)).unwrap();
        assert!(page.starts_with("a\n") && page.ends_with("-->\nb\n") && !page.contains("old"));
        assert!(page.contains("| n | B | honey-badger | dumbo-ng |\n") && page.contains("| 4 | 1,000 | 250 | 250 |\n"));
        assert!(page.contains("| 4 | 1,000 | 1.000 (1.000) |"), "{page}");
        assert_eq!(replaced("no marks", ""), None);
    }
}
