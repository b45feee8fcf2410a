//! Figures as tables in a page of the documentation.
//!
//! A page says where: everything between the lines `<!-- figures: NAME -->` and `<!-- end of figures -->` is replaced by
//! the tables of that name. It may have any number of such places.

use std::collections::BTreeSet;
use std::path::Path;

use mellivora::Engine;

use super::report::{Figures, latest};
use super::{Failure, Program, read, write_out, write_to};
use crate::chart::thousands;

/// Tables that a page can have: their name, and how they are made. Of each configuration there is one report.
pub type Table<R> = (&'static str, fn(&[R]) -> String);

/// One figure of a report, in words.
pub type Cell<R> = fn(&R) -> String;

/// A mark: begins with this, then a name and [`CLOSE`].
const OPEN: &str = "<!-- figures: ";
const CLOSE: &str = " -->";
const END: &str = "<!-- end of figures -->";

/// Puts tables into a page between its marks, or all tables on standard output for `-`.
pub(super) fn write<P: Program>(file: &Path, note: Option<&str>, reports: &[P::Report]) -> Result<(), Failure> {
    let reports = latest(reports);
    let note = note.map_or(String::new(), |note| format!("{note}\n\n"));
    if file.as_os_str() == "-" {
        let all: Vec<String> = P::TABLES.iter().map(|(_, make)| make(&reports)).collect();
        return write_out(&(note + &all.join("\n")));
    }
    let tables = |name: &str| {
        let (_, make) = P::TABLES.iter().find(|(known, _)| *known == name)?;
        Some(format!("{note}{}", make(&reports)))
    };
    let page = filled(&read(file)?, tables).map_err(|error| {
        let names: Vec<&str> = P::TABLES.iter().map(|(name, _)| *name).collect();
        Failure::Usage(format!("{}: {error}; tables are {}", file.display(), names.join(", ")))
    })?;
    write_to(file, &page)
}

/// The page with other text between its marks; the line that says what is wrong if it has none, or one of an unknown name.
pub(super) fn filled(page: &str, text: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut parts = page.split(OPEN);
    let mut out = parts.next().unwrap_or_default().to_owned();
    if out.len() == page.len() {
        return Err(format!("there is no {OPEN}NAME{CLOSE}"));
    }
    for part in parts {
        let (name, rest) = part.split_once(CLOSE).ok_or_else(|| format!("a {OPEN}has no name"))?;
        let (_, after) = rest.split_once(END).ok_or_else(|| format!("{OPEN}{name}{CLOSE} lacks its {END}"))?;
        let text = text(name).ok_or_else(|| format!("there are no figures \"{name}\""))?;
        out.push_str(&format!("{OPEN}{name}{CLOSE}\n\n{}\n\n{END}{after}", text.trim_end()));
    }
    Ok(out)
}

/// Those protocols of which there are reports, in the order of the list of all, with the place of each in it.
pub fn protocols<'a, R: Figures + 'a>(reports: impl IntoIterator<Item = &'a R>) -> Vec<(usize, &'static str)> {
    let here: BTreeSet<&str> = reports.into_iter().map(|report| report.place().protocol).collect();
    Engine::ALL.iter().map(|engine| engine.name()).enumerate().filter(|(_, name)| here.contains(name)).collect()
}

/// Tables of protocols next to each other, one row for each number of nodes and batch size: for each heading, a table of
/// the reports that belong together.
pub fn side_by_side<R: Figures>(reports: &[R], contents: &[(&str, Cell<R>)]) -> String {
    let tables: BTreeSet<(bool, &str)> = reports.iter().map(|report| report.place().table).collect();
    let mut out = String::new();
    for (heading, cell) in contents {
        for table in &tables {
            let here: Vec<&R> = reports.iter().filter(|report| report.place().table == *table).collect();
            let names: Vec<&str> = protocols(here.iter().copied()).into_iter().map(|(_, name)| name).collect();
            let common = here.first().map(|report| report.common()).unwrap_or_default();
            out.push_str(&format!("**{heading}; {common}.**\n\n| n | B | {} |\n", names.join(" | ")));
            out.push_str(&format!("|--:|--:|{}\n", "--:|".repeat(names.len())));
            let rows: BTreeSet<_> = here.iter().map(|report| (report.place().nodes, report.place().batch)).collect();
            for (nodes, batch) in rows {
                let of = |protocol: &&str| {
                    let is = |place: super::report::Place<'_>| {
                        (place.nodes, place.batch, place.protocol) == (nodes, batch, *protocol)
                    };
                    here.iter().find(|report| is(report.place())).map_or("-".to_owned(), |report| cell(report))
                };
                let cells: Vec<String> = names.iter().map(of).collect();
                out.push_str(&format!("| {nodes} | {} | {} |\n", thousands(batch as f64), cells.join(" | ")));
            }
            out.push('\n');
        }
    }
    out.trim_end().to_owned() + "\n"
}
