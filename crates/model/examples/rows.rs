//! Prints rows of the table as `expected.rs` has them: all, or those of runs whose name begins as told. Of a few runs
//! it also prints the counterexamples.

use std::io::{self, Write};

/// With more runs than this, counterexamples would hide the rows.
const FEW: usize = 4;

fn main() -> io::Result<()> {
    let wanted: Vec<_> = std::env::args().skip(1).collect();
    let mut runs = mellivora_model::runs();
    runs.retain(|run| wanted.is_empty() || wanted.iter().any(|name| run.name().starts_with(name)));
    let mut out = io::stdout().lock();
    for run in &runs {
        let outcome = run.check();
        let weakening = run.weakening.map_or("None".to_owned(), |weakening| format!("Some({weakening:?})"));
        let broken = outcome.broken.map_or("None".to_owned(), |(law, steps)| format!("Some(({law:?}, {steps}))"));
        writeln!(out, "    row({:?}, {weakening}, {}, {broken}),", run.model, outcome.states)?;
        if !outcome.missed.is_empty() {
            writeln!(out, "    // not reached: {:?}", outcome.missed)?;
        }
        if let Some(text) = outcome.counterexample.filter(|_| runs.len() <= FEW) {
            writeln!(out, "{text}")?;
        }
    }
    Ok(())
}
