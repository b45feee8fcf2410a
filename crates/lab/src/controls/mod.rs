//! Negative controls: planted bugs that the campaigns and tests must catch.
//!
//! Each is a call of [`mellivora_core::planted`] at the place of a rule. One list per layer.

mod agreement;
mod atomic;
mod broadcast;
mod crypto;
mod dumbo_ng;
pub mod run;
mod stream;
mod subset;

/// A planted bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Control {
    /// Its name, as in `planted("rbc-echo-quorum")`: layer, then what is wrong.
    pub name: &'static str,
    /// What is wrong, in one line.
    pub what: &'static str,
    /// The subject whose random campaign is tried first.
    pub subject: &'static str,
    /// The directed test that catches it where random runs cannot be expected to.
    pub test: Option<DirectedTest>,
}

/// A test of the ordinary suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirectedTest {
    /// Its package.
    pub package: &'static str,
    /// Its test binary: the name of a file in `tests/`, or `lib` for unit tests.
    pub binary: &'static str,
    /// Its full name, as `cargo test -- --exact` wants it.
    pub name: &'static str,
}

/// What the bugs of a layer have in common: the campaign that is tried first, and the package that tests the layer.
#[derive(Clone, Copy, Debug)]
struct Layer {
    subject: &'static str,
    package: &'static str,
}

impl Layer {
    /// A bug that random runs catch.
    const fn random(self, name: &'static str, what: &'static str) -> Control {
        Control { name, what, subject: self.subject, test: None }
    }

    /// A bug with the directed test that catches it, where random runs do not.
    const fn by(self, name: &'static str, what: &'static str, binary: &'static str, test: &'static str) -> Control {
        let test = Some(DirectedTest { package: self.package, binary, name: test });
        Control { name, what, subject: self.subject, test }
    }
}

/// A planted bug that turned out to break nothing, with the run that shows it. Does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Harmless {
    /// Its name.
    pub name: &'static str,
    /// What is changed, in one line.
    pub what: &'static str,
    /// Why nothing breaks, and the model run or argument that shows it.
    pub why: &'static str,
}

/// All planted bugs, layer by layer.
pub fn all() -> impl Iterator<Item = &'static Control> {
    [
        broadcast::CONTROLS,
        stream::CONTROLS,
        agreement::CONTROLS,
        subset::CONTROLS,
        crypto::CONTROLS,
        atomic::CONTROLS,
        dumbo_ng::CONTROLS,
    ]
    .into_iter()
    .flatten()
}

/// All planted changes that are harmless.
pub fn harmless() -> impl Iterator<Item = &'static Harmless> {
    [broadcast::HARMLESS, agreement::HARMLESS, subset::HARMLESS, crypto::HARMLESS, atomic::HARMLESS]
        .into_iter()
        .flatten()
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_are_unique_and_there_are_enough() {
        let mut names: Vec<_> =
            super::all().map(|control| control.name).chain(super::harmless().map(|h| h.name)).collect();
        assert!(super::all().count() >= 40, "fewer would show little");
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
    }
}
