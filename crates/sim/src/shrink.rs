//! Makes a failing run shorter.

use mellivora_core::Protocol;

use crate::{Choice, Failure, Simulation};

/// A short run that still fails.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The events that matter; after them the oldest goes first.
    pub choices: Vec<Choice>,
    /// How the run fails now.
    pub failure: Failure,
    /// Runs that were tried.
    pub tries: usize,
}

/// Leaves events out of a failing run as long as the same oracle objects (delta debugging, Zeller and Hildebrandt
/// 2002), in at most `max_tries` runs. `setup` makes the run anew, inputs included. `None` if replaying `choices` does
/// not fail.
pub fn shrink<P: Protocol + 'static>(
    mut setup: impl FnMut() -> Simulation<P>,
    choices: &[Choice],
    max_tries: usize,
) -> Option<Shrunk> {
    let mut tries = 0;
    let mut attempt = |choices: &[Choice], oracle: Option<&str>| -> Option<Failure> {
        tries += 1;
        let failure = setup().replay(choices).failure?;
        oracle.is_none_or(|oracle| failure.oracle == oracle).then_some(failure)
    };
    let mut failure = attempt(choices, None)?;
    let oracle = failure.oracle.clone();
    let mut kept = choices.to_vec();
    let mut parts = 1;
    let mut spent = 1;
    while spent < max_tries && !kept.is_empty() {
        let size = kept.len().div_ceil(parts);
        let mut start = 0;
        let mut shorter = false;
        while start < kept.len() && spent < max_tries {
            let end = (start + size).min(kept.len());
            let candidate = [kept.get(..start).unwrap_or_default(), kept.get(end..).unwrap_or_default()].concat();
            spent += 1;
            if let Some(found) = attempt(&candidate, Some(&oracle)) {
                (failure, kept, shorter) = (found, candidate, true);
            } else {
                start = end;
            }
        }
        if size == 1 && !shorter {
            break;
        }
        if size > 1 {
            parts = (parts * 2).min(kept.len().max(1));
        }
    }
    Some(Shrunk { choices: kept, failure, tries })
}
