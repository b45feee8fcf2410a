//! What nodes sign in sMVBA, and what they claim others have signed.

use mellivora_broadcast::{SpbConfig, Stage};
use mellivora_core::{Digest, Domain, Layer, NodeIndex, Purpose, Round, Segment, planted};
use mellivora_crypto::{Certificate, Claim, Statement};

use crate::mvba::MvbaParams;

/// The statements of one instance.
#[derive(Clone, Copy, Debug)]
pub struct Names {
    domain: Domain,
    quorum: usize,
}

impl Names {
    /// The statements of the instance with these parameters.
    pub fn new(params: &MvbaParams) -> Self {
        Names { domain: params.domain, quorum: params.committee.quorum() }
    }

    /// VOTEs that end a view, and make a certificate: a quorum.
    pub(super) fn votes(&self) -> usize {
        self.quorum - usize::from(planted("smvba-vote-quorum-low"))
    }

    /// The domain of a node's broadcasts. The view is part of each statement.
    pub fn broadcast(&self, proposer: NodeIndex) -> Domain {
        self.domain.child(Segment::of(Layer::Pb, proposer))
    }

    /// The name of the coin that elects the leader of a view.
    pub fn coin(&self, view: Round) -> Digest {
        let view = if planted("smvba-coin-without-view") { Round(1) } else { view };
        self.domain.statement(Purpose::Coin, view).digest()
    }

    fn of(&self, purpose: Purpose, view: Round, leader: NodeIndex, digest: Digest) -> Statement {
        Statement { domain: self.broadcast(leader).statement(purpose, view), digest }
    }

    /// "I held no lock of this leader when I learnt that it leads."
    pub fn no_lock_statement(&self, view: Round, leader: NodeIndex) -> Statement {
        self.of(Purpose::NoLock, view, leader, Digest::default())
    }

    /// "A quorum held no lock of this leader."
    pub fn no_value_statement(&self, view: Round, leader: NodeIndex) -> Statement {
        // Planted: the two statements look alike, so that one certificate passes for the other.
        let purpose = if planted("smvba-no-lock-justifies") { Purpose::NoLock } else { Purpose::NoValue };
        self.of(purpose, view, leader, Digest::default())
    }

    /// "I saw the lock of this leader's value."
    pub fn seen_statement(&self, view: Round, leader: NodeIndex, digest: Digest) -> Statement {
        self.of(Purpose::Seen, view, leader, digest)
    }

    /// That a quorum found the leader's value acceptable.
    pub fn lock(&self, view: Round, leader: NodeIndex, digest: Digest, certificate: Certificate) -> Claim {
        Claim::many(
            SpbConfig::statement_of(&self.broadcast(leader), view, Stage::Lock, digest),
            self.quorum,
            certificate,
        )
    }

    /// That a quorum holds the lock of the leader's value.
    pub fn finish(&self, view: Round, leader: NodeIndex, digest: Digest, certificate: Certificate) -> Claim {
        Claim::many(
            SpbConfig::statement_of(&self.broadcast(leader), view, Stage::Finish, digest),
            self.quorum,
            certificate,
        )
    }

    /// That a quorum held no lock.
    pub fn no_locks(&self, view: Round, leader: NodeIndex, certificate: Certificate) -> Claim {
        Claim::many(self.no_lock_statement(view, leader), self.quorum, certificate)
    }

    /// That a quorum saw a quorum without a lock.
    pub fn no_value(&self, view: Round, leader: NodeIndex, certificate: Certificate) -> Claim {
        Claim::many(self.no_value_statement(view, leader), self.votes(), certificate)
    }

    /// That a quorum saw the lock.
    pub fn seen(&self, view: Round, leader: NodeIndex, digest: Digest, certificate: Certificate) -> Claim {
        Claim::many(self.seen_statement(view, leader, digest), self.votes(), certificate)
    }
}
