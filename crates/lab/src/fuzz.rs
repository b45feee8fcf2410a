//! Runs the fuzz targets in turn, where a nightly toolchain and cargo-fuzz are installed.

use std::fmt;
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::root;
use crate::table::{Table, grouped};

#[derive(Deserialize)]
struct Manifest {
    bin: Vec<Bin>,
}

#[derive(Deserialize)]
struct Bin {
    name: String,
}

/// What came of one target.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its name.
    pub target: String,
    /// Inputs that were tried.
    pub runs: u64,
    /// Features of the code that the inputs reach.
    pub features: u64,
    /// Where the input lies that broke a property, or what else went wrong.
    pub failure: Option<String>,
}

/// What came of all.
#[derive(Clone, Debug)]
pub struct Report {
    /// By target.
    pub rows: Vec<Row>,
}

/// Why nothing can be fuzzed here; none if it can.
pub fn hindrance() -> Option<String> {
    let answers = |arguments: &[&str]| {
        let mut command = Command::new("cargo");
        command.args(arguments).env_remove("RUSTUP_TOOLCHAIN").stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    if !answers(&["+nightly", "--version"]) {
        return Some("no nightly toolchain is installed: `rustup toolchain install nightly`".to_owned());
    }
    if !answers(&["+nightly", "fuzz", "--version"]) {
        return Some("cargo-fuzz is not installed: `cargo install cargo-fuzz`".to_owned());
    }
    None
}

/// The names of all targets.
pub fn targets() -> Result<Vec<String>, String> {
    let path = root().join("fuzz/Cargo.toml");
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let manifest: Manifest = toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(manifest.bin.into_iter().map(|bin| bin.name).collect())
}

/// Every target in turn, so many seconds in all, builds not counted. What is found stays in `fuzz/artifacts`.
pub fn campaign(seconds: f64, targets: &[String]) -> Report {
    let each = (seconds / targets.len().max(1) as f64).ceil() as u64;
    Report { rows: targets.iter().map(|target| run(target, each.max(1))).collect() }
}

fn run(target: &str, seconds: u64) -> Row {
    let mut row = Row { target: target.to_owned(), runs: 0, features: 0, failure: None };
    let dictionary = root().join(format!("fuzz/dictionaries/{target}.dict"));
    let mut command = Command::new("cargo");
    command.args([
        "+nightly",
        "fuzz",
        "run",
        target,
        "--",
        &format!("-max_total_time={seconds}"),
        "-print_final_stats=1",
    ]);
    if dictionary.exists() {
        command.arg(format!("-dict={}", dictionary.display()));
    }
    // The toolchain that runs us must not decide which one runs the fuzzer.
    for name in ["RUSTUP_TOOLCHAIN", "CARGO", "RUSTC", "RUSTFLAGS"] {
        command.env_remove(name);
    }
    let output = match command.current_dir(root()).output() {
        Ok(output) => output,
        Err(error) => return Row { failure: Some(error.to_string()), ..row },
    };
    let text = String::from_utf8_lossy(&output.stderr);
    for line in text.lines() {
        if let Some(runs) = line.strip_prefix("stat::number_of_executed_units:") {
            row.runs = runs.trim().parse().unwrap_or(0);
        }
        let mut words = line.split_whitespace();
        if words.find(|word| *word == "ft:").is_some() {
            row.features = words.next().and_then(|word| word.parse().ok()).unwrap_or(row.features);
        }
    }
    if !output.status.success() {
        let mark = "Test unit written to ";
        let artifact = text.lines().find_map(|line| line.split_once(mark).map(|(_, path)| path.to_owned()));
        let last = || text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it failed").to_owned();
        row.failure = Some(artifact.unwrap_or_else(last));
    } else if row.runs == 0 {
        row.failure = Some("it tried no input".to_owned());
    }
    row
}

impl Report {
    /// Whether every target ran and none found anything.
    pub fn is_ok(&self) -> bool {
        !self.rows.is_empty() && self.rows.iter().all(|row| row.failure.is_none())
    }

    /// Inputs of all targets.
    pub fn runs(&self) -> u64 {
        self.rows.iter().map(|row| row.runs).sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new(["target", "inputs", "features", "found"]);
        for row in &self.rows {
            let found = row.failure.clone().unwrap_or_else(|| "nothing".to_owned());
            table.row([row.target.clone(), grouped(row.runs), grouped(row.features), found]);
        }
        write!(f, "{table}")?;
        for row in self.rows.iter().filter(|row| row.failure.is_some()) {
            writeln!(f, "  again: cargo +nightly fuzz run {} ARTIFACT", row.target)?;
        }
        Ok(())
    }
}
