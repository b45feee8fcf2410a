//! Counters that prove that an attack really fired and that a rare state was really reached.

use std::collections::BTreeMap;
use std::fmt;

/// Named counters. One per run ([`Simulation::coverage`](crate::Simulation::coverage)); [`absorb`](Self::absorb) adds
/// up the runs of a campaign.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Coverage(BTreeMap<String, u64>);

impl Coverage {
    /// No counter yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one to the counter `name`.
    pub fn count(&mut self, name: &str) {
        self.add(name, 1);
    }

    /// Adds `amount` to the counter `name`.
    pub fn add(&mut self, name: &str, amount: u64) {
        match self.0.get_mut(name) {
            Some(counter) => *counter = counter.saturating_add(amount),
            None => {
                self.0.insert(name.to_owned(), amount);
            }
        }
    }

    /// The value of a counter; 0 if it never fired.
    pub fn get(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// Adds all counters of another run.
    pub fn absorb(&mut self, other: &Coverage) {
        other.iter().for_each(|(name, value)| self.add(name, value));
    }

    /// All counters by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(name, &value)| (name.as_str(), value))
    }

    /// The names among `expected` whose counter is zero.
    pub fn missing<'a>(&self, expected: &[&'a str]) -> Vec<&'a str> {
        expected.iter().copied().filter(|name| self.get(name) == 0).collect()
    }

    /// Fails a test unless every counter in `expected` fired.
    ///
    /// # Panics
    ///
    /// If one is zero: a test of something that never happened shows nothing.
    #[track_caller]
    pub fn assert_all_fired(&self, expected: &[&str]) {
        let missing = self.missing(expected);
        assert!(missing.is_empty(), "never fired: {missing:?}; fired: {self:?}");
    }
}

impl fmt::Debug for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
