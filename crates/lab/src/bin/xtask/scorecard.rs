//! All campaigns within one budget, in one table.

use std::io::Write;

use mellivora_lab::parallel::{Deadline, cores};
use mellivora_lab::table::Table;
use mellivora_lab::{controls, fuzz, matrix, sim, subject};

use crate::args::{FloodArguments, FuzzArguments, ModelArguments, ScorecardArguments, StatsArguments};
use crate::{Done, Line, commands};

/// Parts of the budget.
const SIM: f64 = 0.25;
const MATRIX: f64 = 0.25;
const FLOOD: f64 = 0.05;
const FUZZ: f64 = 0.10;
/// Runs of each row of the statistics per second of the budget, so that they take about a tenth of it.
const STATS: f64 = 20.0;

/// The cards so far.
struct Cards<'a> {
    table: Table,
    /// What each campaign printed.
    pages: String,
    ok: bool,
    not_run: usize,
    out: &'a mut dyn Write,
}

impl Cards<'_> {
    fn bring(&mut self, name: &str, campaign: impl FnOnce(&mut dyn Write) -> Done) -> std::io::Result<()> {
        let mut text = Vec::new();
        let line = campaign(&mut text);
        let (verdict, figures) = match line {
            Ok(Line { ok, figures, .. }) => {
                self.ok &= ok;
                let text: Vec<String> = figures.iter().map(|(name, value)| format!("{name} {value}")).collect();
                (if ok { "ok" } else { "FAILED" }, text.join(", "))
            }
            Err(error) => {
                self.not_run += 1;
                ("NOT RUN", error.to_string())
            }
        };
        let text = String::from_utf8_lossy(&text);
        writeln!(self.out, "{text}{name}: {verdict}: {figures}\n")?;
        self.pages += &format!("\n## {name}\n\n{}\n", text.trim_end());
        self.table.row([name, verdict, &figures]);
        Ok(())
    }
}

pub(crate) fn run(arguments: &ScorecardArguments, out: &mut dyn Write) -> Done {
    let (secs, deadline) = (arguments.secs, Deadline::new(None));
    let table = Table::new(["campaign", "verdict", "figures"]);
    let mut cards = Cards { table, pages: String::new(), ok: true, not_run: 0, out };

    let plan = sim::Plan::new(subject::ALL.to_vec(), secs * SIM);
    cards.bring("sim", |out| commands::run_sim(&plan, 100, out))?;
    let plan = matrix::Plan {
        subjects: subject::ALL.to_vec(),
        sizes: matrix::SIZES.to_vec(),
        strategies: mellivora_adversary::Strategy::ALL.to_vec(),
        seeds: 100,
        enough: 1,
        seconds: Some(secs * MATRIX),
    };
    cards.bring("matrix", |out| commands::run_matrix(&plan, out))?;
    let list: Vec<_> = controls::all().collect();
    // Most are caught long before their time is up, so this says little about how long the list takes.
    let each = (secs / 60.0).clamp(5.0, 20.0);
    let plan = controls::run::Plan { controls: list, max_seeds: 2_000, seconds: each };
    cards.bring("controls", |out| commands::run_controls(&plan, out))?;
    let stats = StatsArguments { runs: ((secs * STATS) as u64).clamp(2_000, 20_000), control: 20 };
    cards.bring("aba-stats", |out| commands::aba_stats(&stats, out))?;
    cards.bring("model", |out| commands::model(&ModelArguments { only: Vec::new() }, out))?;
    cards.bring("flood", |out| commands::flood(&FloodArguments { secs: (secs * FLOOD).max(10.0) }, out))?;
    cards.bring("fuzz", |out| match fuzz::hindrance() {
        None => commands::fuzz(&FuzzArguments { secs: secs * FUZZ, target: Vec::new() }, out),
        Some(hindrance) => Err(hindrance.into()),
    })?;

    write!(cards.out, "{}", cards.table)?;
    if let Some(path) = &arguments.output {
        let page = format!(
            "# Scorecard\n\nMade by `cargo xtask scorecard --secs {secs}` on {} cores; it took {:.0} seconds, builds included.\n\n{}{}",
            cores(),
            deadline.seconds(),
            cards.table,
            cards.pages
        );
        std::fs::write(path, page).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    let figures = vec![("not_run", cards.not_run.to_string()), ("seconds", format!("{:.0}", deadline.seconds()))];
    Ok(Line { campaign: "scorecard", ok: cards.ok && cards.not_run == 0, figures })
}
