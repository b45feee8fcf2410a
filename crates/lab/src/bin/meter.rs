//! Measures floods with an allocator that counts: what `cargo xtask flood` starts.
//!
//! Takes the number of seconds. Prints the report, then its figures as one line of JSON; exits 0 when every bar is met.

use std::io::{self, Write};
use std::process::ExitCode;

use mellivora_lab::flood;

/// Counts live heap bytes.
#[global_allocator]
static HEAP: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;

fn main() -> ExitCode {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok());
    let Some(seconds) = seconds else {
        let _ = writeln!(io::stderr(), "error: a number of seconds is expected: `cargo xtask flood --secs 60`");
        return ExitCode::from(2);
    };
    let report = flood::campaign(&flood::Plan::new(seconds));
    let figures: serde_json::Map<_, _> =
        report.figures().into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    let printed = writeln!(io::stdout(), "{report}\n{}", serde_json::Value::from(figures));
    if printed.is_ok() && report.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
