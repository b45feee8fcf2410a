//! `throughput`: what it costs a cluster to order transactions.
//!
//! Runs a whole cluster in this process (real nodes, real wire encoding, links in memory, one job pool), one epoch
//! after another, and prints what an epoch costs in CPU time, next to the [floor](mellivora_benches::floor) on the same
//! transactions. Every node outputs every batch; a run in which two ledgers differ prints no figure. Arguments, grids and
//! the forms of figures are those of every [program](mellivora_benches::command).
//!
//! | file | does |
//! |---|---|
//! | `args` | the configuration on the command line |
//! | `bars` | what configurations are meant to reach |
//! | `run` | one configuration |
//! | `check` | compares ledgers, finds lost and foreign transactions |
//! | `report` | the figures |
//! | `plot` | drawings |
//! | `table` | tables in a page |

mod args;
mod bars;
mod check;
mod plot;
mod report;
mod run;
mod table;

use std::process::ExitCode;

use mellivora_benches::command::{self, Failure};

#[global_allocator]
static ALLOCATOR: mellivora_benches::MiMalloc = mellivora_benches::MiMalloc;

fn main() -> ExitCode {
    command::main::<args::Args>()
}
