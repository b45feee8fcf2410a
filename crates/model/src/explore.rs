//! Looks at every state of a [`System`], by way of stateright.

use stateright::{Checker, Expectation, HasDiscoveries, Model, Path};

use crate::system::{Checked, System};

/// What came of exploring a system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explored {
    /// Different states: all that can be reached, or, with a failure, those seen until the search stopped.
    pub states: usize,
    /// A law that is broken.
    pub failure: Option<Failure>,
    /// Goals that no state reached. Means something only without a failure, when every state was seen.
    pub missed: Vec<&'static str>,
}

/// A shortest way to break a law.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The name of the law.
    pub law: &'static str,
    /// The steps, in words.
    pub steps: Vec<String>,
    /// The state at the end, in words.
    pub end: String,
}

/// Visits every state that can be reached, breadth first, with one thread (so that all numbers are the same each
/// time). Stops soon after a law is broken, and then looks for a shortest way to break it.
pub fn explore<S: System>(system: &S) -> Explored {
    let search = search(system, None);
    let failure = search.broken.map(|(law, path)| {
        let mut best = (law, path);
        // The first search may have gone a step too far before it stopped.
        while let Some(shorter) = self::search(system, Some(best.1.len())).broken {
            best = shorter;
        }
        in_words(system, best.0, &best.1)
    });
    Explored { states: search.states, failure, missed: search.missed }
}

/// States along a path.
type States<S> = Vec<<S as System>::State>;

struct Search<S: System> {
    states: usize,
    broken: Option<(&'static str, States<S>)>,
    missed: Vec<&'static str>,
}

/// One search; with a `limit`, only for paths of fewer states.
fn search<S: System>(system: &S, limit: Option<usize>) -> Search<S> {
    let mut builder = Checked(system.clone()).checker().threads(1).finish_when(HasDiscoveries::AnyFailures);
    match limit {
        // A path of one state cannot be shortened, and zero means "no limit".
        Some(limit) if limit < 2 => return Search { states: 0, broken: None, missed: Vec::new() },
        Some(limit) => builder = builder.target_max_depth(limit),
        None => {}
    }
    let checker = builder.spawn_bfs().join();
    let mut found = checker.discoveries();
    let (mut broken, mut missed) = (None::<(&'static str, States<S>)>, Vec::new());
    for property in system.properties() {
        match (found.remove(property.name).map(Path::into_states), &property.expectation) {
            (Some(path), Expectation::Always) if broken.as_ref().is_none_or(|(_, best)| path.len() < best.len()) => {
                broken = Some((property.name, path));
            }
            (None, Expectation::Sometimes) => missed.push(property.name),
            _ => {}
        }
    }
    Search { states: checker.unique_state_count(), broken, missed }
}

/// Plays a path of canonical states again with nodes that keep their names.
fn in_words<S: System>(system: &S, law: &'static str, path: &[S::State]) -> Failure {
    let start = system.initial().into_iter().find(|&state| Some(&system.canonical(state)) == path.first());
    let Some(mut state) = start else { unreachable!("a path starts at the beginning") };
    let mut words = Vec::new();
    for next in path.iter().skip(1) {
        let mut steps = Vec::new();
        system.steps(&state, &mut steps);
        let step = steps.into_iter().find(|&step| system.canonical(system.apply(&state, step)) == *next);
        let Some(step) = step else { unreachable!("like states have like steps") };
        state = system.apply(&state, step);
        words.push(step.to_string());
    }
    Failure { law, steps: words, end: state.to_string() }
}
