//! The command line.

use std::path::PathBuf;

use clap::Parser;
use mellivora::{Certificates, EncryptionSchedule, Engine, Misbehaviour, NodeIndex, Suite};

/// Orders real input through a cluster of nodes in this process.
///
/// Exit code 0: every transaction was committed once, in the same order, at every honest node.
/// 1: honest ledgers differ, or a transaction was lost. 2: the arguments or the input cannot be used.
#[derive(Debug, Parser)]
#[command(name = "cluster")]
pub(crate) struct Args {
    /// Number of nodes; (N - 1) / 3 of them may be faulty
    #[arg(long, default_value_t = 4, value_name = "N")]
    pub(crate) nodes: usize,
    /// A faulty node and its kind: silent, crash, equivocate, garbage, flood or withhold. May be repeated
    #[arg(long, value_name = "N:KIND", value_delimiter = ',', value_parser = parse_faulty)]
    pub(crate) faulty: Vec<(NodeIndex, Misbehaviour)>,
    /// Order the lines of a file (`-`: standard input), one transaction each, in place of generated ones
    #[arg(long, value_name = "FILE", conflicts_with_all = ["txs", "tx_size", "epochs"])]
    pub(crate) input: Option<PathBuf>,
    /// Number of transactions to generate [default: 10000]
    #[arg(long, value_name = "COUNT", conflicts_with = "epochs")]
    pub(crate) txs: Option<u64>,
    /// Bytes of a generated transaction
    #[arg(long, default_value_t = 250, value_name = "BYTES")]
    pub(crate) tx_size: usize,
    /// Generate as many transactions as fill that many epochs
    #[arg(long, value_name = "COUNT")]
    pub(crate) epochs: Option<u64>,
    /// Transactions per epoch, over all nodes [default: 1000, for large inputs up to 100000]
    #[arg(long, value_name = "B")]
    pub(crate) batch: Option<usize>,
    /// Atomic broadcast: honey-badger, dumbo1, dumbo2, sdumbo, dumbo-ng
    #[arg(long, default_value_t = Engine::default(), value_name = "NAME")]
    pub(crate) protocol: Engine,
    /// Threshold cryptography: ristretto255, bls12-381 or threshold_crypto
    #[arg(long, default_value_t = Suite::default(), value_name = "NAME")]
    pub(crate) suite: Suite,
    /// Signatures in certificates: ed25519 or bls12-381
    #[arg(long, default_value_t = Certificates::default(), value_name = "NAME")]
    pub(crate) certificates: Certificates,
    /// Which epochs are encrypted: always, never or every:K
    #[arg(long, default_value_t = EncryptionSchedule::default(), value_name = "WHICH")]
    pub(crate) encrypt: EncryptionSchedule,
    /// Seed of keys and generated transactions, to repeat a run
    #[arg(long, value_name = "SEED")]
    pub(crate) seed: Option<u64>,
    /// Write each honest node's ledger to DIR/node-I.ledger, one transaction per line, in committed order
    #[arg(long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
    /// Print one JSON object, and nothing else, on standard output
    #[arg(long)]
    pub(crate) json: bool,
    /// Give up when nothing was committed for that many seconds
    #[arg(long, default_value_t = 60, value_name = "SECS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) patience: u64,
}

fn parse_faulty(text: &str) -> Result<(NodeIndex, Misbehaviour), String> {
    let Some((node, kind)) = text.split_once(':') else {
        return Err("expected NODE:KIND, for example 1:equivocate".into());
    };
    let index = node.parse().map_err(|_| format!("{node:?} is no node number"))?;
    Ok((NodeIndex(index), kind.parse::<Misbehaviour>().map_err(|error| error.to_string())?))
}

impl Args {
    /// Reads the command line. Help goes to standard output; anything wrong becomes one line.
    pub(crate) fn read() -> Result<Args, Exit> {
        Args::try_parse().map_err(|error| match error.kind() {
            clap::error::ErrorKind::DisplayHelp | clap::error::ErrorKind::DisplayVersion => Exit::Help(error),
            _ => {
                let text = error.render().to_string();
                let first: Vec<_> = text.lines().take_while(|line| !line.trim().is_empty()).map(str::trim).collect();
                Exit::Usage(first.join(" ").trim_start_matches("error: ").to_owned())
            }
        })
    }
}

/// Why the program ends before it has begun.
pub(crate) enum Exit {
    /// Help was asked for.
    Help(clap::Error),
    /// The arguments or the input cannot be used: one line.
    Usage(String),
}

impl Exit {
    /// A usage error from anything that prints as one line.
    pub(crate) fn usage(error: impl std::fmt::Display) -> Self {
        Exit::Usage(error.to_string().replace('\n', " "))
    }
}
