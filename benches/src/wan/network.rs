//! Where nodes stand, and how long a message is on its way.

use std::fmt;
use std::str::FromStr;

/// A millisecond of virtual time, in nanoseconds.
pub const MS: f64 = 1e6;

/// Regions of public clouds, in the order in which nodes are placed on them.
pub const REGIONS: [&str; 12] = [
    "virginia",
    "frankfurt",
    "singapore",
    "sao paulo",
    "tokyo",
    "oregon",
    "sydney",
    "ireland",
    "mumbai",
    "cape town",
    "montreal",
    "stockholm",
];

/// Round trips between [`REGIONS`] in ms: typical public figures, rounded. The triangle below the diagonal, row by row.
const ROUND_TRIPS: [&[u16]; 12] = [
    &[],
    &[90],
    &[215, 160],
    &[115, 200, 325],
    &[145, 225, 70, 255],
    &[60, 140, 165, 175, 95],
    &[200, 250, 95, 310, 105, 140],
    &[70, 25, 175, 175, 200, 120, 255],
    &[185, 120, 60, 300, 125, 215, 150, 125],
    &[225, 155, 310, 340, 355, 275, 410, 160, 260],
    &[15, 95, 220, 125, 150, 60, 200, 70, 195, 225],
    &[110, 25, 180, 215, 245, 150, 275, 40, 140, 175, 105],
];

/// One way within a region, in ms.
const WITHIN: f64 = 0.5;

/// How long a message is on its way, beside what it waits for uplink and downlink.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Latency {
    /// So many ms between any two nodes.
    Constant(f64),
    /// Half the round trip between the [regions](REGIONS) of the two nodes, which are placed on them in turn.
    Regions,
}

impl Latency {
    /// One way from a node to another, in ns.
    pub fn one_way(&self, from: usize, to: usize) -> u64 {
        let ms = match self {
            Latency::Constant(ms) => *ms,
            Latency::Regions => {
                let (a, b) = (from % REGIONS.len(), to % REGIONS.len());
                let round_trip = ROUND_TRIPS.get(a.max(b)).and_then(|row| row.get(a.min(b)));
                round_trip.map_or(WITHIN, |ms| f64::from(*ms) / 2.0)
            }
        };
        (ms * MS) as u64
    }
}

impl Latency {
    /// One way on average, over all pairs of regions, in ns.
    pub fn mean(&self) -> u64 {
        let places = 0..REGIONS.len();
        let pairs = places.clone().flat_map(|a| places.clone().map(move |b| (a, b))).filter(|(a, b)| a != b);
        let (sum, count) = pairs.fold((0, 0), |(sum, count), (a, b)| (sum + self.one_way(a, b), count + 1));
        sum / count
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Latency::Constant(ms) => write!(f, "{ms}"),
            Latency::Regions => f.write_str("matrix"),
        }
    }
}

impl FromStr for Latency {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse::<f64>() {
            Ok(ms) if (0.0..=60_000.0).contains(&ms) => Ok(Latency::Constant(ms)),
            Err(_) if text == "matrix" => Ok(Latency::Regions),
            _ => Err(format!("latency is \"matrix\" or ms from 0 to 60000, not \"{text}\"")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_matrix_is_whole_and_symmetric() {
        for (a, row) in ROUND_TRIPS.iter().enumerate() {
            assert_eq!(row.len(), a, "{}", REGIONS[a]);
            for b in 0..2 * REGIONS.len() {
                assert_eq!(Latency::Regions.one_way(a, b), Latency::Regions.one_way(b, a));
            }
        }
        assert_eq!(Latency::Regions.one_way(0, 1), 45_000_000, "virginia to frankfurt");
        assert_eq!(Latency::Regions.one_way(3, 15), 500_000, "the same region");
        assert_eq!(Latency::Constant(100.0).one_way(3, 9), 100_000_000);
    }

    #[test]
    fn latencies_read_as_they_print() {
        for latency in [Latency::Regions, Latency::Constant(100.0), Latency::Constant(0.5)] {
            assert_eq!(latency.to_string().parse(), Ok(latency));
        }
        for wrong in ["", "fast", "-1", "inf", "NaN"] {
            assert!(wrong.parse::<Latency>().is_err(), "{wrong}");
        }
    }
}
