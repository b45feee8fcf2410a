//! The command line.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use clap::Parser;
use mellivora::{Committee, EncryptionSchedule, Engine};
use mellivora_benches::chart::Drawing;
use mellivora_benches::command::args::Common;
use mellivora_benches::command::table::Table;
use mellivora_benches::command::{Failure, Program};
use mellivora_benches::wan::costs::Costs;
use mellivora_benches::wan::network::Latency;
use mellivora_benches::wan::world::Links;
use mellivora_benches::wan::{self, Load, Setup};
use mellivora_benches::workload::Workload;

use crate::report::Report;
use crate::{plot, table};

/// Simulates a cluster on a wide area network, in virtual time.
///
/// Nodes, messages, frames, codes and hashes are real; cryptography is a counterfeit of the same size that is charged what
/// the real one costs. All nodes are honest. Equal arguments give equal figures.
/// --plot draws latency over throughput, throughput over the number of nodes, and traffic.
/// Exit status: 0 with figures, 1 when the run failed or batches differ (no figures then), 2 for arguments that cannot be.
#[derive(Clone, Debug, Parser)]
#[command(name = "wan", version)]
pub(crate) struct Args {
    /// Protocol: honey-badger, dumbo1, dumbo2, sdumbo, dumbo-ng
    #[arg(long, default_value = "honey-badger")]
    pub(crate) protocol: String,
    /// Number of nodes
    #[arg(long, default_value_t = 4)]
    pub(crate) nodes: usize,
    /// Transactions per epoch that the cluster aims for, over all nodes
    #[arg(long, default_value_t = 1000)]
    pub(crate) batch: usize,
    /// Bytes per transaction
    #[arg(long, default_value_t = 250)]
    pub(crate) tx_size: usize,
    /// Transactions per second over all nodes; or "full": what comes out is replaced at once, see --depth
    #[arg(long, default_value = "full")]
    pub(crate) load: String,
    /// Epochs that a node runs at the same time
    #[arg(long, default_value_t = 2)]
    pub(crate) pipeline: u64,
    /// Under a full load: proposals' worth of transactions that each node has under way [default: as many as there are
    /// epochs at a time, dumbo-ng: twice that]
    #[arg(long)]
    pub(crate) depth: Option<usize>,
    /// One way between two nodes in ms, or "matrix": nodes are placed on twelve regions of the world in turn
    #[arg(long, default_value = "matrix")]
    pub(crate) latency: String,
    /// Mbit per second out of each node, and as many into it; 0: no limit
    #[arg(long, default_value_t = 1000.0)]
    pub(crate) bandwidth: f64,
    /// Cores of each node
    #[arg(long, default_value_t = 4)]
    pub(crate) cores: usize,
    /// Which epochs are encrypted: always, never, every:K
    #[arg(long, default_value = "always")]
    pub(crate) encrypt: String,
    /// Measured epochs
    #[arg(long, default_value_t = 6)]
    pub(crate) epochs: u64,
    /// Epochs before the measured ones
    #[arg(long, default_value_t = 3)]
    pub(crate) warmup: u64,
    /// Seed of the nodes' secrets
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Seconds of virtual time after which it is given up
    #[arg(long, default_value_t = 600.0)]
    pub(crate) timeout: f64,
    /// What computing takes: a table as --measure prints it [default: the one that this program was built with]
    #[arg(long, value_name = "FILE.toml")]
    pub(crate) costs: Option<PathBuf>,
    /// Measures what computing takes on this machine, and prints the table under this name of the machine
    #[arg(long, value_name = "MACHINE", num_args = 0..=1, default_missing_value = "this machine", conflicts_with_all = ["grid", "results"])]
    pub(crate) measure: Option<String>,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// How many proposals a node of this protocol has under way when it is busy: one for each epoch that runs; a stream has
/// besides those in an agreement some that wait for the next one.
fn usual_depth(engine: Engine, pipeline: u64) -> usize {
    let epochs = usize::try_from(pipeline).unwrap_or(usize::MAX).max(1);
    if engine == Engine::DumboNg { epochs.saturating_mul(2) } else { epochs }
}

/// What computing takes on this machine, as a table.
fn costs(machine: &str) -> Failure {
    let text = match Costs::measure(machine.to_owned()) {
        Ok(costs) => toml::to_string(&costs).map_err(|error| error.to_string()),
        Err(error) => Err(format!("no socket to measure: {error}")),
    };
    text.map_or_else(Failure::Run, Failure::Instead)
}

impl Program for Args {
    type Report = Report;
    const GRID: &'static [&'static str] = &[
        "latency",
        "encrypt",
        "nodes",
        "protocol",
        "load",
        "pipeline",
        "depth",
        "batch",
        "bandwidth",
        "cores",
        "epochs",
        "warmup",
    ];
    const TABLES: &'static [Table<Report>] = &[("protocols", table::protocols)];

    fn common(&self) -> &Common {
        &self.common
    }

    fn check(&self) -> Result<(), Failure> {
        self.setup().map(drop)
    }

    fn measure(&self) -> Result<Report, Failure> {
        if let Some(machine) = &self.measure {
            return Err(costs(machine));
        }
        let (setup, start) = (self.setup()?, Instant::now());
        let outcome = wan::simulate(&setup).map_err(Failure::Run)?;
        Ok(Report::new(self, &setup, &outcome, start.elapsed().as_secs_f64()))
    }

