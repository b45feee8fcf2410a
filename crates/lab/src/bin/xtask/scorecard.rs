//! All campaigns within one budget, in one table.

use std::io::{self, Write};

use mellivora_lab::table::Table;
use mellivora_lab::{controls, fuzz, matrix, sim, subject};

use crate::args::{FloodArguments, FuzzArguments, ModelArguments, ScorecardArguments, StatsArguments};
use crate::{Done, Line, commands};

/// Parts of the budget, in hundredths.
const SIM: f64 = 0.30;
const MATRIX: f64 = 0.25;
const CONTROLS: f64 = 0.25;
const FLOOD: f64 = 0.05;
const FUZZ: f64 = 0.10;
/// Runs of each row of the statistics per second of the budget; as many as asked for from ten minutes on.
const STATS: f64 = 20_000.0 / 600.0;

pub(crate) fn run(arguments: &ScorecardArguments, out: &mut dyn Write) -> Done {
    let secs = arguments.secs;
    let list: Vec<_> = controls::all().collect();
    let mut table = Table::new(["campaign", "verdict", "figures"]);
    let mut ok = true;
    let mut bring = |name: &str, line: Done, out: &mut dyn Write| -> io::Result<()> {
        let (verdict, figures) = match line {
            Ok(Line { ok: well, figures, .. }) => {
                ok &= well;
                let text: Vec<String> = figures.iter().map(|(name, value)| format!("{name} {value}")).collect();
                (if well { "ok" } else { "FAILED" }, text.join(", "))
            }
            Err(error) => {
                ok = false;
                ("NOT RUN", error.to_string())
            }
        };
        writeln!(out, "{name}: {verdict} {figures}\n")?;
        table.row([name.to_owned(), verdict.to_owned(), figures]);
        Ok(())
    };
    let plan = sim::Plan::new(subject::ALL.to_vec(), secs * SIM);
    bring("sim", commands::run_sim(&plan, 100, out), out)?;
    let plan = matrix::Plan {
        subjects: subject::ALL.to_vec(),
        sizes: matrix::SIZES.to_vec(),
        strategies: mellivora_adversary::Strategy::ALL.to_vec(),
        seeds: 100,
        enough: 1,
        seconds: Some(secs * MATRIX),
    };
    bring("matrix", commands::run_matrix(&plan, out), out)?;
    let each = secs * CONTROLS * mellivora_lab::parallel::cores() as f64 / list.len().max(1) as f64;
    let plan = controls::run::Plan { controls: list, max_seeds: 2_000, seconds: each.max(1.0) };
    bring("controls", commands::run_controls(&plan, out), out)?;
    let stats = StatsArguments { runs: ((secs * STATS) as u64).clamp(500, 20_000), control: 20 };
    bring("aba-stats", commands::aba_stats(&stats, out), out)?;
    bring("model", commands::model(&ModelArguments { only: Vec::new() }, out), out)?;
    bring("flood", commands::flood(&FloodArguments { secs: secs * FLOOD }, out), out)?;
    let fuzz = match fuzz::hindrance() {
        None => commands::fuzz(&FuzzArguments { secs: secs * FUZZ, target: Vec::new() }, out),
        Some(hindrance) => Err(hindrance.into()),
    };
    bring("fuzz", fuzz, out)?;
    write!(out, "{table}")?;
    if let Some(path) = &arguments.output {
        std::fs::write(path, table.to_string()).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(Line { campaign: "scorecard", ok, figures: vec![("campaigns", "7".to_owned())] })
}
