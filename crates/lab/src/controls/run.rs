//! Runs the suite against every planted bug.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use super::{Control, DirectedTest};
use crate::parallel::{Deadline, cores, on_all};
use crate::root;
use crate::scenario::Scenario;
use crate::subject;
use crate::table::Table;

/// The cfg that compiles planted bugs in.
pub const CFG: &str = "--cfg mellivora_planted";
/// The variable that switches one on.
pub const CHOICE: &str = "MELLIVORA_PLANTED";
/// Independent campaigns against each bug, for the median.
pub const TRIALS: u64 = 5;

/// What one campaign against a planted bug came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// Seeds until something failed; none if nothing did.
    pub seeds: Option<u64>,
    /// The oracle that saw it.
    pub oracle: String,
}

/// Campaigns against whatever bug is switched on in this process.
pub fn trials(subject: &str, max_seeds: u64, seconds: f64) -> Result<Vec<Trial>, String> {
    let subject = subject::find(subject)?;
    let mut trials = Vec::new();
    for trial in 0..TRIALS {
        let deadline = Deadline::new(Some(seconds / TRIALS as f64));
        let mut found = Trial { seeds: None, oracle: String::new() };
        for number in 0..max_seeds {
            if deadline.is_over() {
                break;
            }
            let outcome = subject.run(&Scenario::by_seed(subject.name(), (trial << 32) + number));
            if let Some(failure) = outcome.failure {
                found = Trial { seeds: Some(number + 1), oracle: failure.oracle };
                break;
            }
        }
        trials.push(found);
    }
    Ok(trials)
}

/// What came of one planted bug.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The bug.
    pub control: &'static Control,
    /// Random campaigns, one number of seeds each; fewer than [`TRIALS`] where some found nothing.
    pub seeds: Vec<u64>,
    /// Oracles that saw it.
    pub oracles: BTreeSet<String>,
    /// Whether the directed test failed, as it should; none if it was not needed.
    pub directed: Option<bool>,
}

impl Verdict {
    /// The median number of seeds; none if most campaigns found nothing.
    pub fn median(&self) -> Option<u64> {
        let mut seeds = self.seeds.clone();
        seeds.resize(TRIALS as usize, u64::MAX);
        seeds.sort_unstable();
        seeds.get(seeds.len() / 2).copied().filter(|median| *median != u64::MAX)
    }

    /// Whether something caught it.
    pub fn caught(&self) -> bool {
        self.median().is_some() || self.directed == Some(true)
    }
}

/// What to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Which bugs.
    pub controls: Vec<&'static Control>,
    /// Seeds of one campaign, at most.
    pub max_seeds: u64,
    /// Seconds for the campaigns against one bug; a tenth of it where a directed test catches it anyway.
    pub seconds: f64,
}

/// What came of all.
#[derive(Debug)]
pub struct Report {
    /// By bug.
    pub verdicts: Vec<Verdict>,
    /// Seconds that it took, building included.
    pub seconds: f64,
}

/// Builds everything with the bugs in it, and runs campaigns and directed tests against each.
pub fn campaign(plan: &Plan, progress: &(dyn Fn(&Verdict) + Sync)) -> Result<Report, String> {
    let deadline = Deadline::new(None);
    let built = Built::new(&plan.controls)?;
    built.baseline(&plan.controls)?;
    let next = AtomicUsize::new(0);
    let verdicts = Mutex::new(BTreeMap::new());
    let errors = Mutex::new(Vec::new());
    on_all(cores(), || {
        while let Some(control) = plan.controls.get(next.fetch_add(1, Ordering::Relaxed)) {
            match built.judge(control, plan) {
                Ok(verdict) => {
                    progress(&verdict);
                    verdicts.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).insert(control.name, verdict);
                }
                Err(error) => errors.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(error),
            }
        }
    });
    if let Some(error) = errors.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()).pop() {
        return Err(error);
    }
    let mut verdicts = verdicts.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    let verdicts = plan.controls.iter().filter_map(|control| verdicts.remove(control.name)).collect();
    Ok(Report { verdicts, seconds: deadline.seconds() })
}

/// Programs with the planted bugs in them.
#[derive(Debug)]
pub struct Built {
    xtask: PathBuf,
    tests: BTreeMap<(String, String), (PathBuf, PathBuf)>,
}

