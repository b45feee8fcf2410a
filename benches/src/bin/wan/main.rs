//! `wan`: whole nodes in virtual time, on a simulated wide area network.
//!
//! Prints throughput, latency, and what each node sends, next to what the protocol has to send. The simulation is the
//! library's ([`mellivora_benches::wan`]); this is its [command].
//!
//! | file | does |
//! |---|---|
//! | `args` | the configuration on the command line |
//! | `report` | the figures |
//! | `plot` | drawings |
//! | `table` | tables in a page |

mod args;
mod plot;
mod report;
mod table;

use std::process::ExitCode;

use mellivora_benches::command;

#[global_allocator]
static ALLOCATOR: mellivora_benches::MiMalloc = mellivora_benches::MiMalloc;

fn main() -> ExitCode {
    command::main::<args::Args>()
}
