//! The command line.

use std::time::Duration;

use clap::Parser;
use mellivora::{Certificates, Committee, EncryptionSchedule, Engine, Misbehaviour, Suite};
use mellivora_benches::chart::Drawing;
use mellivora_benches::command::args::Common;
use mellivora_benches::command::table::Table;
use mellivora_benches::command::{Failure, Program};
use mellivora_benches::workload::Workload;

use crate::report::Report;
use crate::run::{self, Setup};
use crate::{plot, table};

/// Measures what it costs a cluster in this process to order transactions.
///
/// Figures are CPU time of all nodes together (user and system), over the measured epochs only. Each epoch orders
/// --batch transactions, split evenly over the nodes; the next one begins when every node has closed the last.
/// --plot draws throughput and latency over batch size and number of nodes; or, of figures of several protocols, what
/// helps to choose one.
/// Exit status: 0 with figures, 1 when the run failed or ledgers differ (no figures then), 2 for arguments that cannot be.
#[derive(Clone, Debug, Parser)]
#[command(name = "throughput", version)]
pub(crate) struct Args {
    /// Protocol: honey-badger, dumbo1, dumbo2, sdumbo, dumbo-ng
    #[arg(long, default_value = "honey-badger")]
    pub(crate) protocol: String,
    /// Number of nodes
    #[arg(long, default_value_t = 4)]
    pub(crate) nodes: usize,
    /// Faulty nodes, as N:KIND; kinds: silent, crash, equivocate, garbage, flood, withhold
    #[arg(long, value_name = "N:KIND")]
    pub(crate) faulty: Option<String>,
    /// Transactions per epoch, over all nodes
    #[arg(long, default_value_t = 1000)]
    pub(crate) batch: usize,
    /// Bytes per transaction
    #[arg(long, default_value_t = 250)]
    pub(crate) tx_size: usize,
    /// Measured epochs
    #[arg(long, default_value_t = 5)]
    pub(crate) epochs: usize,
    /// Epochs before the measured ones
    #[arg(long, default_value_t = 1)]
    pub(crate) warmup: usize,
    /// Suite of the threshold keys: ristretto255, bls12-381, threshold_crypto
    #[arg(long, default_value = "ristretto255")]
    pub(crate) suite: String,
    /// Signatures in certificates: ed25519, bls12-381
    #[arg(long, default_value = "ed25519")]
    pub(crate) certificates: String,
    /// Which epochs are encrypted: always, never, every:K
    #[arg(long, default_value = "always")]
    pub(crate) encrypt: String,
    /// Links between the nodes: memory
    #[arg(long, default_value = "memory")]
    pub(crate) transport: String,
    /// Threads for the nodes' tasks, and as many again for their jobs
    #[arg(long, default_value_t = 1)]
    pub(crate) threads: usize,
    /// Seed of keys and transactions
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Seconds after which an epoch that does not end is a failure
    #[arg(long, default_value_t = 300)]
    pub(crate) timeout: u64,
    /// For a profiler: the work of the cluster alone, without floor and without comparing ledgers, and so without figures
    #[arg(long, conflicts_with_all = ["grid", "results"])]
    pub(crate) profile: bool,
    #[command(flatten)]
    pub(crate) common: Common,
}

impl Program for Args {
    type Report = Report;
    const GRID: &'static [&'static str] =
        &["protocol", "suite", "encrypt", "nodes", "batch", "tx_size", "epochs", "warmup"];
    const TABLES: &'static [Table<Report>] =
        &[("protocols", table::protocols), ("bars", table::bars), ("floor", table::floor)];

    fn common(&self) -> &Common {
        &self.common
    }

    fn check(&self) -> Result<(), Failure> {
        self.setup().map(drop)
    }

    fn measure(&self) -> Result<Report, Failure> {
        let report = run::measure(&self.setup()?)?;
        if self.profile {
            let Self { protocol, epochs, warmup, batch, .. } = self;
            let text =
                format!("{protocol}: {epochs} epochs of {batch} transactions after {warmup}; nothing was compared");
            return Err(Failure::Instead(text));
        }
        Ok(report)
    }

    fn drawings(reports: &[Report]) -> Vec<Drawing> {
        plot::drawings(reports)
    }
}

