//! Every bound on what a peer can make a node hold, in one value.

use crate::Committee;

/// Bounds on sizes and windows. They decide validity, so they are part of the cluster id: all nodes share them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Largest contribution of one node to one epoch, in bytes, ciphertext included.
    pub payload_bytes: usize,
    /// Largest transaction, in bytes.
    pub transaction_bytes: usize,
    /// Largest number of transactions in one contribution.
    pub transactions: usize,
    /// Epochs beyond a node's lowest open one whose messages it keeps: W.
    pub epochs_ahead: u64,
    /// Epochs that a node runs at the same time: P, at most `epochs_ahead`.
    pub pipeline: u64,
    /// Rounds of binary agreement beyond a node's own whose messages it keeps: R. A node holds state for every round
    /// up to the highest it has heard of, so one vote costs memory in proportion to R.
    pub rounds_ahead: u32,
    /// Slots of a stream beyond those ordered that a node votes for and keeps, at least 2: an empty batch that nobody has
    /// ordered yet may take one of them, and calls for nothing. For engines with streams.
    #[serde(default = "stream_window")]
    pub stream_window: u64,
}

const fn stream_window() -> u64 {
    8
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            payload_bytes: 32 << 20,
            transaction_bytes: 1 << 20,
            transactions: 1 << 20,
            epochs_ahead: 4,
            pipeline: 2,
            rounds_ahead: 6,
            stream_window: stream_window(),
        }
    }
}

/// A limit that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("limit {name} must be {must}, not {value}")]
pub struct LimitError {
    name: &'static str,
    must: &'static str,
    value: u64,
}

impl Limits {
    /// Framing that a message adds to the payload it carries, at the most: tags, digests, a Merkle proof.
    pub const MESSAGE_OVERHEAD: usize = 1024;

    /// Checks that the limits fit together.
    pub fn check(&self) -> Result<(), LimitError> {
        let fail = |name, must, value| Err(LimitError { name, must, value });
        match self {
            l if l.transaction_bytes == 0 => fail("transaction_bytes", "at least 1", 0),
            l if l.payload_bytes > 1 << 30 => fail("payload_bytes", "at most 1 GiB", l.payload_bytes as u64),
            l if l.payload_bytes < l.transaction_bytes.saturating_add(Self::MESSAGE_OVERHEAD) => {
                fail("payload_bytes", "at least transaction_bytes + 1024", l.payload_bytes as u64)
            }
            l if l.transactions == 0 => fail("transactions", "at least 1", 0),
            l if l.pipeline == 0 => fail("pipeline", "at least 1", 0),
            l if l.pipeline > l.epochs_ahead => fail("pipeline", "at most epochs_ahead", l.pipeline),
            l if l.epochs_ahead > 1 << 16 => fail("epochs_ahead", "at most 65536", l.epochs_ahead),
            l if l.rounds_ahead < 3 => {
                fail("rounds_ahead", "at least 3, one turn of the coin", u64::from(l.rounds_ahead))
            }
            l if l.rounds_ahead > 1 << 10 => fail("rounds_ahead", "at most 1024", u64::from(l.rounds_ahead)),
            l if l.stream_window < 2 => {
                fail("stream_window", "at least 2, since an empty batch may take one slot", l.stream_window)
            }
            l if l.stream_window > 1 << 10 => fail("stream_window", "at most 1024", l.stream_window),
            _ => Ok(()),
        }
    }

    /// Largest message on the wire, in bytes: a contribution, or a vector of certificates, whichever is larger.
    pub const fn frame_bytes(&self, committee: Committee) -> usize {
        let vector = Self::vector_bytes(committee);
        let largest = if self.payload_bytes > vector { self.payload_bytes } else { vector };
        largest + Self::MESSAGE_OVERHEAD
    }

    /// Largest proposal in an agreement on certificates, in bytes: one certificate per node, and one for each of 64 views
    /// that ended without a value; so many do not come in the age of the universe.
    pub const fn vector_bytes(committee: Committee) -> usize {
        let certificate = 64 * committee.n() + 160;
        (committee.n() + 64) * certificate
    }

