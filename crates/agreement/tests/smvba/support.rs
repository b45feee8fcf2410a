//! What the tests of sMVBA share.

use std::sync::Arc;

use bytes::Bytes;
use mellivora_adversary::{IdealCertificates, IdealCoin, Stage};
use mellivora_agreement::smvba::Names;
use mellivora_agreement::{Mvba, MvbaParams, Predicate, Smvba};
use mellivora_core::{Committee, Digest, Domain, Era, NodeIndex, Round};

/// Views ahead.
pub(crate) const R: u32 = 3;

/// Values that begin with "ok".
#[derive(Debug)]
pub(crate) struct BeginsOk;

impl Predicate for BeginsOk {
    fn holds(&self, value: &Bytes) -> bool {
        value.starts_with(b"ok")
    }
}

pub(crate) fn committee(n: usize) -> Committee {
    Committee::new(n).unwrap()
}

pub(crate) fn params(n: usize, me: NodeIndex, seed: u64) -> MvbaParams {
    let committee = committee(n);
    MvbaParams {
        committee,
        me,
        domain: Domain::new(Digest([7; 32]), Era(0)),
        coin: IdealCoin::scheme(committee, me, seed),
        certificates: IdealCertificates::scheme(committee, me),
        predicate: Arc::new(BeginsOk),
        views_ahead: R,
    }
}

pub(crate) fn smvba(n: usize, me: NodeIndex, seed: u64) -> Smvba {
    Smvba::new(params(n, me, seed))
}

pub(crate) fn names(n: usize) -> Names {
    Names::new(&params(n, NodeIndex(0), 0))
}

pub(crate) fn input(node: NodeIndex) -> Bytes {
    format!("ok, says {node}").into()
}

#[allow(dead_code, reason = "not every test looks ahead")]
pub(crate) fn leader(n: usize, seed: u64, view: u32) -> u16 {
    let coin = IdealCoin::new(committee(n), NodeIndex(0), seed);
    coin.peek(&names(n).coin(Round(view))).choose(n) as u16
}

/// The first seed that elects these leaders.
pub(crate) fn seed_with(n: usize, leaders: &[u16]) -> u64 {
    (0..).find(|&seed| (1..).zip(leaders).all(|(view, &wanted)| leader(n, seed, view) == wanted)).unwrap()
}

pub(crate) fn stage(n: usize, byzantine: &[u16], seed: u64) -> Stage<Smvba> {
    Stage::new(committee(n), byzantine, |me| smvba(n, me, seed))
}
