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

/// How nodes sign what certificates are made of. Code above this crate never asks which way it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Certificates {
    /// Ed25519 signatures with the identities of the nodes: 64 bytes for each signer, cheaper to verify in all but large
    /// committees.
    #[default]
    Ed25519,
    /// BLS multi-signatures over BLS12-381, with keys of their own: 48 bytes for any number of signers.
    Bls12381,
}

impl Certificates {
    /// All of them.
    pub const ALL: &'static [Certificates] = &[Certificates::Ed25519, Certificates::Bls12381];

    /// The name in key files and on command lines.
    pub const fn name(self) -> &'static str {
        match self {
            Certificates::Ed25519 => "ed25519",
            Certificates::Bls12381 => "bls12-381",
        }
    }
}

impl fmt::Display for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Certificates {
    type Err = KeyError;

    fn from_str(name: &str) -> Result<Self, KeyError> {
        let named = Certificates::ALL.iter().find(|certificates| certificates.name() == name);
        named.copied().ok_or_else(|| KeyError::UnknownCertificates(name.to_owned()))
    }
}

/// All of the cryptography that keys are dealt for. A suite alone comes with the default certificates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Schemes {
    /// The coin and the encryption.
    pub suite: Suite,
    /// The certificates.
    pub certificates: Certificates,
}

impl From<Suite> for Schemes {
    fn from(suite: Suite) -> Self {
        Schemes { suite, certificates: Certificates::default() }
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
        for certificates in Certificates::ALL {
            assert_eq!(certificates.to_string().parse(), Ok(*certificates));
        }
        let error = "rsa".parse::<Certificates>().unwrap_err().to_string();
        assert!(error.contains("ed25519") && error.contains("bls12-381") && error.contains("rsa"), "{error}");
    }

    #[cfg(not(feature = "threshold_crypto"))]
    #[test]
    fn a_suite_that_was_not_built_names_its_feature() {
        let error = "threshold_crypto".parse::<Suite>().unwrap_err().to_string();
        assert!(error.contains("cargo feature"), "{error}");
    }
}
