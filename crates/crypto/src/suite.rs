//! Which cryptography a key set uses: a value, carried in key files and checked in the handshake.

use std::fmt;
use std::str::FromStr;

use crate::KeyError;

/// A suite of threshold cryptography. Code above this crate never asks which one it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Suite {
    /// Cachin-Kursawe-Shoup coin and TDH2 encryption over ristretto255: no pairings, the fastest up to about a
    /// hundred nodes.
    #[default]
    Ristretto255,
    /// Unique threshold BLS signatures as the coin and a labelled Baek-Zheng encapsulation, over BLS12-381: the result
    /// of a combination is verified with one check.
    Bls12381,
    /// The coin of the `threshold_crypto` crate; no encryption. Only with the cargo feature of that name.
    #[cfg(feature = "threshold_crypto")]
    ThresholdCrypto,
}

impl Suite {
    /// The suites of this build.
    pub const ALL: &'static [Suite] = &[
        Suite::Ristretto255,
        Suite::Bls12381,
        #[cfg(feature = "threshold_crypto")]
        Suite::ThresholdCrypto,
    ];

    /// The name in key files and on command lines.
    pub const fn name(self) -> &'static str {
        match self {
            Suite::Ristretto255 => "ristretto255",
            Suite::Bls12381 => "bls12-381",
            #[cfg(feature = "threshold_crypto")]
            Suite::ThresholdCrypto => "threshold_crypto",
        }
    }

    /// Whether the suite can encrypt. Without encryption a scheduler may choose by content what is committed.
    ///
    /// `threshold_crypto` cannot: its ciphertexts carry no label, so anybody could submit a copy of somebody else's as
    /// their own and have it opened.
    pub const fn encrypts(self) -> bool {
        match self {
            Suite::Ristretto255 | Suite::Bls12381 => true,
            #[cfg(feature = "threshold_crypto")]
            Suite::ThresholdCrypto => false,
        }
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Suite {
    type Err = KeyError;

    fn from_str(name: &str) -> Result<Self, KeyError> {
        match Suite::ALL.iter().find(|suite| suite.name() == name) {
            Some(suite) => Ok(*suite),
            None if name == "threshold_crypto" => Err(KeyError::SuiteNotBuilt),
            None => Err(KeyError::UnknownSuite(name.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_unknown_ones_say_what_to_use() {
        for suite in Suite::ALL {
            assert_eq!(suite.to_string().parse(), Ok(*suite));
        }
        let error = "p256".parse::<Suite>().unwrap_err().to_string();
        assert!(error.contains("ristretto255") && error.contains("p256"), "{error}");
    }

    #[cfg(not(feature = "threshold_crypto"))]
    #[test]
    fn a_suite_that_was_not_built_names_its_feature() {
        let error = "threshold_crypto".parse::<Suite>().unwrap_err().to_string();
        assert!(error.contains("cargo feature"), "{error}");
    }
}
