//! The command line.

use clap::{Args, Parser, Subcommand};
use mellivora_adversary::Strategy;
use mellivora_lab::scenario::{self, Order, Scenario};
use mellivora_lab::subject::{self, Subject};

/// Attacks the protocols, and says what came of it.
///
/// Every campaign prints counts, failures with the command that repeats them, and one line
/// `CAMPAIGN: ok|FAILED figure=...` last. It exits 0 only when nothing failed, 1 when something did, 2 when it could
/// not run.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) campaign: Campaign,
    /// Prints the verdict and its figures as one JSON object, and nothing else
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Subcommand)]
pub(crate) enum Campaign {
    /// Random runs of every protocol under every attack and schedule, by seed
    Sim(SimArguments),
    /// Every attack on every protocol at every size
    Matrix(MatrixArguments),
    /// The suite against every planted bug
    Controls(ControlsArguments),
    /// How many rounds binary agreement takes, against every adversary
    AbaStats(StatsArguments),
    /// Exhaustive models of small systems, each also with rules weakened
    Model(ModelArguments),
    /// Memory and throughput under floods
    Flood(FloodArguments),
    /// The fuzz targets in turn; needs a nightly toolchain and cargo-fuzz
    Fuzz(FuzzArguments),
    /// All campaigns within one budget, in one table
    Scorecard(ScorecardArguments),
    /// Campaigns against the bug that is switched on in this process: what `controls` starts
    #[command(hide = true)]
    Trial {
        #[arg(long)]
        subject: String,
        #[arg(long)]
        seeds: u64,
        #[arg(long)]
        secs: f64,
    },
    /// Steered agreements under the bug that is switched on in this process: what `aba-stats` starts
    #[command(hide = true)]
    SteeredTrial {
        #[arg(long)]
        runs: u64,
    },
}

#[derive(Args)]
pub(crate) struct SimArguments {
    /// Budget in seconds
    #[arg(long, default_value_t = 30.0, value_parser = seconds)]
    pub(crate) secs: f64,
    /// Protocols to attack; all if not said
    #[arg(long, value_delimiter = ',', value_parser = find_subject)]
    pub(crate) subject: Vec<Named>,
    /// Size of the committees; by seed if not said
    #[arg(long, value_parser = scenario::parse_nodes)]
    pub(crate) nodes: Option<usize>,
    /// What faulty nodes do, or `none`; by seed if not said
    #[arg(long, value_parser = parse_attack)]
    pub(crate) attack: Option<Attack>,
    /// Who moves next; by seed if not said
    #[arg(long, value_parser = scenario::parse_order)]
    pub(crate) order: Option<Order>,
    /// The first seed of every subject
    #[arg(long, default_value_t = 0)]
    pub(crate) first_seed: u64,
    /// Runs of every subject, at most
    #[arg(long)]
    pub(crate) runs: Option<u64>,
    /// Does not ask that every attack and rare state was seen, as where size, attack or order are given
    #[arg(long)]
    pub(crate) partial: bool,
    /// Runs spent on shrinking a failure
    #[arg(long, default_value_t = 400)]
    pub(crate) shrink: usize,
    /// Repeats one run: subject:nodes:attack:order:seed, as a failure prints it
    #[arg(long, conflicts_with_all = ["subject", "nodes", "attack", "order", "runs"])]
    pub(crate) replay: Option<Scenario>,
}

#[derive(Args)]
pub(crate) struct MatrixArguments {
    /// Seeds of each cell
    #[arg(long, default_value_t = 100)]
    pub(crate) seeds: u64,
    /// Budget in seconds; until every cell has its seeds if not said
    #[arg(long, value_parser = seconds)]
    pub(crate) secs: Option<f64>,
    /// Protocols to attack; all if not said
    #[arg(long, value_delimiter = ',', value_parser = find_subject)]
    pub(crate) subject: Vec<Named>,
    /// Sizes of committees
    #[arg(long, value_delimiter = ',', default_values_t = mellivora_lab::matrix::SIZES, value_parser = scenario::parse_nodes)]
    pub(crate) nodes: Vec<usize>,
    /// Attacks; all if not said
    #[arg(long, value_delimiter = ',', value_parser = scenario::parse_strategy)]
    pub(crate) attack: Vec<Strategy>,
}

#[derive(Args)]
pub(crate) struct ControlsArguments {
    /// Only planted bugs whose name begins so
    #[arg(long, value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// Seeds of one campaign against a bug, at most; five campaigns each
    #[arg(long, default_value_t = 2_000)]
    pub(crate) seeds: u64,
    /// Seconds for the campaigns against one bug
    #[arg(long, default_value_t = 20.0, value_parser = seconds)]
    pub(crate) secs: f64,
    /// Prints the list and runs nothing
    #[arg(long)]
    pub(crate) list: bool,
}

#[derive(Args)]
pub(crate) struct StatsArguments {
    /// Runs of each row
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) runs: u64,
    /// Runs of the control without CONF; 0 leaves it out
    #[arg(long, default_value_t = 100)]
    pub(crate) control: u64,
}

#[derive(Args)]
pub(crate) struct ModelArguments {
    /// Only models whose name begins so; up to ten runs come with their counterexamples
    #[arg(long)]
    pub(crate) only: Vec<String>,
}

#[derive(Args)]
pub(crate) struct FloodArguments {
    /// Budget in seconds
    #[arg(long, default_value_t = 60.0, value_parser = seconds)]
    pub(crate) secs: f64,
}

#[derive(Args)]
pub(crate) struct FuzzArguments {
    /// Budget in seconds for all targets, builds not counted
    #[arg(long, default_value_t = 120.0, value_parser = seconds)]
    pub(crate) secs: f64,
    /// Only these targets
    #[arg(long, value_delimiter = ',')]
    pub(crate) target: Vec<String>,
}

#[derive(Args)]
pub(crate) struct ScorecardArguments {
    /// Budget in seconds for all campaigns, builds not counted
    #[arg(long, default_value_t = 600.0, value_parser = seconds)]
    pub(crate) secs: f64,
    /// Writes the table to this file, too, as Markdown
    #[arg(long)]
    pub(crate) output: Option<std::path::PathBuf>,
}

#[derive(Clone, Copy)]
pub(crate) struct Named(pub(crate) &'static dyn Subject);

#[derive(Clone, Copy)]
pub(crate) struct Attack(pub(crate) Option<Strategy>);

fn find_subject(name: &str) -> Result<Named, String> {
    subject::find(name).map(Named)
}

fn parse_attack(name: &str) -> Result<Attack, String> {
    if name == "none" { Ok(Attack(None)) } else { scenario::parse_strategy(name).map(|s| Attack(Some(s))) }
}

fn seconds(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|s| (0.1..=1e6).contains(s));
    number.ok_or_else(|| format!("'{text}' is no number of seconds from 0.1 to a million"))
}

/// The subjects that were named, or all.
pub(crate) fn chosen(subjects: &[Named]) -> Vec<&'static dyn Subject> {
    if subjects.is_empty() { subject::ALL.to_vec() } else { subjects.iter().map(|named| named.0).collect() }
}
