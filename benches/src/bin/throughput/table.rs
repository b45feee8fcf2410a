//! Figures as tables in a page of the documentation: protocols next to each other.

use std::collections::BTreeSet;
use std::path::Path;

use mellivora::Engine;

use crate::report::{Report, encryption, thousands};
use crate::{Failure, write_out};

/// Between these lines of a page the tables are put; what was there goes.
const MARKS: [&str; 2] = ["<!-- figures -->", "<!-- end of figures -->"];

/// One figure of a report, in words.
type Cell = fn(&Report) -> String;

/// What the tables show: a heading, and what is in a cell.
const TABLES: [(&str, Cell); 3] = [
    ("Committed transactions per CPU-second, and the ratio of the CPU time to that of the floor", |report| {
        format!("{} ({:.2})", thousands(report.tx_per_cpu_second.round()), report.floor_ratio)
    }),
    ("Bytes sent by all nodes together per committed transaction", |report| {
        thousands(report.bytes_per_transaction().round())
    }),
    ("Median latency, in ms of wall time on this machine", |report| format!("{:.1}", report.latency_ms.p50)),
];

/// Puts the tables into a page, or on standard output for `-`.
pub(crate) fn write(file: &Path, reports: &[Report]) -> Result<(), Failure> {
    let text = tables(reports);
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
    let known = Engine::ALL.iter().map(|engine| engine.name());
    let protocols: Vec<&str> = known.filter(|name| reports.iter().any(|report| report.protocol == *name)).collect();
    // What is never: first in the clear, then what is encrypted.
    let schedules: BTreeSet<(bool, &str)> =
        reports.iter().map(|report| (report.encrypt != "never", report.encrypt.as_str())).collect();
    let mut out = String::new();
    for (heading, cell) in TABLES {
        for (_, schedule) in &schedules {
            let here: Vec<&Report> = reports.iter().filter(|report| report.encrypt == *schedule).collect();
            out.push_str(&format!("**{heading}; {}.**\n\n", encryption(schedule)));
            out.push_str(&format!("| n | B | {} |\n", protocols.join(" | ")));
            out.push_str(&format!("|--:|--:|{}\n", "--:|".repeat(protocols.len())));
            let rows: BTreeSet<(usize, usize)> = here.iter().map(|report| (report.nodes, report.batch)).collect();
            for (nodes, batch) in rows {
                let of = |protocol: &&str| {
                    let is = |report: &&&Report| (report.nodes, report.batch) == (nodes, batch);
                    // The last one counts, where a configuration was run more than once.
                    let found = here.iter().rev().filter(is).find(|report| report.protocol == *protocol);
                    found.map_or("-".to_owned(), |report| cell(report))
                };
                let cells: Vec<String> = protocols.iter().map(of).collect();
                out.push_str(&format!("| {nodes} | {} | {} |\n", thousands(batch as f64), cells.join(" | ")));
            }
            out.push('\n');
        }
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;

    #[test]
    fn protocols_stand_next_to_each_other_and_gaps_are_marked() {
        let reports = [
            report("sdumbo", 4, 10_000, "never"),
            report("honey-badger", 4, 100, "never"),
            report("sdumbo", 4, 100, "never"),
        ];
        let text = tables(&reports);
        assert!(
            text.contains("| n | B | honey-badger | sdumbo |\n|--:|--:|--:|--:|\n| 4 | 100 | 25 (1.00) | 25 (1.00) |")
        );
        assert!(text.contains("| 4 | 10,000 | - | 2,500 (1.00) |") && !text.contains("dumbo-ng"));
    }

    #[test]
    fn a_page_keeps_all_but_its_tables() {
        let page = "before\n<!-- figures -->\nold\n<!-- end of figures -->\nafter\n";
        let once = replaced(page, "new\n").unwrap();
        assert_eq!(once, "before\n<!-- figures -->\n\nnew\n\n<!-- end of figures -->\nafter\n");
        assert_eq!(replaced(&once, "new\n").unwrap(), once);
        assert_eq!(replaced("no marks", "new"), None);
    }
}
