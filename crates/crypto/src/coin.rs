//! The common coin: what a suite offers to the protocols.

use std::fmt;

use bincode::{Decode, Encode};
use bytes::Bytes;
use mellivora_core::codec::{self, DecodeError, Decoder, EncodeError, Encoder, Frame, Reader, Writer};
use mellivora_core::{Digest, NodeIndex, NodeSet, hash::HashKey};

/// One node's share of a coin, with its proof where the suite needs one: opaque bytes, at most
/// [`CoinShare::MAX_BYTES`]. Whether it is valid is known only after [`CoinScheme::combine`].
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct CoinShare(Bytes);

impl CoinShare {
    /// The largest share of any suite.
    pub const MAX_BYTES: usize = 192;

    /// A share of these bytes; `None` when there are more than any suite uses.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        (bytes.len() <= Self::MAX_BYTES).then(|| CoinShare(Bytes::copy_from_slice(bytes)))
    }

    /// A share of a suite's fixed size, which is checked when compiled.
    pub(crate) fn of<const N: usize>(bytes: [u8; N]) -> Self {
        const { assert!(N <= Self::MAX_BYTES) };
        CoinShare(Bytes::copy_from_slice(&bytes))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for CoinShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "coin share of {} bytes", self.0.len())
    }
}

impl Encode for CoinShare {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        encoder.writer().write(&[self.0.len() as u8])?;
        encoder.writer().write(&self.0)
    }
}

impl Decode<Frame> for CoinShare {
    fn decode<D: Decoder<Context = Frame>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let len = usize::from(codec::read_tag(decoder)?);
        let mut bytes = [0; Self::MAX_BYTES];
        let Some(target) = bytes.get_mut(..len) else {
            return Err(DecodeError::Other("a coin share longer than any suite's"));
        };
        decoder.reader().read(target)?;
        Ok(CoinShare(Bytes::copy_from_slice(target)))
    }
}

mellivora_core::borrow_decode!(CoinShare);

/// The value of a coin: 32 unpredictable bytes that all honest nodes agree on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct CoinValue(pub Digest);

const ELECTION: HashKey = HashKey::new("mellivora/v1 election");

impl CoinValue {
    /// The coin as one bit.
    pub fn bit(&self) -> bool {
        self.0.0[0] & 1 == 1
    }

    /// The coin as a uniform choice among `count` > 0 things, by rejection sampling; 0 when there is nothing to choose.
    pub fn choose(&self, count: usize) -> usize {
        let Some(count) = u64::try_from(count).ok().filter(|&c| c > 0) else { return 0 };
        let zone = u64::MAX - u64::MAX % count;
        let mut hasher = ELECTION.hasher();
        hasher.update(self.0.as_ref());
        let mut stream = hasher.finalize_xof();
        loop {
            let mut word = [0; 8];
            stream.fill(&mut word);
            let word = u64::from_le_bytes(word);
            if word < zone {
                return (word % count) as usize;
            }
        }
    }
}

/// What came of a set of coin shares.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CoinCombination {
    /// The coin, if at least f + 1 of the shares were valid.
    pub value: Option<CoinValue>,
    /// Nodes whose shares were found invalid. Shares that were not needed may not have been looked at.
    pub culprits: NodeSet,
}

/// A threshold coin with one node's key share in it. f + 1 shares of one name give its value; f give nothing.
///
/// Whoever calls [`share`](Self::share) holds the gate: no share before the protocol allows it.
pub trait CoinScheme: Send + Sync + fmt::Debug {
    /// This node's share of the coin `name`, deterministic up to the proof's encoding.
    fn share(&self, name: &Digest) -> CoinShare;

    /// Combines shares of distinct nodes. No unverified share ever decides the value: either the value itself is
    /// verified, or every share used is. Never panics, whatever the shares hold.
    fn combine(&self, name: &Digest, shares: &[(NodeIndex, CoinShare)]) -> CoinCombination;
}
