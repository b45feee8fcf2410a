//! What the tests of sMVBA share.

use bytes::Bytes;
use mellivora_adversary::{IdealCertificates, IdealCoin};
use mellivora_agreement::smvba::{Chain, Justification, Names, Origin, Prevote, Vote};
use mellivora_agreement::{Mvba, Smvba, SmvbaMessage};
use mellivora_broadcast::{SpbConfig, SpbMessage, Stage};
use mellivora_core::{Digest, NodeIndex, Round};
use mellivora_crypto::{Certificate, CertificateScheme, Endorsement, Statement};

pub(crate) use crate::values::*;

pub(crate) fn smvba(n: usize, me: NodeIndex, seed: u64) -> Smvba {
    Smvba::new(params(n, me, seed))
}

pub(crate) fn names(n: usize) -> Names {
    Names::new(&params(n, NodeIndex(0), 0))
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

pub(crate) fn stage(n: usize, byzantine: &[u16], seed: u64) -> mellivora_adversary::Stage<Smvba> {
    mellivora_adversary::Stage::new(committee(n), byzantine, |me| smvba(n, me, seed))
}

/// What a Byzantine node can say, and certificates that honest nodes have signed for.
pub(crate) struct Puppet {
    pub(crate) me: u16,
    pub(crate) n: usize,
    seed: u64,
}

impl Puppet {
    pub(crate) fn new(n: usize, me: u16, seed: u64) -> Self {
        Puppet { me, n, seed }
    }

    fn signs(&self, statement: &Statement) -> Endorsement {
        IdealCertificates::new(committee(self.n), NodeIndex(self.me)).endorse(statement)
    }

    pub(crate) fn certificate(&self, signers: &[u16], statement: &Statement) -> Certificate {
        let signers = signers.iter().map(|&node| NodeIndex(node)).collect();
        IdealCertificates::new(committee(self.n), NodeIndex(self.me)).certificate_of(signers, statement)
    }

    pub(crate) fn spb(&self, view: u32, proposer: u16, stage: Stage, digest: Digest) -> Statement {
        SpbConfig::statement_of(&names(self.n).broadcast(NodeIndex(proposer)), Round(view), stage, digest)
    }

    pub(crate) fn of_spb(&self, view: u32, proposer: u16, message: SpbMessage) -> SmvbaMessage {
        SmvbaMessage::Spb { view: Round(view), proposer: NodeIndex(proposer), message }
    }

    /// Its own value, justified like this.
    pub(crate) fn send(
        &self,
        view: u32,
        value: &str,
        origin: Origin,
        chain: Vec<(NodeIndex, Certificate)>,
    ) -> SmvbaMessage {
        let proof = Justification { origin, chain: Chain::new(chain) }.to_bytes();
        let value = Bytes::copy_from_slice(value.as_bytes());
        self.of_spb(view, self.me, SpbMessage::Send { value: value.into(), proof: proof.into() })
    }

    /// An endorsement of somebody's value.
    pub(crate) fn endorse(&self, view: u32, proposer: u16, stage: Stage, digest: Digest) -> SmvbaMessage {
        let endorsement = self.signs(&self.spb(view, proposer, stage, digest));
        self.of_spb(view, proposer, SpbMessage::Endorse(stage, endorsement))
    }

    /// The LOCK certificate of its own value, signed by these.
    pub(crate) fn lock(&self, view: u32, digest: Digest, signers: &[u16]) -> Certificate {
        self.certificate(signers, &self.spb(view, self.me, Stage::Lock, digest))
    }

    pub(crate) fn finish(&self, view: u32, digest: Digest, signers: &[u16]) -> Certificate {
        self.certificate(signers, &self.spb(view, self.me, Stage::Finish, digest))
    }

    pub(crate) fn prevote_no(&self, view: u32, leader: u16) -> SmvbaMessage {
        let (view, leader) = (Round(view), NodeIndex(leader));
        let prevote = Prevote::No(self.signs(&names(self.n).no_lock_statement(view, leader)));
        SmvbaMessage::Prevote { view, leader, prevote }
    }

    pub(crate) fn prevote_yes(&self, view: u32, leader: u16, digest: Digest, lock: Certificate) -> SmvbaMessage {
        SmvbaMessage::Prevote { view: Round(view), leader: NodeIndex(leader), prevote: Prevote::Yes { digest, lock } }
    }

    pub(crate) fn vote_yes(&self, view: u32, leader: u16, digest: Digest, lock: Certificate) -> SmvbaMessage {
        let (view, leader) = (Round(view), NodeIndex(leader));
        let endorsement = self.signs(&names(self.n).seen_statement(view, leader, digest));
        SmvbaMessage::Vote { view, leader, vote: Vote::Yes { digest, lock, endorsement } }
    }

    /// VOTE no, after these said PREVOTE no.
    pub(crate) fn vote_no(&self, view: u32, leader: u16, signers: &[u16]) -> SmvbaMessage {
        let (view, leader) = (Round(view), NodeIndex(leader));
        let no_locks = self.certificate(signers, &names(self.n).no_lock_statement(view, leader));
        let endorsement = self.signs(&names(self.n).no_value_statement(view, leader));
        SmvbaMessage::Vote { view, leader, vote: Vote::No { no_locks, endorsement } }
    }

    pub(crate) fn share(&self, view: u32) -> SmvbaMessage {
        let coin = IdealCoin::new(committee(self.n), NodeIndex(self.me), self.seed);
        SmvbaMessage::Share {
            view: Round(view),
            share: coin.share_of(NodeIndex(self.me), &names(self.n).coin(Round(view))),
        }
    }
}

/// Which message this is: the view and a short name of its kind.
pub(crate) fn kind(message: &SmvbaMessage) -> (u32, &'static str) {
    let name = match message {
        SmvbaMessage::Spb { .. } => "spb",
        SmvbaMessage::Share { .. } => "share",
        SmvbaMessage::Prevote { .. } => "prevote",
        SmvbaMessage::Vote { .. } => "vote",
        SmvbaMessage::Halt(_) => "halt",
        SmvbaMessage::AskLeader(_) | SmvbaMessage::Leader { .. } => "leader",
        SmvbaMessage::AskValue(_) | SmvbaMessage::Value(_) => "value",
    };
    (message.view().map_or(0, |view| view.0), name)
}
