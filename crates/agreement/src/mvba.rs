//! Agreement on a value of any kind (multi-valued validated Byzantine agreement, MVBA): one trait, several protocols.
//!
//! # What every implementation guarantees
//!
//! With at most f Byzantine nodes of n >= 3f + 1, static corruption, and a network that delivers late and in any order:
//!
//! * *agreement*: all honest nodes output the same value;
//! * *external validity*: the output satisfies the [`Predicate`];
//! * *quality*: with a probability of at least 1/2 the output is the input of an honest node;
//! * *termination*: when all honest nodes have put in a value that satisfies the predicate, every honest node outputs,
//!   with probability 1, after a constant expected number of views.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use mellivora_core::{Committee, Domain, NodeIndex, Protocol};
use mellivora_crypto::{CertificateScheme, CoinScheme};

/// Which values may be agreed on: a pure function of the value, the same at every honest node at any time. It runs as a
/// job, so it may take its time, and it must bear any bytes.
pub trait Predicate: Send + Sync + fmt::Debug {
    /// Whether `value` may be agreed on.
    fn holds(&self, value: &Bytes) -> bool;
}

/// What an instance is made from, the same for every implementation.
#[derive(Clone, Debug)]
pub struct MvbaParams {
    /// The nodes that take part.
    pub committee: Committee,
    /// This node.
    pub me: NodeIndex,
    /// The domain of this instance. No two instances may share one.
    pub domain: Domain,
    /// This node's part in the common coin.
    pub coin: Arc<dyn CoinScheme>,
    /// How nodes sign.
    pub certificates: Arc<dyn CertificateScheme>,
    /// Which values may be agreed on.
    pub predicate: Arc<dyn Predicate>,
    /// Views, or rounds of binary agreement, beyond a node's own whose messages it keeps: R.
    pub views_ahead: u32,
}

/// Agreement on one value at one node.
///
/// The input must satisfy the predicate; it may come late, and a node without one helps all the same. The output comes
/// once. An instance that has output may still be asked for help: it is freed with its parent.
pub trait Mvba: Protocol<Input = Bytes, Output = Bytes> {
    /// A fresh instance.
    fn new(params: MvbaParams) -> Self;

    /// The value that was agreed on, once it is known here.
    fn decision(&self) -> Option<&Bytes>;

    /// Bytes held, about.
    fn memory(&self) -> usize;
}
