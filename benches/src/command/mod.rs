//! What programs that give figures have in common: their command line, grids, the forms of figures, tables in pages.
//!
//! A [`Program`] is a set of arguments that describe one configuration, and says how to measure it. [`main`] does the
//! rest: it measures that one, or every one of a grid, or reads what was measured before; then it prints, draws and puts
//! tables into pages.
//!
//! | module | does |
//! |---|---|
//! | [`args`] | reads command lines, and holds the options that all programs have |
//! | [`grid`] | many configurations, each in a process of its own |
//! | [`report`] | figures as a list, JSON and CSV |
//! | [`table`] | tables in a page of the documentation |

pub mod args;
pub mod grid;
pub mod report;
pub mod table;
#[cfg(test)]
mod tests;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use crate::chart::Drawing;
use args::{Common, Request};
use report::{Figures, Listing};
use table::Table;

/// Why there is no figure.
#[derive(Debug)]
pub enum Failure {
    /// Something else was asked for, and this is it: exit 0.
    Instead(String),
    /// What was asked for cannot be: exit 2.
    Usage(String),
    /// It was tried and did not work: exit 1.
    Run(String),
}

/// A program that gives figures: its arguments, with [`Common`] among them, describe a configuration.
pub trait Program: clap::Parser {
    /// The figures of a configuration.
    type Report: Figures;
    /// The arguments that a grid may set, as they are called in its file. The last one changes fastest.
    const GRID: &'static [&'static str];
    /// The tables that a page can have, each with its name in the page's marks.
    const TABLES: &'static [Table<Self::Report>];

    /// The options that all programs have.
    fn common(&self) -> &Common;

    /// Whether there can be such a configuration.
    ///
    /// # Errors
    ///
    /// If not, with a line that says why.
    fn check(&self) -> Result<(), Failure>;

    /// Measures the configuration.
    ///
    /// # Errors
    ///
    /// When there can be no such configuration, it did not do what it should, or something else was asked for.
    fn measure(&self) -> Result<Self::Report, Failure>;

    /// What `--plot` draws of these reports, of which there are some.
    fn drawings(reports: &[Self::Report]) -> Vec<Drawing>;
}

/// Does what the command line asks for.
pub fn main<P: Program>() -> ExitCode {
    crate::keep_pages();
    let outcome = Request::<P>::of(std::env::args_os().skip(1)).and_then(|request| run(&request));
    let outcome =
        outcome.or_else(|failure| if let Failure::Instead(text) = failure { write_out(&text) } else { Err(failure) });
    let (line, code) = match outcome {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Usage(line)) => (line, 2),
        Err(Failure::Run(line) | Failure::Instead(line)) => (line, 1),
    };
    // Nowhere left to complain to.
    let _ = writeln!(std::io::stderr(), "{}: {line}", P::command().get_name());
    ExitCode::from(code)
}

fn run<P: Program>(request: &Request<P>) -> Result<(), Failure> {
    let common = request.args.common();
    let mut listing = Listing::new(common);
    let (reports, failed) = match (&common.grid, &common.results) {
        (Some(file), _) => grid::run(request, file, &mut |report| listing.print(report))?,
        (None, Some(file)) => (grid::read(file, &mut |report| listing.print(report))?, 0),
        (None, None) => {
            let report = request.args.measure()?;
            listing.print(&report)?;
            (vec![report], 0)
        }
    };
    if let Some(file) = &common.csv {
        write_to(file, &report::csv(&reports)?)?;
    }
    if let Some(file) = &common.tables {
        table::write::<P>(file, common.note.as_deref(), &reports)?;
    }
    if let Some(dir) = &common.plot {
        let drawings = if reports.is_empty() { Vec::new() } else { P::drawings(&reports) };
        draw(dir, &drawings)?;
    }
    match failed {
        0 => Ok(()),
        failed => Err(Failure::Run(format!("{failed} configurations of the grid failed"))),
    }
}

/// Draws into a folder, which is made if need be.
fn draw(dir: &Path, drawings: &[Drawing]) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::Run(format!("cannot draw into {}: {error}", dir.display()));
    if drawings.is_empty() {
        return Err(failed(&"there are no figures"));
    }
    std::fs::create_dir_all(dir).map_err(|error| failed(&error))?;
    drawings.iter().try_for_each(|drawing| drawing.draw(dir)).map_err(|error| failed(&error))
}

fn read(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file).map_err(|error| Failure::Usage(format!("cannot read {}: {error}", file.display())))
}

/// Writes to a file, or to standard output for `-`.
fn write_to(file: &Path, text: &str) -> Result<(), Failure> {
    if file.as_os_str() == "-" {
        return write_out(text);
    }
    std::fs::write(file, text).map_err(|error| Failure::Run(format!("cannot write {}: {error}", file.display())))
}

/// Writes to standard output; a reader that has gone away is no failure of ours, but no success either.
fn write_out(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", text.trim_end())
        .and_then(|()| out.flush())
        .map_err(|error| Failure::Run(format!("cannot write to standard output: {error}")))
}