    /// Largest shard of a payload in a committee, in bytes, before the codec's padding.
    pub const fn shard_bytes(&self, committee: Committee) -> usize {
        (self.payload_bytes + 4).div_ceil(committee.data_shards())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_fit_together_and_contradictions_are_named() {
        assert_eq!(Limits::default().check(), Ok(()));
        let wrong = Limits { pipeline: 9, ..Limits::default() };
        assert_eq!(wrong.check().unwrap_err().to_string(), "limit pipeline must be at most epochs_ahead, not 9");
    }

    #[test]
    fn one_vote_far_ahead_costs_bounded_memory() {
        let with = |rounds_ahead| Limits { rounds_ahead, ..Limits::default() }.check();
        assert_eq!(with(1024), Ok(()));
        assert_eq!(with(1025).unwrap_err().to_string(), "limit rounds_ahead must be at most 1024, not 1025");
        assert!(with(u32::MAX).is_err());
    }

    #[test]
    fn every_limit_is_checked_at_its_edge() {
        let with = |change: fn(&mut Limits)| {
            let mut limits = Limits::default();
            change(&mut limits);
            limits.check().err().map(|error| error.name)
        };
        assert_eq!(with(|l| l.transaction_bytes = 0), Some("transaction_bytes"));
        assert_eq!(with(|l| l.payload_bytes = 1 << 30), None);
        assert_eq!(with(|l| l.payload_bytes = (1 << 30) + 1), Some("payload_bytes"));
        assert_eq!(with(|l| l.payload_bytes = l.transaction_bytes + 1024), None);
        assert_eq!(with(|l| l.payload_bytes = l.transaction_bytes + 1023), Some("payload_bytes"));
        assert_eq!(with(|l| l.transactions = 0), Some("transactions"));
        assert_eq!(with(|l| l.pipeline = 0), Some("pipeline"));
        assert_eq!(with(|l| l.pipeline = l.epochs_ahead), None);
        assert_eq!(with(|l| l.pipeline = l.epochs_ahead + 1), Some("pipeline"));
        assert_eq!(with(|l| l.epochs_ahead = 1 << 16), None);
        assert_eq!(with(|l| l.epochs_ahead = (1 << 16) + 1), Some("epochs_ahead"));
        assert_eq!(with(|l| l.rounds_ahead = 3), None);
        assert_eq!(with(|l| l.rounds_ahead = 2), Some("rounds_ahead"));
        assert_eq!(with(|l| l.stream_window = 2), None);
        assert_eq!(with(|l| l.stream_window = 1), Some("stream_window"));
        assert_eq!(with(|l| l.stream_window = 1 << 10), None);
        assert_eq!(with(|l| l.stream_window = (1 << 10) + 1), Some("stream_window"));
    }

    #[test]
    fn streams_run_ahead_of_what_is_ordered() {
        assert!(Limits::default().stream_window > 1, "one slot at a time would wait for an epoch each");
    }

    #[test]
    fn a_frame_has_room_for_the_largest_payload_and_for_a_vector_of_certificates() {
        let (four, most) = (Committee::new(4).unwrap(), Committee::new(256).unwrap());
        // So many certificates of n signatures, with what is signed and the framing.
        assert_eq!(Limits::vector_bytes(four), (4 + 64) * (4 * 64 + 160));
        assert_eq!(Limits::vector_bytes(most), 5_294_080);
        let limits = Limits::default();
        assert_eq!([four, most].map(|c| limits.frame_bytes(c)), [limits.payload_bytes + 1024; 2]);
        let small = Limits { payload_bytes: 2048, transaction_bytes: 1024, ..limits };
        assert_eq!(small.check(), Ok(()));
        assert_eq!([four, most].map(|c| small.frame_bytes(c)), [four, most].map(|c| Limits::vector_bytes(c) + 1024));
    }

    #[test]
    fn sizes_follow_from_the_payload() {
        let limits = Limits { payload_bytes: 10_000, ..Limits::default() };
        let four = Committee::new(4).unwrap();
        assert_eq!(Limits { payload_bytes: 100_000, ..limits }.frame_bytes(four), 101_024);
        assert_eq!(limits.frame_bytes(four), 68 * (256 + 160) + 1024, "a vector of certificates is larger");
        for (n, bytes) in [(1, 10_004), (4, 5_002), (7, 3_335), (16, 1_668)] {
            assert_eq!(limits.shard_bytes(Committee::new(n).unwrap()), bytes, "n = {n}");
        }
    }
}
