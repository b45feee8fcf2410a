//! One function per campaign: runs it, prints what came of it, returns its last line.

use std::io::{self, Write};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use mellivora_lab::controls::run::Built;
use mellivora_lab::parallel::{self, Deadline};
use mellivora_lab::scenario::Scenario;
use mellivora_lab::table::{Table, grouped};
use mellivora_lab::{aba_stats, controls, flood, fuzz, matrix, sim, subject};

use crate::args::{self, ControlsArguments, FloodArguments, FuzzArguments, MatrixArguments, ModelArguments};
use crate::args::{SimArguments, StatsArguments};
use crate::{Done, Line};

pub(crate) fn sim(arguments: &SimArguments, out: &mut dyn Write) -> Done {
    let mut plan = sim::Plan::new(args::chosen(&arguments.subject), arguments.secs);
    plan.nodes = arguments.nodes;
    plan.strategy = arguments.attack.map(|attack| attack.0);
    plan.order = arguments.order;
    plan.first_seed = arguments.first_seed;
    plan.max_runs = arguments.runs.unwrap_or(u64::MAX);
    // Whoever leaves something out cannot ask for everything.
    let everything = plan.nodes.is_none() && plan.strategy.is_none() && plan.order.is_none();
    plan.demand_coverage = everything && !arguments.partial;
    run_sim(&plan, arguments.shrink, out)
}

pub(crate) fn run_sim(plan: &sim::Plan, shrink: usize, out: &mut dyn Write) -> Done {
    let report = sim::campaign(plan);
    write!(out, "{report}")?;
    sim::explain(&report, shrink, out)?;
    let (epochs, small) = report.epochs();
    let figures = vec![
        ("runs", report.runs().to_string()),
        ("failed", report.failed().to_string()),
        ("never_reached", report.missing.values().map(Vec::len).sum::<usize>().to_string()),
        ("epochs", epochs.to_string()),
        ("epochs_n4", small.to_string()),
        ("rbc_n4_per_second", format!("{:.0}", report.rate("rbc"))),
        ("aba_n4_per_second", format!("{:.0}", report.rate("aba"))),
        ("seconds", format!("{:.1}", report.seconds)),
    ];
    Ok(Line { campaign: "sim", ok: report.is_ok(), figures })
}

/// Repeats one run, twice, and shows everything about it.
pub(crate) fn replay(scenario: &Scenario, shrink: usize, out: &mut dyn Write) -> Done {
    let subject = subject::find(scenario.subject)?;
    let outcome = subject.run(scenario);
    let again = subject.run(scenario);
    writeln!(
        out,
        "{scenario}: n = {}, {} messages delivered, {} epochs, {} faults named",
        outcome.nodes, outcome.counters.delivered, outcome.epochs, outcome.faults
    )?;
    for (name, count) in outcome.coverage.iter() {
        writeln!(out, "  {name}: {count}")?;
    }
    if let Some(failure) = &outcome.failure {
        writeln!(out, "{} failed at step {}: {}", failure.oracle, failure.step, failure.what)?;
        match subject.shrink(scenario, shrink) {
            Some(shrunk) => {
                let (events, tries) = (shrunk.choices.len(), shrunk.tries);
                writeln!(out, "shrunk to {events} events in {tries} tries: {}", shrunk.failure.what)?;
                shrunk.choices.iter().try_for_each(|choice| writeln!(out, "  {choice:?}"))?;
            }
            None => writeln!(out, "cannot be shrunk")?,
        }
    }
    let same = again.trace == outcome.trace;
    let figures = vec![("trace", outcome.trace.to_string()), ("same_again", same.to_string())];
    Ok(Line { campaign: "sim", ok: outcome.failure.is_none() && same, figures })
}

pub(crate) fn matrix(arguments: &MatrixArguments, out: &mut dyn Write) -> Done {
    let plan = matrix::Plan {
        subjects: args::chosen(&arguments.subject),
        sizes: arguments.nodes.clone(),
        strategies: match &arguments.attack[..] {
            [] => mellivora_adversary::Strategy::ALL.to_vec(),
            some => some.to_vec(),
        },
        seeds: arguments.seeds,
        enough: arguments.seeds,
        seconds: arguments.secs,
    };
    run_matrix(&plan, out)
}

