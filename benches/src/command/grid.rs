//! Many configurations, each in a process of its own: memory and allocator start afresh, and one that fails does not
//! take the others with it.
//!
//! A grid is a TOML file of arguments with a value or a list of values each; every combination is run. What it leaves out
//! is as on the command line. Under `[[also]]` it may hold more grids, which are run after it and take what they leave out
//! from it.

use std::path::Path;
use std::process::{Command, Stdio};

use toml::{Table, Value};

use super::args::{Given, Request, options};
use super::{Failure, Program, read as read_file};

/// All configurations of a grid, in order.
///
/// # Errors
///
/// When it is no grid, or one of its configurations cannot be.
pub fn configurations<P: Program>(request: &Request<P>, text: &str) -> Result<Vec<Request<P>>, Failure> {
    let grid = toml::from_str(text).map_err(|error| Failure::Usage(error.message().to_owned()))?;
    let mut all = Vec::new();
    product(request, grid, &mut all)?;
    Ok(all)
}

fn product<P: Program>(request: &Request<P>, mut grid: Table, all: &mut Vec<Request<P>>) -> Result<(), Failure> {
    let also = grid.remove("also");
    if let Some(name) = grid.keys().find(|name| !P::GRID.contains(&name.as_str())) {
        return Err(Failure::Usage(format!("a grid cannot set {name}, only {} and also", P::GRID.join(", "))));
    }
    let mut combinations = vec![request.given.clone()];
    for name in P::GRID {
        let values = grid.get(*name).map_or(Ok(Vec::new()), |value| values(name, value))?;
        if !values.is_empty() {
            let with = |one: &Given| {
                let set = |value: &String| {
                    let mut one = one.clone();
                    one.insert(name.replace('_', "-"), value.into());
                    one
                };
                values.iter().map(set).collect::<Vec<Given>>()
            };
            combinations = combinations.iter().flat_map(with).collect();
        }
    }
    for given in combinations {
        let one = Request::<P>::of(options(&given))?;
        one.args.check()?;
        all.push(one);
    }
    let Some(also) = also else { return Ok(()) };
    let inner: Vec<Table> = also.try_into().map_err(|error: toml::de::Error| Failure::Usage(error.message().into()))?;
    inner.into_iter().try_for_each(|inner| product(request, grid.clone().into_iter().chain(inner).collect(), all))
}

/// A value or a list of them, as on a command line.
fn values(name: &str, value: &Value) -> Result<Vec<String>, Failure> {
    match value {
        Value::Array(list) => list.iter().map(|value| one(name, value)).collect(),
        value => Ok(vec![one(name, value)?]),
    }
}

fn one(name: &str, value: &Value) -> Result<String, Failure> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Integer(_) | Value::Float(_) => Ok(value.to_string()),
        _ => Err(Failure::Usage(format!("{name} in a grid is a number or text, or a list of them"))),
    }
}

/// Runs a grid. Returns the reports, and how many configurations failed.
pub(super) fn run<P: Program>(
    request: &Request<P>,
    file: &Path,
    each: &mut dyn FnMut(&P::Report) -> Result<(), Failure>,
) -> Result<(Vec<P::Report>, usize), Failure> {
    let (mut reports, mut failed) = (Vec::new(), 0);
    for one in configurations(request, &read_file(file)?)? {
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
fn child<P: Program>(one: &Request<P>) -> Result<Option<P::Report>, Failure> {
    let program = std::env::current_exe().map_err(|error| Failure::Run(format!("no path to this program: {error}")))?;
    let output = Command::new(program)
        .args(options(&one.given))
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
pub(super) fn read<R: serde::de::DeserializeOwned>(
    file: &Path,
    each: &mut dyn FnMut(&R) -> Result<(), Failure>,
) -> Result<Vec<R>, Failure> {
    let mut reports = Vec::new();
    for (number, line) in read_file(file)?.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let report = serde_json::from_str(line)
            .map_err(|error| Failure::Usage(format!("{}, line {}: {error}", file.display(), number + 1)))?;
        each(&report)?;
        reports.push(report);
    }
    Ok(reports)
}
