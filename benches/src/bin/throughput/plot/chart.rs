//! Reports as lines of a drawing.

use std::collections::BTreeMap;

use mellivora_benches::chart::{Drawing, Line, Scale};
use mellivora_benches::command::report::encryption;

use crate::report::Report;

/// What an axis shows.
#[derive(Clone, Copy)]
pub(super) struct Quantity {
    pub(super) title: &'static str,
    pub(super) unit: &'static str,
    pub(super) of: fn(&Report) -> f64,
    /// Few values, each of which is marked on a linear axis; otherwise the axis is logarithmic.
    pub(super) sizes: bool,
}

/// A drawing.
pub(super) struct Chart<'a> {
    /// Of the file, without its ending.
    pub(super) name: String,
    pub(super) x: Quantity,
    pub(super) y: Quantity,
    pub(super) reports: Vec<&'a Report>,
    /// What has a colour of its own: its place in the legend, and its name.
    pub(super) line: fn(&Report) -> (usize, String),
    /// What holds for all of it.
    pub(super) notes: Vec<String>,
}

/// What a line stands for; lines are in this order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    line: (usize, String),
    protocol: String,
    suite: String,
    encrypt: String,
    faulty: usize,
    tx_size: usize,
}

impl Key {
    fn of(line: (usize, String), report: &Report) -> Self {
        let r = report.clone();
        Key { line, protocol: r.protocol, suite: r.suite, encrypt: r.encrypt, faulty: r.faulty, tx_size: r.tx_size }
    }

    /// What is to be said of a line beside its name.
    fn parts(&self) -> [String; 5] {
        [
            // Where protocols have the colours, their name is said already.
            if self.protocol == self.line.1 { String::new() } else { self.protocol.clone() },
            self.suite.clone(),
            encryption(&self.encrypt),
            if self.faulty > 0 { format!("{} faulty", self.faulty) } else { String::new() },
            format!("{} bytes per transaction", self.tx_size),
        ]
    }
}

/// Lines, each with its points in the order of batch size and number of nodes.
type Lines = BTreeMap<Key, Vec<(f64, f64)>>;

impl Chart<'_> {
    /// As it is drawn.
    pub(super) fn drawing(&self) -> Drawing {
        let lines = self.lines();
        let mut colours: Vec<&(usize, String)> = lines.keys().map(|key| &key.line).collect();
        colours.dedup();
        let parts: Vec<[String; 5]> = lines.keys().map(Key::parts).collect();
        let common = |part: usize| parts.iter().all(|one| one[part] == parts[0][part]);
        let line = |(key, points): (&Key, &Vec<(f64, f64)>)| {
            let own = (0..5).filter(|part| !common(*part)).map(|part| key.parts()[part].clone());
            Line {
                label: join(std::iter::once(key.line.1.clone()).chain(own)),
                look: colours.iter().position(|line| **line == key.line).unwrap_or(0),
                // Open marks and thin lines where nothing is encrypted and something else is.
                open: key.encrypt == "never" && !common(2),
                points: points.clone(),
            }
        };
        let same = (0..5).filter(|part| common(*part)).filter_map(|part| Some(parts.first()?[part].clone()));
        Drawing {
            name: self.name.clone(),
            heading: format!("{} over {}", self.y.title, self.x.title),
            subtitle: join(self.notes.iter().cloned().chain(same)),
            x: self.x.unit,
            scale: if self.x.sizes { Scale::Sizes } else { Scale::Logarithmic },
            y: self.y.unit,
            lines: lines.iter().map(line).collect(),
        }
    }

    /// A line of a single point is left out where others have more.
    fn lines(&self) -> Lines {
        let mut reports = self.reports.clone();
        reports.sort_by_key(|report| (report.batch, report.nodes));
        let mut lines = Lines::new();
        for report in reports {
            let key = Key::of((self.line)(report), report);
            lines.entry(key).or_default().push(((self.x.of)(report), (self.y.of)(report)));
        }
        let longest = lines.values().map(Vec::len).max().unwrap_or_default();
        lines.retain(|_, points| points.len() > 1 || longest == 1);
        lines
    }
}

fn join(parts: impl Iterator<Item = String>) -> String {
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}