pub(crate) fn run_matrix(plan: &matrix::Plan, out: &mut dyn Write) -> Done {
    let report = matrix::campaign(plan);
    write!(out, "{report}")?;
    for outcome in &report.failures {
        if let Some(failure) = &outcome.failure {
            let scenario = outcome.scenario;
            writeln!(out, "{scenario}: {}: {}\n  replay: {}", failure.oracle, failure.what, scenario.replay())?;
        }
    }
    let figures = vec![
        ("cells", report.cells().to_string()),
        ("strategies", report.strategies().to_string()),
        ("runs", report.runs().to_string()),
        ("fewest_seeds", report.fewest().to_string()),
        ("failed", report.failed().to_string()),
        ("never_fired", report.idle().len().to_string()),
        ("seconds", format!("{:.1}", report.seconds)),
    ];
    Ok(Line { campaign: "matrix", ok: report.is_ok(), figures })
}

pub(crate) fn controls(arguments: &ControlsArguments, out: &mut dyn Write) -> Done {
    let wanted =
        |name: &str| arguments.only.is_empty() || arguments.only.iter().any(|only| name.starts_with(only.as_str()));
    let list: Vec<_> = controls::all().filter(|control| wanted(control.name)).collect();
    if list.is_empty() {
        return Err("no planted bug has such a name: `cargo xtask controls --list` shows all".into());
    }
    if arguments.list {
        for control in &list {
            writeln!(out, "{:32} {}", control.name, control.what)?;
        }
        return Ok(Line { campaign: "controls", ok: true, figures: vec![("listed", list.len().to_string())] });
    }
    run_controls(&controls::run::Plan { controls: list, max_seeds: arguments.seeds, seconds: arguments.secs }, out)
}

pub(crate) fn run_controls(plan: &controls::run::Plan, out: &mut dyn Write) -> Done {
    let report = controls::run::campaign(plan, &|verdict| {
        let how = match (verdict.median(), verdict.directed) {
            (Some(median), _) => format!("caught after {median} seeds"),
            (None, Some(true)) => "caught by its directed test".to_owned(),
            _ => "NOT CAUGHT".to_owned(),
        };
        let _ = writeln!(io::stderr(), "{}: {how}", verdict.control.name);
    })?;
    write!(out, "{report}")?;
    let escaped = report.escaped();
    if !escaped.is_empty() {
        writeln!(out, "not caught: {}", escaped.join(", "))?;
    }
    let total = report.verdicts.len();
    let figures = vec![
        ("caught", format!("{}/{total}", total - escaped.len())),
        ("by_campaign", report.verdicts.iter().filter(|verdict| verdict.median().is_some()).count().to_string()),
        ("median_seeds", report.median().map_or("-".to_owned(), |median| median.to_string())),
        ("seconds", format!("{:.1}", report.seconds)),
    ];
    Ok(Line { campaign: "controls", ok: escaped.is_empty(), figures })
}

pub(crate) fn aba_stats(arguments: &StatsArguments, out: &mut dyn Write) -> Done {
    let mut report = aba_stats::campaign(arguments.runs);
    if arguments.control > 0 {
        let output = Built::new(&[])?
            .xtask(aba_stats::CONTROL)
            .args(["steered-trial", "--runs", &arguments.control.to_string()])
            .output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let open = text.trim().parse().map_err(|_| format!("the control said '{text}', not a number"))?;
        report.control = Some((arguments.control, open));
    }
    write!(out, "{report}")?;
    let (low, high) = report.unanimous();
    let figures = vec![
        ("runs_per_row", arguments.runs.to_string()),
        ("equal_inputs", format!("{low:.3}..{high:.3}")),
        ("best_adversary", format!("{:.3}", report.best())),
        ("no_conf_undecided", report.control.map_or("-".to_owned(), |(runs, open)| format!("{open}/{runs}"))),
        ("seconds", format!("{:.1}", report.seconds)),
    ];
    Ok(Line { campaign: "aba-stats", ok: report.is_ok(), figures })
}

