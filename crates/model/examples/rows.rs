//! Prints the rows of the table of expectations as they are now. With a word, only runs whose name holds it; then the
//! counterexamples, too.

use std::io::{self, Write};

use mellivora_model::runs;

fn main() -> io::Result<()> {
    let word = std::env::args().nth(1);
    let mut out = io::stdout().lock();
    for run in runs() {
        if word.as_ref().is_some_and(|word| !run.name().contains(word)) {
            continue;
        }
        let outcome = run.check();
        writeln!(
            out,
            "    row({:?}, {}, {}, {:?}),",
            run.model,
            run.weakening.map_or("None".to_owned(), |weakening| format!("Some({weakening:?})")),
            outcome.states,
            outcome.broken
        )?;
        if !outcome.missed.is_empty() {
            writeln!(out, "    // not reached: {:?}", outcome.missed)?;
        }
        if let (Some(_), Some(path)) = (&word, outcome.counterexample) {
            writeln!(out, "/* {path} */")?;
        }
    }
    Ok(())
}