impl Args {
    /// The one configuration that the arguments describe.
    pub(crate) fn setup(&self) -> Result<Setup, Failure> {
        let usage = |error: &dyn std::fmt::Display| Failure::Usage(error.to_string());
        match self.transport.as_str() {
            "memory" => {}
            "tcp" => return Err(usage(&"there is no tcp transport yet: use --transport memory")),
            other => return Err(usage(&format!("unknown transport \"{other}\": known is memory"))),
        }
        let protocol: Engine = self.protocol.parse().map_err(|error| usage(&error))?;
        let encrypt: EncryptionSchedule = self.encrypt.parse().map_err(|error| usage(&error))?;
        if self.suite == "threshold_crypto" && encrypt != EncryptionSchedule::Never {
            return Err(usage(
                &"suite threshold_crypto cannot encrypt: its ciphertexts carry no label, so anybody could submit a copy \
                  of somebody else's as their own; use --encrypt never or another suite",
            ));
        }
        let suite: Suite = self.suite.parse().map_err(|error| usage(&error))?;
        let certificates: Certificates = self.certificates.parse().map_err(|error| usage(&error))?;
        let committee = Committee::new(self.nodes).map_err(|error| usage(&error))?;
        let faulty = self.faulty.as_deref().map(|text| faulty(text, committee)).transpose()?;
        for (name, value) in [("batch", self.batch), ("epochs", self.epochs), ("threads", self.threads)] {
            if value == 0 {
                return Err(usage(&format!("--{name} must be at least 1")));
            }
        }
        if self.tx_size < Workload::MIN_SIZE {
            return Err(usage(&format!("--tx-size must be at least {}, to tell them apart", Workload::MIN_SIZE)));
        }
        let setup = Setup {
            protocol,
            suite,
            certificates,
            encrypt,
            committee,
            faulty,
            batch: self.batch,
            tx_size: self.tx_size,
            epochs: self.epochs,
            warmup: self.warmup,
            threads: self.threads,
            seed: self.seed,
            timeout: Duration::from_secs(self.timeout.max(1)),
            profile: self.profile,
        };
        setup.config().map_err(|error| usage(&error))?;
        Ok(setup)
    }
}

fn faulty(text: &str, committee: Committee) -> Result<(usize, Misbehaviour), Failure> {
    let usage = |line: String| Failure::Usage(line);
    let Some((count, kind)) = text.split_once(':') else {
        return Err(usage(format!("--faulty wants N:KIND, not \"{text}\"")));
    };
    let count: usize =
        count.parse().map_err(|_| usage(format!("--faulty wants a number of nodes, not \"{count}\"")))?;
    let kind = kind.parse().map_err(|error: mellivora::node::UnknownMisbehaviour| usage(error.to_string()))?;
    match committee.f() {
        most if count > most => {
            Err(usage(format!("{} nodes tolerate at most {most} faulty ones, not {count}", committee.n())))
        }
        _ => Ok((count, kind)),
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
        assert_eq!((default.committee.n(), default.batch, default.tx_size, default.epochs), (4, 1000, 250, 5));
        for (args, part) in [
            (&["--transport", "tcp"][..], "no tcp transport"),
            (&["--suite", "threshold_crypto"], "no label"),
            (&["--suite", "p256"], "p256"),
            (&["--certificates", "rsa"], "use ed25519 or bls12-381"),
            (&["--protocol", "raft"], "raft"),
            (&["--encrypt", "sometimes"], "sometimes"),
            (&["--nodes", "0"], "at least one"),
            (&["--batch", "0"], "--batch"),
            (&["--tx-size", "7"], "--tx-size"),
            (&["--faulty", "2:silent"], "at most 1"),
            (&["--faulty", "1:evil"], "evil"),
            (&["--faulty", "silent"], "N:KIND"),
            (&["--nodes", "many"], "many"),
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
    fn the_grid_of_the_published_figures_has_every_configuration_that_has_a_bar() {
        let grid = include_str!("../../../grid.toml");
        let all = configurations(&Request::<Args>::of([""; 0]).unwrap(), grid).unwrap();
        assert_eq!(all.len(), 5 * 2 * 4 * 5);
        for bar in crate::bars::BARS {
            for protocol in bar.protocols {
                let is = |args: &Args| {
                    (args.protocol.as_str(), args.nodes, args.batch) == (protocol.name(), bar.nodes, bar.batch)
                        && args.encrypt == if bar.encrypted { "always" } else { "never" }
                };
                assert_eq!(all.iter().filter(|one| is(&one.args)).count(), 1, "{bar:?}");
            }
        }
        assert!(all.iter().all(|one| one.args.epochs == if one.args.batch == 1 { 20 } else { 3 }));
    }
}