pub(crate) fn model(arguments: &ModelArguments, out: &mut dyn Write) -> Done {
    let wanted =
        |name: &str| arguments.only.is_empty() || arguments.only.iter().any(|only| name.starts_with(only.as_str()));
    let runs: Vec<_> = mellivora_model::runs().into_iter().filter(|run| wanted(run.model)).collect();
    if runs.is_empty() {
        let mut names: Vec<_> = mellivora_model::runs().iter().map(|run| run.model).collect();
        names.dedup();
        return Err(format!("no model has such a name; there are: {}", names.join("; ")).into());
    }
    let deadline = Deadline::new(None);
    let next = AtomicUsize::new(0);
    let mut outcomes: Vec<_> = parallel::on_all(parallel::cores(), || {
        let mine = std::iter::from_fn(|| {
            let at = next.fetch_add(1, Ordering::Relaxed);
            runs.get(at).map(|run| (at, run.check()))
        });
        mine.collect::<Vec<_>>()
    })
    .into_iter()
    .flatten()
    .collect();
    outcomes.sort_unstable_by_key(|(at, _)| *at);
    let mut table = Table::new(["model", "weakened rule", "states", "verdict", "as expected"]);
    for ((_, outcome), run) in outcomes.iter().zip(&runs) {
        let verdict = match (outcome.broken, run.harmless()) {
            (Some((law, steps)), _) => format!("\"{law}\" broken in {steps} steps"),
            (None, Some(_)) => "harmless".to_owned(),
            (None, None) => "holds".to_owned(),
        };
        let weakened = run.weakening.map_or("–".to_owned(), |weakening| format!("{weakening:?}"));
        let expected = if outcome.ok { "yes" } else { "NO" }.to_owned();
        table.row([run.model.to_owned(), weakened, grouped(outcome.states as u64), verdict, expected]);
    }
    write!(out, "{table}")?;
    for ((_, outcome), run) in outcomes.iter().zip(&runs) {
        // Asked for one by one, or not as it should be: the way to break it is shown.
        if let Some(text) = &outcome.counterexample
            && (!outcome.ok || runs.len() <= 10)
        {
            writeln!(out, "\n{}: {text}", run.name())?;
        }
    }
    let failed = outcomes.iter().filter(|(_, outcome)| !outcome.ok).count();
    let states: usize = outcomes.iter().map(|(_, outcome)| outcome.states).sum();
    let broken = outcomes.iter().filter(|(_, outcome)| outcome.broken.is_some()).count();
    let figures = vec![
        ("models", runs.iter().filter(|run| run.weakening.is_none()).count().to_string()),
        ("weakened", runs.iter().filter(|run| run.weakening.is_some()).count().to_string()),
        ("counterexamples", broken.to_string()),
        ("states", states.to_string()),
        ("not_as_expected", failed.to_string()),
        ("seconds", format!("{:.1}", deadline.seconds())),
    ];
    Ok(Line { campaign: "model", ok: failed == 0, figures })
}

/// Runs the program that counts live heap bytes: counting costs all other campaigns too much.
pub(crate) fn flood(arguments: &FloodArguments, out: &mut dyn Write) -> Done {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(program)
        .args(["run", "--quiet", "--profile", "lab", "--package", "mellivora-lab", "--bin", "meter", "--"])
        .arg(arguments.secs.to_string())
        .current_dir(mellivora_lab::root())
        .stderr(Stdio::inherit())
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let (report, last) = text.trim_end().rsplit_once('\n').ok_or("the meter said nothing")?;
    writeln!(out, "{report}")?;
    let last: serde_json::Value = serde_json::from_str(last)?;
    let figures = flood::FIGURES.iter().map(|name| (*name, last[*name].as_str().unwrap_or("-").to_owned())).collect();
    Ok(Line { campaign: "flood", ok: output.status.success(), figures })
}

pub(crate) fn fuzz(arguments: &FuzzArguments, out: &mut dyn Write) -> Done {
    if let Some(hindrance) = fuzz::hindrance() {
        return Err(hindrance.into());
    }
    let known = fuzz::targets()?;
    if let Some(unknown) = arguments.target.iter().find(|target| !known.contains(target)) {
        return Err(format!("there is no fuzz target '{unknown}': use one of {}", known.join(", ")).into());
    }
    let targets = if arguments.target.is_empty() { &known } else { &arguments.target };
    let report = fuzz::campaign(arguments.secs, targets);
    write!(out, "{report}")?;
    let figures = vec![("targets", targets.len().to_string()), ("inputs", report.runs().to_string())];
    Ok(Line { campaign: "fuzz", ok: report.is_ok(), figures })
}

pub(crate) fn trial(
    subject: &str,
    seeds: u64,
    secs: f64,
    out: &mut dyn Write,
) -> Result<bool, Box<dyn std::error::Error>> {
    let trials = controls::run::trials(subject, seeds, secs)?;
    let trials: Vec<_> =
        trials.iter().map(|trial| serde_json::json!({ "seeds": trial.seeds, "oracle": trial.oracle })).collect();
    writeln!(out, "{}", serde_json::Value::from(trials))?;
    Ok(true)
}

pub(crate) fn steered_trial(runs: u64, out: &mut dyn Write) -> Result<bool, Box<dyn std::error::Error>> {
    writeln!(out, "{}", aba_stats::control(runs))?;
    Ok(true)
}
