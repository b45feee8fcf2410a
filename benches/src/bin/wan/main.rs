//! `wan`: whole nodes in virtual time, on a simulated wide area network.
//!
//! Prints throughput, latency, and what each node sends, next to what the protocol has to send. The simulation is the
//! library's ([`mellivora_benches::wan`]); this is its command.
//!
//! | file | does |
//! |---|---|
//! | `args` | command line |
//! | `report` | the figures, as table and JSON |
//! | `grid` | many configurations, each in a process of its own |
//! | `plot` | drawings |
//! | `table` | tables in a page |

mod args;
mod grid;
mod plot;
mod report;
mod table;

use std::io::Write;
use std::process::ExitCode;

use args::{Args, Parsed};
use mellivora_benches::wan;

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
    let _ = writeln!(std::io::stderr(), "wan: {line}");
    ExitCode::from(code)
}

fn run(args: &Args) -> Result<(), Failure> {
    if let Some(machine) = &args.measure {
        let costs = wan::costs::Costs::measure(machine.clone())
            .map_err(|error| Failure::Run(format!("no socket to measure: {error}")))?;
        let text = toml::to_string(&costs).map_err(|error| Failure::Run(error.to_string()))?;
        return write_out(&text);
    }
    let mut format = report::Format::new(args);
    let (reports, failed) = match (&args.grid, &args.results) {
        (Some(file), _) => grid::run(args, file, &mut |report| format.print(report))?,
        (None, Some(file)) => (grid::read(file, &mut |report| format.print(report))?, 0),
        (None, None) => {
            let setup = args.setup()?;
            let start = std::time::Instant::now();
            let outcome = wan::simulate(&setup).map_err(Failure::Run)?;
            let report = report::Report::new(args, &setup, &outcome, start.elapsed().as_secs_f64());
            format.print(&report)?;
            (vec![report], 0)
        }
    };
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
