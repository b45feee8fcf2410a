//! `cargo xtask`: the campaigns of the adversary lab.

mod args;
mod commands;
mod scorecard;

use std::io::{self, Write};
use std::process::ExitCode;

use args::{Arguments, Campaign};
use clap::Parser;
use mellivora_lab::panics;

/// What a campaign came to: its last line.
pub(crate) struct Line {
    pub(crate) campaign: &'static str,
    pub(crate) ok: bool,
    pub(crate) figures: Vec<(&'static str, String)>,
}

impl Line {
    fn json(&self) -> serde_json::Value {
        let figures: serde_json::Map<_, _> =
            self.figures.iter().map(|(name, value)| ((*name).to_owned(), value.clone().into())).collect();
        serde_json::json!({ "campaign": self.campaign, "ok": self.ok, "figures": figures })
    }
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.campaign, if self.ok { "ok" } else { "FAILED" })?;
        self.figures.iter().try_for_each(|(name, value)| write!(f, " {name}={value}"))
    }
}

/// The last line of a campaign, or what kept it from running.
pub(crate) type Done = Result<Line, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let Arguments { campaign, json } = Arguments::parse();
    panics::keep_quiet();
    let mut stdout = io::stdout();
    let mut nowhere = io::sink();
    let out: &mut dyn Write = if json { &mut nowhere } else { &mut stdout };
    let result = match campaign {
        Campaign::Sim(arguments) => match &arguments.replay {
            Some(scenario) => commands::replay(scenario, arguments.shrink, out),
            None => commands::sim(&arguments, out),
        },
        Campaign::Matrix(arguments) => commands::matrix(&arguments, out),
        Campaign::Controls(arguments) => commands::controls(&arguments, out),
        Campaign::AbaStats(arguments) => commands::aba_stats(&arguments, out),
        Campaign::Model(arguments) => commands::model(&arguments, out),
        Campaign::Flood(arguments) => commands::flood(&arguments, out),
        Campaign::Fuzz(arguments) => commands::fuzz(&arguments, out),
        Campaign::Scorecard(arguments) => scorecard::run(&arguments, out),
        Campaign::Trial { subject, seeds, secs } => {
            return exit(commands::trial(&subject, seeds, secs, &mut io::stdout()));
        }
        Campaign::SteeredTrial { runs } => return exit(commands::steered_trial(runs, &mut io::stdout())),
    };
    exit(result.and_then(|line| {
        let text = if json { line.json().to_string() } else { line.to_string() };
        writeln!(io::stdout(), "{text}")?;
        Ok(line.ok)
    }))
}

fn exit(result: Result<bool, Box<dyn std::error::Error>>) -> ExitCode {
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::from(2)
        }
    }
}
