//! The bars: what configurations are meant to reach on a quiet machine, with transactions of 250 bytes.

use mellivora::Engine::{self, DumboNg, HoneyBadger, SDumbo};
use mellivora_benches::chart::thousands;

use crate::report::Report;

/// What a figure must not fall below or exceed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Limit {
    /// At least so many committed transactions per CPU-second.
    Throughput(f64),
    /// At most so many milliseconds of CPU time per epoch, all nodes.
    Epoch(f64),
    /// At most so many MiB resident at once, the whole process.
    Memory(f64),
}

/// A bar, for each of some protocols.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bar {
    pub(crate) protocols: &'static [Engine],
    pub(crate) nodes: usize,
    pub(crate) batch: usize,
    pub(crate) encrypted: bool,
    pub(crate) limit: Limit,
}

/// The most times that the CPU time of any configuration may be that of the floor.
pub(crate) const FLOOR_RATIO: f64 = 1.5;

/// All others. docs/src/performance.md says the same in words.
pub(crate) const BARS: [Bar; 14] = [
    bar(&[HoneyBadger], 4, 1, true, Limit::Epoch(5.0)),
    bar(&[HoneyBadger], 10, 1, true, Limit::Epoch(31.0)),
    bar(&[HoneyBadger], 16, 1, true, Limit::Epoch(88.0)),
    bar(&[HoneyBadger], 4, 1, false, Limit::Epoch(0.65)),
    bar(&[HoneyBadger], 16, 1, false, Limit::Epoch(11.0)),
    bar(&[HoneyBadger], 4, 100_000, true, Limit::Throughput(410_000.0)),
    bar(&[HoneyBadger], 10, 100_000, true, Limit::Throughput(135_000.0)),
    bar(&[HoneyBadger], 16, 100_000, true, Limit::Throughput(72_000.0)),
    bar(&[HoneyBadger], 31, 100_000, true, Limit::Throughput(31_000.0)),
    bar(&[HoneyBadger], 4, 100_000, false, Limit::Throughput(480_000.0)),
    bar(&[SDumbo, DumboNg], 4, 100_000, false, Limit::Throughput(1_000_000.0)),
    bar(&[SDumbo, DumboNg], 16, 100_000, false, Limit::Throughput(170_000.0)),
    bar(&[HoneyBadger, SDumbo, DumboNg], 4, 100_000, false, Limit::Memory(140.0)),
    bar(&[HoneyBadger, SDumbo, DumboNg], 16, 100_000, false, Limit::Memory(160.0)),
];

const fn bar(protocols: &'static [Engine], nodes: usize, batch: usize, encrypted: bool, limit: Limit) -> Bar {
    Bar { protocols, nodes, batch, encrypted, limit }
}

/// What a bar is about: place of the protocol in the list of all, encrypted, B, n.
pub(crate) type Configuration = (usize, bool, usize, usize);

impl Bar {
    /// The configurations that it is for.
    pub(crate) fn configurations(&self) -> impl Iterator<Item = Configuration> {
        let place = |protocol| Engine::ALL.iter().position(|engine| engine == protocol);
        self.protocols.iter().filter_map(place).map(|place| (place, self.encrypted, self.batch, self.nodes))
    }
}

impl Limit {
    /// In words.
    pub(crate) fn text(self) -> String {
        match self {
            Limit::Throughput(least) => format!("at least {} per CPU-second", thousands(least)),
            Limit::Epoch(most) => format!("at most {} ms", thousands(most)),
            Limit::Memory(most) => format!("at most {} MiB", thousands(most)),
        }
    }

    /// How many times better the figures would have to be; at most 1 if they are good enough.
    pub(crate) fn factor(self, report: &Report) -> f64 {
        match self {
            Limit::Throughput(least) => least / report.tx_per_cpu_second,
            Limit::Epoch(most) => report.cpu_ms_per_epoch / most,
            Limit::Memory(most) => report.peak_rss_mib / most,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_states_every_bar() {
        let page = include_str!("../../../../docs/src/performance.md");
        let (_, section) = page.split_once("## Bars").unwrap();
        let (section, _) = section.split_once("\n## ").unwrap();
        let states = |value: f64, unit: &str| {
            let number = thousands(value);
            let mut lines = section.lines().filter(|line| line.contains(unit));
            lines.any(|line| line.split([' ', '|']).any(|word| word == number))
        };
        for bar in BARS {
            let stated = match bar.limit {
                Limit::Throughput(value) => states(value, "transactions per CPU-second"),
                Limit::Epoch(value) => states(value, "ms CPU"),
                Limit::Memory(value) => states(value, "MiB"),
            };
            assert!(stated, "{bar:?}");
        }
        assert!(section.contains(&format!("at most {FLOOR_RATIO} times")));
    }
}
