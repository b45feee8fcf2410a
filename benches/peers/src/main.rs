//! mellivora next to other asynchronous BFT libraries: the same transactions, the same machine, one run, one table.
//!
//! Each library is measured in a process of its own, one after another, round by round, so that what slows the machine down
//! slows all of them down. README.md says what each of them does and does not do.

mod aleph;
mod badger;
mod ours;
mod workload;

use std::collections::BTreeMap;
use std::process::{Command, ExitCode};
use std::time::Duration;

use clap::Parser;
use serde::{Deserialize, Serialize};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Compares mellivora with hbbft and aleph-bft: transactions per CPU-second of the whole cluster, user and system time.
#[derive(Parser, Debug)]
#[command(version)]
struct Args {
    /// Sizes of the cluster.
    #[arg(long, value_delimiter = ',', default_value = "4")]
    nodes: Vec<usize>,
    /// Transactions per epoch, over all nodes.
    #[arg(long, value_delimiter = ',', default_value = "1000,10000,100000")]
    batch: Vec<usize>,
    /// Bytes of a transaction.
    #[arg(long, default_value_t = 250)]
    tx_size: usize,
    /// Epochs that are measured, after one that is not.
    #[arg(long, default_value_t = 3)]
    epochs: usize,
    /// How often everything is measured; the median counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Only these: mellivora, mellivora-plain, dumbo-ng, hbbft, hbbft-plain, aleph-bft.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// One JSON object per line instead of the table.
    #[arg(long)]
    json: bool,
    #[arg(long, hide = true)]
    measure: Option<String>,
}

/// One library in one configuration.
#[derive(Clone, Copy, Debug)]
pub struct Task {
    /// Nodes.
    pub nodes: usize,
    /// Transactions per epoch, over all nodes.
    pub batch: usize,
    /// Bytes of a transaction.
    pub tx_size: usize,
    /// Epochs that are measured.
    pub epochs: usize,
}

/// What was measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Figure {
    library: String,
    nodes: usize,
    batch: usize,
    cpu_ms_per_epoch: f64,
    tx_per_cpu_second: f64,
}

type Measure = fn(Task) -> Result<Duration, String>;

/// The libraries by name, the one that ratios are relative to first.
const LIBRARIES: [(&str, Measure); 6] = [
    ("mellivora", |task| ours::measure(task, mellivora::Engine::HoneyBadger, true)),
    ("mellivora-plain", |task| ours::measure(task, mellivora::Engine::HoneyBadger, false)),
    ("dumbo-ng", |task| ours::measure(task, mellivora::Engine::DumboNg, false)),
    ("hbbft", |task| badger::measure(task, true)),
    ("hbbft-plain", |task| badger::measure(task, false)),
    ("aleph-bft", aleph::measure),
];

/// CPU time of this process, user and system.
pub fn process_cpu() -> Duration {
    match nix::time::clock_gettime(nix::time::ClockId::CLOCK_PROCESS_CPUTIME_ID) {
        Ok(time) => Duration::from(time),
        Err(error) => unreachable!("every Unix has this clock: {error}"),
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match &args.measure {
        Some(library) => child(&args, library),
        None => parent(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("peers: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// Measures one library in one configuration, and prints the figure.
fn child(args: &Args, library: &str) -> Result<(), String> {
    let (_, measure) = LIBRARIES.iter().find(|(name, _)| *name == library).ok_or("no such library")?;
    let (&[nodes], &[batch]) = (&args.nodes[..], &args.batch[..]) else { return Err("one configuration".into()) };
    let task = Task { nodes, batch, tx_size: args.tx_size, epochs: args.epochs };
    let cpu = measure(task)?.as_secs_f64();
    let figure = Figure {
        library: library.to_owned(),
        nodes,
        batch,
        cpu_ms_per_epoch: 1000.0 * cpu / task.epochs as f64,
        tx_per_cpu_second: (batch * task.epochs) as f64 / cpu,
    };
    println!("{}", serde_json::to_string(&figure).map_err(|error| error.to_string())?);
    Ok(())
}

fn parent(args: &Args) -> Result<(), String> {
    for name in &args.only {
        if !LIBRARIES.iter().any(|(library, _)| library == name) {
            return Err(format!("--only {name}: choose among {:?}", LIBRARIES.map(|(name, _)| name)));
        }
    }
    if args.nodes.contains(&0) || args.batch.contains(&0) || args.epochs == 0 || args.rounds == 0 {
        return Err("--nodes, --batch, --epochs and --rounds are at least 1".into());
    }
    let wanted = |name: &str| args.only.is_empty() || args.only.iter().any(|only| only == name);
    let names: Vec<&str> = LIBRARIES.iter().map(|(name, _)| *name).filter(|name| wanted(name)).collect();
    if !args.json {
        println!("| n | B | library | CPU ms per epoch | transactions per CPU-second | of the first |");
        println!("|--:|--:|---|--:|--:|--:|");
    }
    for &nodes in &args.nodes {
        for &batch in &args.batch {
            let mut figures: BTreeMap<&str, Vec<Figure>> = BTreeMap::new();
            for _ in 0..args.rounds {
                for name in &names {
                    figures.entry(name).or_default().push(spawn(args, name, nodes, batch)?);
                }
            }
            let median = |name: &str| {
                let mut all = figures.get(name)?.clone();
                all.sort_by(|a, b| a.tx_per_cpu_second.total_cmp(&b.tx_per_cpu_second));
                all.get(all.len() / 2).cloned()
            };
            let first = names.first().and_then(|name| median(name)).map_or(1.0, |figure| figure.tx_per_cpu_second);
            for figure in names.iter().filter_map(|name| median(name)) {
                let Figure { library, cpu_ms_per_epoch: cpu, tx_per_cpu_second: rate, .. } = &figure;
                if args.json {
                    println!("{}", serde_json::to_string(&figure).map_err(|error| error.to_string())?);
                } else {
                    println!("| {nodes} | {batch} | {library} | {cpu:.1} | {rate:.0} | {:.3} |", rate / first);
                }
            }
        }
    }
    Ok(())
}

/// Runs this program again for one library.
fn spawn(args: &Args, library: &str, nodes: usize, batch: usize) -> Result<Figure, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new(program)
        .args(["--measure", library, "--nodes", &nodes.to_string(), "--batch", &batch.to_string()])
        .args(["--tx-size", &args.tx_size.to_string(), "--epochs", &args.epochs.to_string()])
        // As `throughput`: the allocator keeps its pages instead of getting them back zeroed.
        .env("MIMALLOC_PURGE_DELAY", "-1")
        .output()
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(format!("{library}, n = {nodes}, B = {batch}: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| format!("{library}: {error}"))
}
