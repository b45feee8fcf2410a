//! Many configurations, each in a process of its own, so that memory starts afresh.

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
    latency: Vec<String>,
    encrypt: Vec<String>,
    nodes: Vec<usize>,
    batch: Vec<usize>,
    load: Vec<String>,
    depth: Vec<usize>,
    pipeline: Vec<u64>,
    bandwidth: Option<f64>,
    cores: Option<usize>,
    epochs: Option<u64>,
    warmup: Option<u64>,
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
            latency: list(self.latency, &outer.latency),
            encrypt: list(self.encrypt, &outer.encrypt),
            nodes: list(self.nodes, &outer.nodes),
            batch: list(self.batch, &outer.batch),
            load: list(self.load, &outer.load),
            depth: list(self.depth, &outer.depth),
            pipeline: list(self.pipeline, &outer.pipeline),
            bandwidth: self.bandwidth.or(outer.bandwidth),
            cores: self.cores.or(outer.cores),
            epochs: self.epochs.or(outer.epochs),
            warmup: self.warmup.or(outer.warmup),
            also: self.also,
        }
    }
}

/// Every combination of what is there with the entries of a list; all as they are where the list is empty.
fn times<T: Clone>(all: Vec<Args>, list: &[T], set: impl Fn(&mut Args, T)) -> Vec<Args> {
    if list.is_empty() {
        return all;
    }
    let with = |args: Args| {
        let set = &set;
        list.iter().map(move |value| {
            let mut one = args.clone();
            set(&mut one, value.clone());
            one
        })
    };
    all.into_iter().flat_map(with).collect()
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
    let common = Args {
        bandwidth: grid.bandwidth.unwrap_or(args.bandwidth),
        cores: grid.cores.unwrap_or(args.cores),
        epochs: grid.epochs.unwrap_or(args.epochs),
        warmup: grid.warmup.unwrap_or(args.warmup),
        ..args.clone()
    };
    let here = times(vec![common], &grid.latency, |one, latency| one.latency = latency);
    let here = times(here, &grid.encrypt, |one, encrypt| one.encrypt = encrypt);
    let here = times(here, &grid.nodes, |one, nodes| one.nodes = nodes);
    let here = times(here, &grid.protocol, |one, protocol| one.protocol = protocol);
    let here = times(here, &grid.load, |one, load| one.load = load);
    let here = times(here, &grid.pipeline, |one, pipeline| one.pipeline = pipeline);
    let here = times(here, &grid.depth, |one, depth| one.depth = Some(depth));
    let here = times(here, &grid.batch, |one, batch| one.batch = batch);
    here.iter().try_for_each(|one| one.setup().map(drop))?;
    all.extend(here);
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
    let mut option = |name: &str, value: &dyn std::fmt::Display| {
        command.arg(format!("--{name}={value}"));
    };
    option("protocol", &one.protocol);
    option("nodes", &one.nodes);
    option("batch", &one.batch);
    option("tx-size", &one.tx_size);
    option("load", &one.load);
    option("latency", &one.latency);
    option("bandwidth", &one.bandwidth);
    option("cores", &one.cores);
    option("encrypt", &one.encrypt);
    option("pipeline", &one.pipeline);
    option("epochs", &one.epochs);
    option("warmup", &one.warmup);
    option("seed", &one.seed);
    option("timeout", &one.timeout);
    if let Some(depth) = &one.depth {
        option("depth", depth);
    }
    if let Some(costs) = &one.costs {
        option("costs", &costs.display());
    }
    let out = command
        .arg("--json")
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| Failure::Run(format!("cannot start a run: {error}")))?;
    if !out.status.success() {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&out.stdout);
    serde_json::from_str(text.trim()).map(Some).map_err(|error| Failure::Run(format!("a run printed no JSON: {error}")))
}

/// Reads figures that were printed as JSON lines.
pub(crate) fn read(file: &Path, each: &mut dyn FnMut(&Report) -> Result<(), Failure>) -> Result<Vec<Report>, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::Usage(format!("cannot read {}: {error}", file.display())))?;
    let mut reports = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let report: Report = serde_json::from_str(line)
            .map_err(|error| Failure::Usage(format!("{}, line {}: {error}", file.display(), number + 1)))?;
        each(&report)?;
        reports.push(report);
    }
    Ok(reports)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[test]
    fn a_grid_is_every_combination_and_inner_grids_inherit() {
        let args = Args::parse_from(["wan", "--cores", "2"]);
        let text = "protocol = [\"sdumbo\", \"dumbo-ng\"]\nnodes = [4, 7]\nbatch = [10, 20]\nepochs = 2\n\
                    [[also]]\nnodes = [10]\nbatch = [5]\nlatency = [\"100\"]";
        let all = configurations(&args, text).unwrap();
        assert_eq!(all.len(), 8 + 2);
        assert!(all.iter().all(|one| one.epochs == 2 && one.cores == 2));
        let last = all.last().unwrap();
        assert_eq!((last.nodes, last.batch, last.latency.as_str(), last.protocol.as_str()), (10, 5, "100", "dumbo-ng"));
        for wrong in ["nodes = 4", "unheard = 1", "nodes = [0]", "protocol = [\"raft\"]"] {
            assert!(configurations(&args, wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_grid_of_the_repository_is_valid() {
        let args = Args::parse_from(["wan"]);
        assert!(configurations(&args, include_str!("../../wan/grid.toml")).unwrap().len() == 5 * (3 + 3 + 10 + 8) + 2);
    }
}