    fn drawings(reports: &[Report]) -> Vec<Drawing> {
        plot::drawings(reports)
    }
}

impl Args {
    /// The one configuration that the arguments describe.
    pub(crate) fn setup(&self) -> Result<Setup, Failure> {
        let usage = |error: &dyn std::fmt::Display| Failure::Usage(error.to_string());
        let engine: Engine = self.protocol.parse().map_err(|error| usage(&error))?;
        let encrypt: EncryptionSchedule = self.encrypt.parse().map_err(|error| usage(&error))?;
        let committee = Committee::new(self.nodes).map_err(|error| usage(&error))?;
        let latency: Latency = self.latency.parse().map_err(|error: String| usage(&error))?;
        let counts = [("batch", self.batch), ("epochs", self.epochs as usize), ("cores", self.cores)];
        for (name, value) in counts.into_iter().chain(self.depth.map(|depth| ("depth", depth))) {
            if value == 0 {
                return Err(usage(&format!("--{name} must be at least 1")));
            }
        }
        if self.tx_size < Workload::MIN_SIZE {
            return Err(usage(&format!("--tx-size must be at least {}, to tell them apart", Workload::MIN_SIZE)));
        }
        let positive = |value: f64| value.is_finite() && value > 0.0;
        if self.bandwidth != 0.0 && !positive(self.bandwidth) {
            return Err(usage(&"--bandwidth must be more than 0, or 0 for no limit"));
        }
        if !positive(self.timeout) || self.timeout > 1e9 {
            return Err(usage(&"--timeout must be more than 0 and at most 10^9"));
        }
        let load = match self.load.parse::<f64>() {
            Ok(rate) if positive(rate) => Load::Open(rate),
            Err(_) if self.load == "full" => Load::Closed(self.depth.unwrap_or(usual_depth(engine, self.pipeline))),
            _ => return Err(usage(&format!("--load is \"full\" or transactions per second, not \"{}\"", self.load))),
        };
        let setup = Setup {
            engine,
            committee,
            batch: self.batch,
            tx_size: self.tx_size,
            encrypt,
            pipeline: self.pipeline,
            load,
            warmup: self.warmup,
            epochs: self.epochs,
            links: Links { latency, bytes_per_second: (self.bandwidth > 0.0).then_some(self.bandwidth * 1e6 / 8.0) },
            cores: self.cores,
            costs: Arc::new(self.costs()?),
            seed: self.seed,
            timeout: self.timeout,
        };
        setup.config().map_err(|error| usage(&error))?;
        Ok(setup)
    }

    fn costs(&self) -> Result<Costs, Failure> {
        let Some(file) = &self.costs else { return Ok(Costs::recorded()) };
        let text = std::fs::read_to_string(file)
            .map_err(|error| Failure::Usage(format!("cannot read {}: {error}", file.display())))?;
        toml::from_str(&text).map_err(|error| Failure::Usage(format!("{}: {}", file.display(), error.message())))
    }
}

#[cfg(test)]
mod tests {
    use mellivora_benches::command::args::Request;
    use mellivora_benches::command::grid::configurations;

    use super::*;

    fn setup(args: &[&str]) -> Result<Setup, Failure> {
        Request::<Args>::of(args)?.args.setup()
    }

    #[test]
    fn defaults_fit_and_contradictions_take_one_line() {
        let default = setup(&[]).unwrap();
        assert_eq!((default.load, default.links.latency), (Load::Closed(2), Latency::Regions));
        assert_eq!(default.links.bytes_per_second, Some(125e6));
        assert_eq!(setup(&["--protocol", "dumbo-ng"]).unwrap().load, Load::Closed(4));
        assert_eq!(setup(&["--load", "5000", "--bandwidth", "0"]).unwrap().load, Load::Open(5000.0));
        for (args, part) in [
            (&["--protocol", "raft"][..], "raft"),
            (&["--nodes", "0"], "at least one"),
            (&["--nodes", "many"], "many"),
            (&["--batch", "0"], "--batch"),
            (&["--cores", "0"], "--cores"),
            (&["--depth", "0"], "--depth"),
            (&["--pipeline", "0"], "pipeline"),
            (&["--tx-size", "7"], "--tx-size"),
            (&["--load", "some"], "--load"),
            (&["--load=-1"], "--load"),
            (&["--latency", "far"], "matrix"),
            (&["--bandwidth", "NaN"], "--bandwidth"),
            (&["--encrypt", "sometimes"], "sometimes"),
            (&["--costs", "nowhere.toml"], "nowhere.toml"),
            (&["--batch", "40000000"], "payload"),
        ] {
            match setup(args) {
                Err(Failure::Usage(line)) => {
                    assert!(line.contains(part) && !line.contains('\n'), "{args:?} gave: {line}");
                }
                other => panic!("{args:?} gave {other:?}"),
            }
        }
    }

    #[test]
    fn the_grid_of_the_repository_is_valid() {
        let all = configurations(&Request::<Args>::of([""; 0]).unwrap(), include_str!("../../wan/grid.toml")).unwrap();
        assert_eq!(all.len(), 5 * (3 + 3 + 10 + 8) + 2);
    }
}
