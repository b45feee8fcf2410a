//! Many configurations, each in a process of its own: memory and allocator start afresh, and one that fails does not
//! take the others with it.

use std::path::Path;
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::Failure;
use crate::args::Args;
use crate::report::Report;

/// A grid: every combination of the lists. What is left out is taken from the command line.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Grid {
    protocol: Vec<String>,
    suite: Vec<String>,
    encrypt: Vec<String>,
    nodes: Vec<usize>,
    batch: Vec<usize>,
    tx_size: Option<usize>,
    epochs: Option<usize>,
    warmup: Option<usize>,
    /// More grids, run after this one. What one of them leaves out is as it is here.
    also: Vec<Grid>,
}

impl Grid {
    /// What is left out here, from `outer`.
    fn within(self, outer: &Grid) -> Grid {
        fn list<T: Clone>(own: Vec<T>, outer: &[T]) -> Vec<T> {
            if own.is_empty() { outer.to_vec() } else { own }
        }
        Grid {
            protocol: list(self.protocol, &outer.protocol),
            suite: list(self.suite, &outer.suite),
            encrypt: list(self.encrypt, &outer.encrypt),
            nodes: list(self.nodes, &outer.nodes),
            batch: list(self.batch, &outer.batch),
            tx_size: self.tx_size.or(outer.tx_size),
            epochs: self.epochs.or(outer.epochs),
            warmup: self.warmup.or(outer.warmup),
            also: self.also,
        }
    }
}

fn or<T>(list: Vec<T>, fallback: T) -> Vec<T> {
    if list.is_empty() { vec![fallback] } else { list }
}

/// All configurations of a grid file, in order. All are checked before any is run.
fn configurations(args: &Args, text: &str) -> Result<Vec<Args>, Failure> {
    let grid: Grid = toml::from_str(text).map_err(|error| Failure::Usage(error.message().to_owned()))?;
    let mut all = Vec::new();
    product(args, grid, &mut all)?;
    Ok(all)
}

fn product(args: &Args, mut grid: Grid, all: &mut Vec<Args>) -> Result<(), Failure> {
    let also = std::mem::take(&mut grid.also);
    for protocol in or(grid.protocol.clone(), args.protocol.clone()) {
        for suite in or(grid.suite.clone(), args.suite.clone()) {
            for encrypt in or(grid.encrypt.clone(), args.encrypt.clone()) {
                for &nodes in &or(grid.nodes.clone(), args.nodes) {
                    for &batch in &or(grid.batch.clone(), args.batch) {
                        let one = Args {
                            protocol: protocol.clone(),
                            suite: suite.clone(),
                            encrypt: encrypt.clone(),
                            nodes,
                            batch,
                            tx_size: grid.tx_size.unwrap_or(args.tx_size),
                            epochs: grid.epochs.unwrap_or(args.epochs),
                            warmup: grid.warmup.unwrap_or(args.warmup),
                            ..args.clone()
                        };
                        one.setup()?;
                        all.push(one);
                    }
                }
            }
        }
    }
    also.into_iter().try_for_each(|inner| product(args, inner.within(&grid), all))
}

/// Runs a grid. Returns the reports, and how many configurations failed.
pub(crate) fn run(
    args: &Args,
    file: &Path,
    each: &mut dyn FnMut(&Report) -> Result<(), Failure>,
) -> Result<(Vec<Report>, usize), Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::Usage(format!("cannot read {}: {error}", file.display())))?;
    let (mut reports, mut failed) = (Vec::new(), 0);
    for one in configurations(args, &text)? {
        match child(&one)? {
            Some(report) => {
                each(&report)?;
                reports.push(report);
            }
            None => failed += 1,
        }
    }
    Ok((reports, failed))
}

/// Runs one configuration in a process of its own; `None` if it failed, which it has explained on standard error.
fn child(one: &Args) -> Result<Option<Report>, Failure> {
    let program = std::env::current_exe().map_err(|error| Failure::Run(format!("no path to this program: {error}")))?;
    let mut command = Command::new(program);
    for (name, value) in [
        ("protocol", &one.protocol),
        ("suite", &one.suite),
        ("certificates", &one.certificates),
        ("encrypt", &one.encrypt),
    ] {
        command.arg(format!("--{name}={value}"));
    }
    for (name, value) in [
        ("nodes", one.nodes as u64),
        ("batch", one.batch as u64),
        ("tx-size", one.tx_size as u64),
        ("epochs", one.epochs as u64),
        ("warmup", one.warmup as u64),
        ("threads", one.threads as u64),
        ("seed", one.seed),
        ("timeout", one.timeout),
    ] {
        command.arg(format!("--{name}={value}"));
    }
    if let Some(faulty) = &one.faulty {
        command.arg(format!("--faulty={faulty}"));
    }
    let output = command
        .arg("--json")
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| Failure::Run(format!("cannot start a run: {error}")))?;
    if !output.status.success() {
        return Ok(None);
    }
    serde_json::from_slice(&output.stdout)
        .map(Some)
        .map_err(|error| Failure::Run(format!("a run printed no figures: {error}")))
}

/// Reads figures that an earlier run printed with `--json`.
pub(crate) fn read(file: &Path, each: &mut dyn FnMut(&Report) -> Result<(), Failure>) -> Result<Vec<Report>, Failure> {
    let usage = |error: &dyn std::fmt::Display| Failure::Usage(format!("{}: {error}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| usage(&error))?;
    let mut reports = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let report: Report = serde_json::from_str(line).map_err(|error| usage(&error))?;
        each(&report)?;
        reports.push(report);
    }
    Ok(reports)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[test]
    fn a_grid_is_the_product_of_its_lists_over_the_command_line() {
        let args = Args::parse_from(["throughput", "--epochs", "3", "--suite", "bls12-381"]);
        let all = configurations(&args, "nodes = [4, 7]\nbatch = [1, 10]\nencrypt = ['never']\nwarmup = 0").unwrap();
        let points: Vec<_> = all.iter().map(|one| (one.nodes, one.batch)).collect();
        assert_eq!(points, [(4, 1), (4, 10), (7, 1), (7, 10)]);
        assert!(all.iter().all(|one| one.epochs == 3 && one.warmup == 0 && one.suite == "bls12-381"));
        assert!(matches!(configurations(&args, "node = [4]"), Err(Failure::Usage(line)) if line.contains("node")));
        assert!(matches!(configurations(&args, "nodes = [0]"), Err(Failure::Usage(_))));
    }

    #[test]
    fn more_grids_in_a_file_take_what_they_leave_out_from_the_first() {
        let args = Args::parse_from(["throughput"]);
        let text = "nodes = [4, 7]\nbatch = [1, 10]\nencrypt = ['never']\n[[also]]\nencrypt = ['always']\nbatch = [5]";
        let all = configurations(&args, text).unwrap();
        let points: Vec<_> = all.iter().map(|one| (one.encrypt.as_str(), one.nodes, one.batch)).collect();
        let plain = [4, 7].into_iter().flat_map(|n| [("never", n, 1), ("never", n, 10)]);
        assert_eq!(points, plain.chain([("always", 4, 5), ("always", 7, 5)]).collect::<Vec<_>>());
    }

    #[test]
    fn the_grids_of_the_repository_are_valid() {
        let args = Args::parse_from(["throughput"]);
        let count = |text| configurations(&args, text).unwrap().len();
        assert_eq!(count(include_str!("../../../grid.toml")), 30);
        assert_eq!(count(include_str!("../../../protocols.toml")), 5 * 2 * (3 * 4 + 3));
    }
}
