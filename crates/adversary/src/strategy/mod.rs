//! The ways in which a Byzantine node attacks, by name.
//!
//! A strategy that attacks one layer is written once, for the messages of that layer, and is lifted through the
//! messages of every layer above: see [`forge`](crate::forge). It is bounded, so runs end; and it bumps its
//! [counter](Strategy::counter) exactly when something wrong leaves the node.

mod forger;
mod generic;

use std::fmt;
use std::str::FromStr;

use mellivora_sim::{Behaviour, Role};

use crate::forge::{Forge, Tools};
use forger::Forger;

/// What a strategy attacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Whatever a node says.
    Anything,
    /// Reliable broadcast: shards, proofs, roots.
    Broadcast,
    /// Binary agreement: votes.
    Agreement,
    /// Shares of coins and of decryption.
    Shares,
    /// Index sets of an elected committee.
    IndexSets,
    /// Agreement on a value: values, certificates, leaders.
    Certificates,
    /// The atomic broadcast: ciphertexts, checkpoints, heights, catching up.
    Atomic,
    /// Streams of certified batches.
    Streams,
}

/// A set of targets: what there is to attack in a protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Targets(u8);

impl Targets {
    /// One target, and [`Target::Anything`], which every protocol has.
    pub const fn of(target: Target) -> Self {
        Targets(1 << target as u8 | 1 << Target::Anything as u8)
    }

    /// The targets of both.
    #[must_use]
    pub const fn and(self, other: Targets) -> Self {
        Targets(self.0 | other.0)
    }

    /// Whether `target` is among them.
    pub const fn contains(self, target: Target) -> bool {
        self.0 & 1 << target as u8 != 0
    }
}

macro_rules! strategies {
    ($($variant:ident $name:literal $target:ident $what:literal)*) => {
        /// A way to be Byzantine.
        ///
        /// | name | attacks | what it does |
        /// |---|---|---|
        $(#[doc = concat!("| `", $name, "` | ", stringify!($target), " | ", $what, " |")])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Strategy {
            $(#[doc = concat!("`", $name, "`: ", $what, ".")] $variant,)*
        }

        impl Strategy {
            /// All strategies.
            pub const ALL: &[Strategy] = &[$(Strategy::$variant,)*];

            /// The stable name, as on command lines.
            pub const fn name(self) -> &'static str {
                match self { $(Strategy::$variant => $name,)* }
            }

            /// The coverage counter that it bumps when it strikes: `attack.` and its name.
            pub const fn counter(self) -> &'static str {
                match self { $(Strategy::$variant => concat!("attack.", $name),)* }
            }

            /// What it does, in one line.
            pub const fn what(self) -> &'static str {
                match self { $(Strategy::$variant => $what,)* }
            }

            /// What it attacks.
            pub const fn target(self) -> Target {
                match self { $(Strategy::$variant => Target::$target,)* }
            }
        }
    };
}