impl Built {
    /// Builds the lab, and the tests that the controls name.
    pub fn new(controls: &[&'static Control]) -> Result<Self, String> {
        let lab = cargo(&["build", "--profile", "lab", "--package", "mellivora-lab", "--bin", "xtask"])?;
        let xtask = lab.into_iter().find(|(key, ..)| key.1 == "xtask").map(|(_, program, _)| program);
        let xtask = xtask.ok_or("cargo built no xtask")?;
        let packages: BTreeSet<&str> =
            controls.iter().filter_map(|control| control.test).map(|test| test.package).collect();
        let mut tests = BTreeMap::new();
        if !packages.is_empty() {
            let mut arguments = vec!["test", "--no-run"];
            packages.iter().for_each(|package| arguments.extend(["--package", package]));
            tests = cargo(&arguments)?.into_iter().map(|(key, program, folder)| (key, (program, folder))).collect();
        }
        Ok(Built { xtask, tests })
    }

    /// The lab with all planted bugs in it.
    pub fn xtask(&self, planted: &str) -> Command {
        let mut command = Command::new(&self.xtask);
        command.env(CHOICE, planted);
        command
    }

    /// Whether a directed test passes with this bug switched on.
    fn passes(&self, test: &DirectedTest, planted: &str) -> Result<bool, String> {
        let key = (test.package.to_owned(), test.binary.to_owned());
        let (program, folder) = self
            .tests
            .get(&key)
            .ok_or_else(|| format!("there is no test binary {} in {}", test.binary, test.package))?;
        let mut command = Command::new(program);
        command.args(["--exact", test.name, "--include-ignored"]).current_dir(folder).env(CHOICE, planted);
        let output = command.output().map_err(|error| format!("{}: {error}", program.display()))?;
        let text = String::from_utf8_lossy(&output.stdout);
        if !text.contains("running 1 test") {
            return Err(format!("{} has no test {} in {}", test.package, test.name, test.binary));
        }
        Ok(output.status.success())
    }

    /// Every directed test has to pass while no bug is switched on.
    fn baseline(&self, controls: &[&'static Control]) -> Result<(), String> {
        let tests: BTreeSet<_> =
            controls.iter().filter_map(|c| c.test).map(|t| (t.package, t.binary, t.name)).collect();
        for (package, binary, name) in tests {
            if !self.passes(&DirectedTest { package, binary, name }, "")? {
                return Err(format!("{package}: {name} fails without any planted bug"));
            }
        }
        Ok(())
    }

    /// Campaigns against one bug, and its directed test where they find nothing.
    fn judge(&self, control: &'static Control, plan: &Plan) -> Result<Verdict, String> {
        let mut verdict = Verdict { control, seeds: Vec::new(), oracles: BTreeSet::new(), directed: None };
        let seconds = if control.test.is_some() { plan.seconds / 10.0 } else { plan.seconds };
        let (seeds, seconds) = (plan.max_seeds.to_string(), seconds.to_string());
        let mut command = self.xtask(control.name);
        command.args(["trial", "--subject", control.subject, "--seeds", &seeds, "--secs", &seconds]);
        let output = command.output().map_err(|error| format!("{}: {error}", self.xtask.display()))?;
        // A bug may take the whole process down (memory, stack): that is a way of being caught, too.
        if output.status.success() {
            let trials: Value = serde_json::from_slice(&output.stdout).map_err(|error| format!("trial: {error}"))?;
            for trial in trials.as_array().into_iter().flatten() {
                if let Some(seeds) = trial["seeds"].as_u64() {
                    verdict.seeds.push(seeds);
                    verdict.oracles.extend(trial["oracle"].as_str().map(str::to_owned));
                }
            }
        } else if output.status.code().is_some() {
            return Err(format!("trial of {}: {}", control.name, String::from_utf8_lossy(&output.stderr)));
        } else {
            verdict.seeds = vec![1; TRIALS as usize];
            verdict.oracles.insert("killed".to_owned());
        }
        if verdict.median().is_none()
            && let Some(test) = &control.test
        {
            verdict.directed = Some(!self.passes(test, control.name)?);
        }
        Ok(verdict)
    }
}

type Program = ((String, String), PathBuf, PathBuf);

/// Runs cargo with the planted bugs compiled in, in a target folder of their own. Returns the programs it made:
/// package, target, path, folder of the package.
fn cargo(arguments: &[&str]) -> Result<Vec<Program>, String> {
    let root = root();
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from).join("planted");
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(arguments).args(["--quiet", "--message-format", "json-render-diagnostics"]);
    command.env("RUSTFLAGS", CFG).env("CARGO_TARGET_DIR", target).current_dir(&root);
    command.stderr(std::process::Stdio::inherit());
    let output = command.output().map_err(|error| format!("cargo: {error}"))?;
    if !output.status.success() {
        return Err("the build with planted bugs failed".to_owned());
    }
    let mut programs = Vec::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let Ok(message) = serde_json::from_str::<Value>(line) else { continue };
        let (Some(path), Some(manifest)) = (message["executable"].as_str(), message["manifest_path"].as_str()) else {
            continue;
        };
        let folder = PathBuf::from(manifest).parent().map(PathBuf::from).unwrap_or_default();
        let package = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let is_lib = message["target"]["kind"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "lib"));
        let name = if is_lib { "lib" } else { message["target"]["name"].as_str().unwrap_or_default() };
        programs.push(((format!("mellivora-{package}"), name.to_owned()), PathBuf::from(path), folder));
    }
    Ok(programs)
}

impl Report {
    /// Bugs that nothing caught.
    pub fn escaped(&self) -> Vec<&'static str> {
        self.verdicts.iter().filter(|verdict| !verdict.caught()).map(|verdict| verdict.control.name).collect()
    }

    /// The median, over the bugs that random runs find, of the seeds that it takes.
    pub fn median(&self) -> Option<u64> {
        let mut medians: Vec<u64> = self.verdicts.iter().filter_map(Verdict::median).collect();
        medians.sort_unstable();
        medians.get(medians.len() / 2).copied()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new(["planted bug", "what is wrong", "caught by", "median seeds"]);
        for verdict in &self.verdicts {
            let oracles = verdict.oracles.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            let (by, seeds) = match (verdict.median(), verdict.directed, verdict.control.test) {
                (Some(median), ..) => (format!("{}: {oracles}", verdict.control.subject), median.to_string()),
                (None, Some(true), Some(test)) => (format!("`{}`", test.name), "–".to_owned()),
                _ => ("NOTHING".to_owned(), "–".to_owned()),
            };
            table.row([verdict.control.name.to_owned(), verdict.control.what.to_owned(), by, seeds]);
        }
        write!(f, "{table}")?;
        for harmless in super::harmless() {
            writeln!(f, "harmless: {}: {}. {}", harmless.name, harmless.what, harmless.why)?;
        }
        Ok(())
    }
}
