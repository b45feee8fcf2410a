//! Virtual time: how long a message takes.

use mellivora_core::NodeIndex;
use rand::RngExt;

use crate::SimRng;

/// Millionths of a unit of time.
pub(crate) const UNIT: f64 = 1_000_000.0;

/// How long links take, in a unit of the caller's choice: message delays, or milliseconds.
#[derive(Clone, Debug, PartialEq)]
pub enum Delay {
    /// Every link takes exactly one unit: times are latencies in message delays.
    One,
    /// Independent per message, log-normal: `median` units, `sigma` the deviation of the logarithm.
    LogNormal {
        /// The median, in units.
        median: f64,
        /// Deviation of the natural logarithm; 0.5 is a lively network.
        sigma: f64,
    },
    /// `matrix[from][to]` units. Missing entries count as one unit.
    Matrix(Vec<Vec<f64>>),
}

/// A model of the network with virtual time. Computation takes no time; a node's messages to itself take none either.
#[derive(Clone, Debug, PartialEq)]
pub struct Latency {
    /// Delay of a link.
    pub delay: Delay,
    /// What a node can send per unit of time over all its links, in encoded bytes. Messages queue for it in the order
    /// in which they are sent. `None` is no limit.
    pub egress: Option<f64>,
}

impl From<Delay> for Latency {
    fn from(delay: Delay) -> Self {
        Latency { delay, egress: None }
    }
}

impl Latency {
    pub(crate) fn delay(&self, from: NodeIndex, to: NodeIndex, rng: &mut SimRng) -> u64 {
        let units = match &self.delay {
            Delay::One => 1.0,
            Delay::LogNormal { median, sigma } => median * (sigma * normal(rng)).exp(),
            Delay::Matrix(matrix) => {
                matrix.get(from.as_usize()).and_then(|row| row.get(to.as_usize())).copied().unwrap_or(1.0)
            }
        };
        (units.max(0.0) * UNIT) as u64
    }
}

/// A standard normal draw, by Box and Muller.
fn normal(rng: &mut SimRng) -> f64 {
    let radius: f64 = 1.0 - rng.random::<f64>();
    let angle: f64 = rng.random();
    (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_normal_has_its_median_and_spread() {
        let mut rng = crate::rng::stream(1, crate::rng::Stream::Latency);
        let model = Latency::from(Delay::LogNormal { median: 10.0, sigma: 0.5 });
        let mut draws: Vec<f64> =
            (0..20_001).map(|_| model.delay(NodeIndex(0), NodeIndex(1), &mut rng) as f64 / UNIT).collect();
        draws.sort_by(f64::total_cmp);
        assert!((draws[10_000] - 10.0).abs() < 0.3, "median {}", draws[10_000]);
        // One deviation up is the 84th percentile: 10 e^0.5 = 16.49.
        assert!((draws[16_827] - 16.49).abs() < 0.6, "84th percentile {}", draws[16_827]);
    }
}
