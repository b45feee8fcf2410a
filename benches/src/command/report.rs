//! The figures of a configuration, and the forms in which they are printed.

use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::args::Common;
use super::{Failure, write_out};

/// A column of a list: its heading, its width, negative if it begins at the left, and what is in a cell.
pub type Column<R> = (&'static str, isize, fn(&R) -> String);

/// Where a report stands among others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place<'a> {
    /// Reports of one table have this in common. Tables are in its order.
    pub table: (bool, &'a str),
    /// Number of nodes.
    pub nodes: usize,
    /// Transactions per epoch.
    pub batch: usize,
    /// Name of the protocol.
    pub protocol: &'a str,
}

/// The figures of a configuration.
pub trait Figures: Clone + Serialize + DeserializeOwned + 'static {
    /// The list that is printed where nothing else is asked for.
    const COLUMNS: &'static [Column<Self>];

    /// Where they stand.
    fn place(&self) -> Place<'_>;

    /// What the reports of a table have in common, in words.
    fn common(&self) -> String;
}

/// An encryption schedule in words.
pub fn encryption(schedule: &str) -> String {
    match schedule {
        "always" => "encrypted".to_owned(),
        "never" => "in the clear".to_owned(),
        other => format!("encrypted {other}"),
    }
}

/// Where a configuration was run more than once, the last one counts.
pub fn latest<R: Figures>(reports: &[R]) -> Vec<R> {
    let mut kept: Vec<R> = Vec::new();
    for report in reports.iter().rev() {
        if kept.iter().all(|other| other.place() != report.place()) {
            kept.push(report.clone());
        }
    }
    kept.reverse();
    kept
}

/// Prints reports as they come.
#[derive(Debug)]
pub(super) struct Listing {
    json: bool,
    quiet: bool,
    headed: bool,
}

impl Listing {
    pub(super) fn new(common: &Common) -> Self {
        Listing { json: common.json, quiet: common.has_output(), headed: false }
    }

    pub(super) fn print<R: Figures>(&mut self, report: &R) -> Result<(), Failure> {
        if self.json {
            return write_out(&json(report)?);
        }
        if self.quiet {
            return Ok(());
        }
        if !std::mem::replace(&mut self.headed, true) {
            write_out(&line::<R>(|(heading, ..)| (*heading).to_owned()))?;
        }
        write_out(&line::<R>(|(_, _, cell)| cell(report)))
    }
}

fn line<R: Figures>(cell: impl Fn(&Column<R>) -> String) -> String {
    let padded = |column: &Column<R>| {
        let (cell, width) = (cell(column), column.1.unsigned_abs());
        if column.1 < 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
    };
    R::COLUMNS.iter().map(padded).collect::<Vec<String>>().join(" ")
}

fn json<R: Serialize>(report: &R) -> Result<String, Failure> {
    serde_json::to_string(report).map_err(|error| Failure::Run(format!("figures that are no JSON: {error}")))
}

/// Comma-separated values: all figures, in their order, under their names.
pub(super) fn csv<R: Serialize>(reports: &[R]) -> Result<String, Failure> {
    let mut out = String::new();
    for report in reports {
        let Flat(fields) = serde_json::from_str(&json(report)?)
            .map_err(|error| Failure::Run(format!("figures that are no table: {error}")))?;
        // No name holds a comma or a quote.
        let (names, values): (Vec<String>, Vec<String>) = fields.into_iter().unzip();
        if out.is_empty() {
            out = names.join(",") + "\n";
        }
        out.push_str(&values.join(","));
        out.push('\n');
    }
    Ok(out)
}

/// Names and values of an object in their order; those of an object within have names of two parts.
struct Flat(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Flat {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Flat(Vec::new()))
    }
}

impl<'de> Visitor<'de> for Flat {
    type Value = Self;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self, A::Error> {
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            match value {
                Value::Object(inner) => {
                    self.0.extend(inner.iter().map(|(part, value)| (format!("{name}_{part}"), plain(value))));
                }
                value => self.0.push((name, plain(&value))),
            }
        }
        Ok(self)
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_f64() => number.as_f64().unwrap_or_default().to_string(),
        value => value.to_string(),
    }
}