strategies! {
    Silent "silent" Anything "says nothing at all"
    Crash "crash" Anything "stops for good at a moment drawn by seed, halfway through a broadcast"
    Equivocate "equivocate" Anything "runs two instances of itself and shows one to each half of the nodes"
    Garbage "garbage" Anything "damages the bytes of what it says"
    Flood "flood" Anything "repeats old messages, damaged or not, thousands of times"
    Withhold "withhold" Anything "hides its messages from some receivers always, from others at times"
    Mimic "mimic" Anything "repeats in its own name what others told it"
    Replay "replay" Anything "says old messages again, of earlier rounds, epochs and instances, also to whom they were not meant"
    Late "late" Anything "holds everything back for a while and then says it, newest first"
    OneOnly "one-only" Anything "speaks to one node only"
    Split "split" Anything "tells each half of the nodes every other message"

    WrongShard "wrong-shard" Broadcast "shows its own shard with changed bytes"
    NonCodeword "non-codeword" Broadcast "proposes a tree with a corrupted leaf under valid proofs, and shows it selectively"
    TwoProposals "two-proposals" Broadcast "proposes two valid codewords to two halves, and supports each before its half"
    WrongIndex "wrong-index" Broadcast "shows another node's shard and proof as its own"
    InnerNode "inner-node" Broadcast "passes an inner node of the tree as a leaf, or a path that is too short or too long"
    DigestFlood "digest-flood" Broadcast "says ECHO_HASH, READY and CAN_DECODE for many random roots"
    EarlyReady "early-ready" Broadcast "says READY at first sight, for the root or for any"
    FalseCanDecode "false-can-decode" Broadcast "says CAN_DECODE at first sight, so that others hold back their shards"

    Flip "flip" Agreement "tells half of the nodes the opposite of each vote"
    DoubleVote "double-vote" Agreement "votes for both values in every BVAL, AUX, CONF and TERM"
    Unjustified "unjustified" Agreement "says AUX and CONF for values that nobody supports yet"
    FarRounds "far-rounds" Agreement "votes in rounds far ahead and behind"
    FalseTerm "false-term" Agreement "says TERM for the other value at once"
    StopHelping "stop-helping" Agreement "falls silent in an instance as soon as it has decided"

    BadShare "bad-share" Shares "sends shares of the right length and wrong content"
    ForeignShare "foreign-share" Shares "sends shares of another instance, round, epoch or node"
    EarlyShare "early-share" Shares "releases its shares before the gate (needs the keys in its tools)"

    FalseIndexSet "false-index-set" IndexSets "proposes, as a member of the committee, a set that is too small, names nodes that do not exist or were not heard, or is none"

    WeakCertificate "weak-certificate" Certificates "shows certificates with a signer too few, one signer twice, or a changed signature"
    FalseLeader "false-leader" Certificates "names somebody else as the leader of a view"
    FalseValue "false-value" Certificates "proposes another value to each half, later without a justification, and serves wrong parts of others' values"

    WithheldBatch "withheld-batch" Streams "shows each batch of its stream to a bare quorum only, others have to retrieve it"
    FarSlots "far-slots" Streams "says what it says of slots also of slots far ahead and long over"

    BadCiphertext "bad-ciphertext" Atomic "proposes its contribution mauled: header, sealed part, cut short, identity point"
    CopiedCiphertext "copied-ciphertext" Atomic "proposes the contribution of another proposer or of an earlier epoch again"
    BadDecryption "bad-decryption" Atomic "shows some nodes well-formed decryption shares that combine wrongly, and false proofs"
    FalseCheckpoint "false-checkpoint" Atomic "signs checkpoints of wrong digests, different ones for the two halves"
    BadCertificate "bad-certificate" Atomic "sends certificates with too few, repeated, disordered or forged signatures"
    FarEpochs "far-epochs" Atomic "sends its messages for epochs far ahead, too"
    FalseHeight "false-height" Atomic "lies about its lowest open epoch, upwards to some and downwards to others"
    FalseHeader "false-header" Atomic "serves changed headers to whoever catches up"
    FalseSlot "false-slot" Atomic "serves changed contributions to whoever catches up"
    FalseGone "false-gone" Atomic "answers whoever catches up that everything is gone"
}

impl Strategy {
    /// Whether there is something in `P` that it attacks.
    pub const fn applies<P: Forge>(self) -> bool {
        P::TARGETS.contains(self.target())
    }

    /// The mind of a node that follows it, without keys. See [`role_with`](Self::role_with).
    ///
    /// An equivocating node needs the builder's [`twin_input`](mellivora_sim::Builder::twin_input).
    pub fn role<P: Forge>(self, seed: u64) -> Role<P> {
        self.role_with(seed, Tools::default())
    }

    /// The mind of a node that follows it. What it draws follows from `seed` and the node's index. With the node's keys
    /// among its tools, what has to be signed is signed; without them it is not, which some checks notice earlier.
    pub fn role_with<P: Forge>(self, seed: u64, tools: Tools) -> Role<P> {
        match self {
            Strategy::Silent => Behaviour::Silent.into(),
            // Early in most runs, late in some.
            Strategy::Crash => Behaviour::Crash { after: (seed % 61) << (seed / 61 % 4) }.into(),
            Strategy::Equivocate => Behaviour::Equivocate.into(),
            Strategy::Garbage => Behaviour::Garbage.into(),
            Strategy::Flood => Behaviour::Flood.into(),
            Strategy::Withhold => Behaviour::Withhold.into(),
            Strategy::Mimic => Behaviour::Mimic.into(),
            Strategy::Replay => Role::Own(Box::new(generic::Replay::default())),
            Strategy::Late => Role::Own(Box::new(generic::Late::default())),
            Strategy::OneOnly => Role::Own(Box::new(generic::OneOnly::default())),
            Strategy::Split => Role::Own(Box::new(generic::Split::default())),
            _ => Role::Own(Box::new(Forger::new(self, seed, tools))),
        }
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// No strategy or scheduler has this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownName {
    pub(crate) kind: &'static str,
    pub(crate) name: String,
    pub(crate) known: Vec<&'static str>,
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no {} `{}`: use one of {}", self.kind, self.name, self.known.join(", "))
    }
}

impl std::error::Error for UnknownName {}

impl FromStr for Strategy {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        Self::ALL.iter().copied().find(|strategy| strategy.name() == name).ok_or_else(|| UnknownName {
            kind: "strategy",
            name: name.to_owned(),
            known: Self::ALL.iter().map(|strategy| strategy.name()).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_unknown_ones_list_what_there_is() {
        for strategy in Strategy::ALL {
            assert_eq!(strategy.name().parse(), Ok(*strategy));
            assert_eq!(strategy.counter(), format!("attack.{strategy}"));
            assert!(strategy.name().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'));
        }
        let error = "nice".parse::<Strategy>().unwrap_err().to_string();
        assert!(error.contains("wrong-shard") && error.contains("nice"), "{error}");
    }
}
