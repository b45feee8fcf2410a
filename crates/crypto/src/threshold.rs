//! The public half of one threshold key in encoded form, and what dealing one gives: the common ground of all suites.

use mellivora_core::Committee;

use crate::KeyError;
use crate::local::SecretBytes;

/// Which of a key set's two threshold keys is meant. They come from independent polynomials and are never exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Coin,
    Encryption,
}

impl Purpose {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Purpose::Coin => "coin",
            Purpose::Encryption => "encryption",
        }
    }
}

/// The group key and the public share of each node, encoded as the suite does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EncodedKey {
    pub(crate) group: Vec<u8>,
    pub(crate) shares: Vec<Vec<u8>>,
}

impl EncodedKey {
    /// Decodes the group key and one share per node, each by its own rule; an error names the entry.
    pub(crate) fn decode<G, S>(
        &self,
        purpose: Purpose,
        committee: Committee,
        group: impl Fn(&[u8]) -> Option<G>,
        share: impl Fn(&[u8]) -> Option<S>,
    ) -> Result<(G, Vec<S>), KeyError> {
        let name = purpose.name();
        if self.shares.len() != committee.n() {
            let (expected, found) = (committee.n(), self.shares.len());
            return Err(KeyError::Count { field: format!("{name}.shares"), expected, found });
        }
        let group = group(&self.group).ok_or_else(|| KeyError::Invalid { field: format!("{name}.group") })?;
        let shares =
            self.shares.iter().enumerate().map(|(i, bytes)| {
                share(bytes).ok_or_else(|| KeyError::Invalid { field: format!("{name}.shares[{i}]") })
            });
        Ok((group, shares.collect::<Result<_, _>>()?))
    }
}

/// A threshold key fresh from the dealer.
pub(crate) struct Dealt {
    pub(crate) public: EncodedKey,
    /// The share of each node, in order.
    pub(crate) secrets: Vec<SecretBytes>,
}
