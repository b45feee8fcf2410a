//! `throughput`: what it costs a cluster to order transactions.
//!
//! Runs a whole cluster in this process (real nodes, real wire encoding, links in memory, one job pool), one epoch
//! after another, and prints what an epoch costs in CPU time, next to the [floor](mellivora_benches::floor) on the same
//! transactions. Every node outputs every batch; a run in which two ledgers differ prints no figure.
//!
//! | file | does |
//! |---|---|
//! | `args` | command line |
//! | `run` | one configuration |
//! | `check` | compares ledgers, finds lost and foreign transactions |
//! | `report` | the figures, as table, JSON, CSV |
//! | `grid` | many configurations, each in a process of its own |
//! | `plot` | drawings |
//! | `table` | tables in a page |

mod args;
mod check;
mod grid;
mod plot;
mod report;
mod run;
mod table;

use std::io::Write;
use std::process::ExitCode;

use args::{Args, Parsed};

#[global_allocator]
static ALLOCATOR: mellivora_benches::MiMalloc = mellivora_benches::MiMalloc;

/// Why there is no figure.
#[derive(Debug)]
enum Failure {
    /// What was asked for cannot be: exit 2.
    Usage(String),
    /// It was tried and did not work: exit 1.
    Run(String),
}

fn main() -> ExitCode {
    mellivora_benches::keep_pages();
    let outcome = match args::parse(std::env::args_os()) {
        Ok(Parsed::Text(text)) => write_out(&text),
        Ok(Parsed::Run(args)) => run(&args),
        Err(failure) => Err(failure),
    };
    let (line, code) = match outcome {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Usage(line)) => (line, 2),
        Err(Failure::Run(line)) => (line, 1),
    };
    // Nowhere left to complain to.
    let _ = writeln!(std::io::stderr(), "throughput: {line}");
    ExitCode::from(code)
}

fn run(args: &Args) -> Result<(), Failure> {
    let mut format = report::Format::new(args);
    let (reports, failed) = match (&args.grid, &args.results) {
        (Some(file), _) => grid::run(args, file, &mut |report| format.print(report))?,
        (None, Some(file)) => (grid::read(file, &mut |report| format.print(report))?, 0),
        (None, None) => {
            let report = run::measure(&args.setup()?)?;
            format.print(&report)?;
            (vec![report], 0)
        }
    };
    if let Some(file) = &args.csv {
        report::csv(file, &reports)?;
    }
    if let Some(file) = &args.tables {
        table::write(file, &reports)?;
    }
    if let Some(dir) = &args.plot {
        plot::draw(dir, &reports)?;
    }
    match failed {
        0 => Ok(()),
        failed => Err(Failure::Run(format!("{failed} configurations of the grid failed"))),
    }
}

/// Writes to standard output; a reader that has gone away is no failure of ours, but no success either.
fn write_out(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", text.trim_end())
        .and_then(|()| out.flush())
        .map_err(|error| Failure::Run(format!("cannot write to standard output: {error}")))
}
