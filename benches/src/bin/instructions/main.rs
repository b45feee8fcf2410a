//! Instructions that one batch takes, counted by callgrind: a guard against code that gets slower unnoticed.
//!
//! A count does not depend on what else the machine does: the same program gives the same count, up to what hash tables of
//! the standard library and addresses of memory do to it, some thousandths. So the recorded counts of
//! `benches/instructions.toml` can be compared with those of any machine of the same kind of processor, and a difference of
//! some percent is a difference of the code.
//!
//! What is counted is the batch alone, at all nodes, in one thread, without a runtime: submission, messages with their
//! encoding, jobs on the spot, until nothing is left to do. Making keys and transactions is not.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command prints")]

mod counted;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::Parser;
use serde::{Deserialize, Serialize};

use counted::Subject;

/// Counts the instructions of one batch of each protocol and compares them with the recorded ones. Needs valgrind.
#[derive(Parser, Debug)]
#[command(version)]
struct Args {
    /// Records the counts instead of comparing them.
    #[arg(long)]
    record: bool,
    /// Only subjects whose name begins so.
    #[arg(long, default_value = "")]
    only: String,
    /// How much more than recorded is too much, in percent.
    #[arg(long, default_value_t = 5.0)]
    tolerance: f64,
    /// The recorded counts.
    #[arg(long, default_value = "benches/instructions.toml")]
    file: PathBuf,
    /// Runs one subject, for callgrind.
    #[arg(long, hide = true)]
    run: Option<String>,
}

/// What was recorded.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Recorded {
    /// Instructions, by subject.
    instructions: BTreeMap<String, u64>,
}

const HEAD: &str = "\
# Instructions of one batch, all nodes: cargo run --release --bin instructions
# Recorded with --record, on a processor with AVX2. More than five percent above is a failure.

";

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match &args.run {
        Some(name) => Subject::by_name(name).ok_or_else(|| format!("no subject is called {name}")).map(Subject::run),
        None => compare(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("instructions: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn compare(args: &Args) -> Result<(), String> {
    let mut recorded = read(&args.file, args.record)?;
    let subjects: Vec<Subject> = Subject::all().filter(|subject| subject.name().starts_with(&args.only)).collect();
    if subjects.is_empty() {
        return Err(format!("no subject begins with {}", args.only));
    }
    println!("{:<32} {:>15} {:>15} {:>8}", "subject", "recorded", "now", "change");
    let mut worse = Vec::new();
    for subject in subjects {
        let name = subject.name();
        let now = count(&name)?;
        let before = recorded.instructions.get(&name).copied();
        let change = before.map(|before| 100.0 * (now as f64 / before as f64 - 1.0));
        let shown = change.map_or_else(|| "new".to_owned(), |change| format!("{change:+.2} %"));
        println!("{name:<32} {:>15} {now:>15} {shown:>8}", before.map_or_else(String::new, |count| count.to_string()));
        if args.record {
            recorded.instructions.insert(name, now);
        } else if change.is_none_or(|change| change > args.tolerance) {
            worse.push(name);
        }
    }
    if args.record {
        let text = toml::to_string(&recorded).map_err(|error| error.to_string())?;
        return std::fs::write(&args.file, format!("{HEAD}{text}"))
            .map_err(|error| format!("{}: {error}", args.file.display()));
    }
    match worse.as_slice() {
        [] => Ok(()),
        worse => Err(format!(
            "{} take more than {} % more than recorded, or are not recorded: mend it, or say why and run with --record",
            worse.join(", "),
            args.tolerance
        )),
    }
}

fn read(file: &Path, may_be_missing: bool) -> Result<Recorded, String> {
    match std::fs::read_to_string(file) {
        Ok(text) => toml::from_str(&text).map_err(|error| format!("{}: {error}", file.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && may_be_missing => Ok(Recorded::default()),
        Err(error) => Err(format!("{}: {error}; run at the root of the repository, or with --record", file.display())),
    }
}

/// Runs a subject under callgrind, which counts inside of one function alone.
fn count(name: &str) -> Result<u64, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=*counted_batch*"])
        .arg(program)
        .args(["--run", name])
        .output()
        .map_err(|error| format!("valgrind: {error}; install it (apt-get install valgrind)"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("{name}: {}", said.trim()));
    }
    let collected = said.lines().find_map(|line| line.split("Collected :").nth(1)).map(str::trim);
    match collected.and_then(|count| count.parse().ok()) {
        Some(count) if count > 0 => Ok(count),
        _ => Err(format!("{name}: callgrind has counted nothing: {}", said.trim())),
    }
}
