//! The Byzantine node: what it can say, and prove with the signatures that others have given.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use mellivora_adversary::{IdealCertificates, IdealCoin};
use mellivora_agreement::smvba::{Chain, Halt, HaltProof, Justification, Names, Origin, Prevote, Shares, Vote};
use mellivora_agreement::{MvbaParams, Predicate, SmvbaMessage};
use mellivora_broadcast::spb::VALUE;
use mellivora_broadcast::{SpbConfig, SpbMessage, Stage};
use mellivora_core::{Committee, Digest, Domain, Era, NodeIndex, NodeSet, Purpose, Round};
use mellivora_crypto::{Certificate, CertificateScheme, Claim, Endorsement, Statement};
use rand::RngExt;
use rand::seq::IteratorRandom;
use rand_chacha::ChaCha8Rng;

use crate::support::Z;
use crate::{H, R};

/// The two values of the model, and one that nobody may agree on.
const VALUES: [&str; 3] = ["ok, this is A", "ok, and this is B", "this is neither"];

/// The value that fails the predicate.
pub(crate) const BAD: u8 = 2;

#[derive(Debug)]
struct BeginsOk;

impl Predicate for BeginsOk {
    fn holds(&self, value: &Bytes) -> bool {
        value.starts_with(b"ok")
    }
}

pub(crate) fn bytes(value: u8) -> Bytes {
    Bytes::from_static(VALUES[usize::from(value)].as_bytes())
}

/// Which value this is; nobody may agree on a third one.
pub(crate) fn value_in(known: &Bytes) -> u8 {
    [0, 1].into_iter().find(|&value| bytes(value) == *known).expect("a value that may be agreed on")
}

/// The same for a digest.
pub(crate) fn value_of(known: Digest) -> u8 {
    [0, 1].into_iter().find(|&value| digest(value) == known).expect("a value that may be agreed on")
}

pub(crate) fn digest(value: u8) -> Digest {
    VALUE.digest(&bytes(value))
}

/// The real view of a view of the model.
pub(crate) fn round(view: usize) -> Round {
    Round(view as u32 + 1)
}

/// What a signature is about, in a view and with regard to a proposer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum About {
    Lock(u8),
    Finish(u8),
    NoLock,
    NoValue,
    Seen(u8),
}

const ALL: [About; 8] = [
    About::Lock(0),
    About::Lock(1),
    About::Finish(0),
    About::Finish(1),
    About::NoLock,
    About::NoValue,
    About::Seen(0),
    About::Seen(1),
];

pub(crate) struct Puppet {
    committee: Committee,
    seed: u64,
    names: Names,
    scheme: IdealCertificates,
    coin: IdealCoin,
    /// Who leads the views of the model.
    pub(crate) leaders: [u16; R],
    /// The signatures of the honest nodes, whoever they were for.
    signed: [BTreeSet<Vec<u8>>; H],
}

const DOMAIN: Domain = Domain::new(Digest([7; 32]), Era(0));

fn params(committee: Committee, node: usize, seed: u64) -> MvbaParams {
    let me = NodeIndex(node as u16);
    MvbaParams {
        committee,
        me,
        domain: DOMAIN,
        coin: IdealCoin::scheme(committee, me, seed),
        certificates: IdealCertificates::scheme(committee, me),
        predicate: Arc::new(BeginsOk),
        // Nothing is out of sight: a path may leave a node far behind.
        views_ahead: 100,
    }
}

impl Puppet {
    /// With coins that name these leaders.
    pub(crate) fn new(committee: Committee, leaders: [u16; R], rng: &mut ChaCha8Rng) -> Self {
        let z = NodeIndex(Z as u16);
        let leader = |coin: &IdealCoin, view| {
            let name = DOMAIN.statement(Purpose::Coin, round(view)).digest();
            coin.peek(&name).choose(committee.n()) as u16
        };
        let (seed, coin) = loop {
            let seed = rng.random();
            let coin = IdealCoin::new(committee, z, seed);
            if (0..R).all(|view| leader(&coin, view) == leaders[view]) {
                break (seed, coin);
            }
        };
        let names = Names::new(&params(committee, Z, seed));
        let scheme = IdealCertificates::new(committee, z);
        Puppet { committee, seed, names, scheme, coin, leaders, signed: Default::default() }
    }

    /// What an honest node is made from.
    pub(crate) fn params(&self, node: usize) -> MvbaParams {
        params(self.committee, node, self.seed)
    }

    /// Keeps the signature in a message of an honest node.
    pub(crate) fn overhear(&mut self, from: usize, message: &SmvbaMessage) {
        let endorsement = match message {
            SmvbaMessage::Spb { message: SpbMessage::Endorse(_, endorsement), .. } => endorsement,
            SmvbaMessage::Prevote { prevote: Prevote::No(endorsement), .. } => endorsement,
            SmvbaMessage::Vote { vote: Vote::Yes { endorsement, .. } | Vote::No { endorsement, .. }, .. } => {
                endorsement
            }
            _ => return,
        };
        self.signed[from].insert(endorsement.as_bytes().to_vec());
    }

    fn statement(&self, view: usize, whose: u16, about: About) -> Statement {
        let (round, whose) = (round(view), NodeIndex(whose));
        let stage = |stage, value| SpbConfig::statement_of(&self.names.broadcast(whose), round, stage, digest(value));
        match about {
            About::Lock(value) => stage(Stage::Lock, value),
            About::Finish(value) => stage(Stage::Finish, value),
            About::NoLock => self.names.no_lock_statement(round, whose),
            About::NoValue => self.names.no_value_statement(round, whose),
            About::Seen(value) => self.names.seen_statement(round, whose, digest(value)),
        }
    }

    /// The value that a node has signed in one stage of a broadcast.
    pub(crate) fn value_signed(
        &self,
        node: usize,
        (view, whose): (usize, u16),
        stage: Stage,
        endorsement: &Endorsement,
    ) -> Option<u8> {
        let about = match stage {
            Stage::Lock => About::Lock,
            Stage::Finish => About::Finish,
        };
        let me = NodeIndex(node as u16);
        let signs =
            |&value: &u8| self.scheme.endorsement_of(me, &self.statement(view, whose, about(value))) == *endorsement;
        [0, 1].into_iter().find(signs)
    }

    /// All who have signed this, and itself.
    fn signers(&self, statement: &Statement) -> NodeSet {
        let signed = |node: &NodeIndex| {
            let known = self.signed.get(node.as_usize());
            known.is_none_or(|signed| signed.contains(self.scheme.endorsement_of(*node, statement).as_bytes()))
        };
        self.committee.nodes().filter(signed).collect()
    }

    /// Whether a quorum has signed this, the Byzantine node among them.
    pub(crate) fn proves(&self, view: usize, whose: u16, about: About) -> bool {
        self.signers(&self.statement(view, whose, about)).len() >= self.committee.quorum()
    }

    /// A certificate; if there are too few signatures, one that lacks some, or is about something else.
    fn certificate(&self, view: usize, whose: u16, about: About, rng: &mut ChaCha8Rng) -> Certificate {
        let mut statement = self.statement(view, whose, about);
        if !self.proves(view, whose, about)
            && rng.random()
            && let Some(other) = ALL.into_iter().filter(|&other| self.proves(view, whose, other)).choose(rng)
        {
            statement = self.statement(view, whose, other);
        }
        let mut signers = self.signers(&statement);
        while signers.len() > self.committee.quorum() {
            signers.iter().choose(rng).map(|node| signers.remove(node));
        }
        self.scheme.certificate_of(signers, &statement)
    }

    fn sign(&self, view: usize, about: About) -> Endorsement {
        self.scheme.endorse(&self.statement(view, self.leaders[view], about))
    }

    /// Why a value may be proposed in a view. If it may not: what comes nearest.
    pub(crate) fn justification(&self, at: usize, value: u8, rng: &mut ChaCha8Rng) -> Justification {
        let led = |view: usize, about| self.proves(view, self.leaders[view], about);
        let holds = |&origin: &usize| {
            let lock = origin.checked_sub(1).is_none_or(|view| led(view, About::Lock(value)));
            lock && (origin..at).all(|view| led(view, About::NoValue))
        };
        let good = (0..=at).filter(holds).choose(rng);
        let origin = good.unwrap_or_else(|| rng.random_range(0..=at));
        let only_last = good.is_none() && rng.random();
        let skipped = if only_last { origin.max(at.saturating_sub(1))..at } else { origin..at };
        let entry = |view: usize| {
            let leader = self.leaders[view];
            (NodeIndex(leader), self.certificate(view, leader, About::NoValue, &mut *rng))
        };
        let chain = Chain::new(skipped.map(entry).collect());
        let origin = match origin.checked_sub(1) {
            None => Origin::Input,
            Some(view) => {
                // Locks of nodes that did not lead are no less signed.
                let others = (0..=Z as u16).filter(|&node| self.proves(view, node, About::Lock(value)));
                let other = others.choose(rng).filter(|_| good.is_none());
                let leader = other.unwrap_or(self.leaders[view]);
                let certificate = self.certificate(view, leader, About::Lock(value), rng);
                Origin::Lock { view: round(view), leader: NodeIndex(leader), certificate }
            }
        };
        Justification { origin, chain }
    }

    /// Whether a justification that came with an honest node's value holds.
    pub(crate) fn accepts(&self, view: Round, value: &Bytes, justification: &Justification) -> bool {
        let honest_origin = match justification.origin {
            Origin::Input => BeginsOk.holds(value),
            Origin::Lock { view, leader, .. } => {
                self.leaders.get(view.0 as usize - 1).is_none_or(|&known| known == leader.0)
            }
        };
        let claims: Vec<Claim> = justification.claims(&self.names, view, VALUE.digest(value));
        honest_origin && self.scheme.verify(&claims)
    }

    fn of_spb(view: usize, proposer: u16, message: SpbMessage) -> SmvbaMessage {
        SmvbaMessage::Spb { view: round(view), proposer: NodeIndex(proposer), message }
    }

    pub(crate) fn send(&self, view: usize, value: u8, rng: &mut ChaCha8Rng) -> SmvbaMessage {
        let proof = self.justification(view, value, rng).to_bytes();
        Self::of_spb(view, Z as u16, SpbMessage::Send { value: bytes(value).into(), proof: proof.into() })
    }

    pub(crate) fn lock(&self, view: usize, value: u8, rng: &mut ChaCha8Rng) -> SmvbaMessage {
        let lock = self.certificate(view, Z as u16, About::Lock(value), rng);
        Self::of_spb(view, Z as u16, SpbMessage::Lock(digest(value), lock))
    }

    pub(crate) fn finish(&self, view: usize, value: u8, rng: &mut ChaCha8Rng) -> SmvbaMessage {
        let finish = self.certificate(view, Z as u16, About::Finish(value), rng);
        Self::of_spb(view, Z as u16, SpbMessage::Finish(digest(value), finish))
    }

    /// Its signature for the broadcast of an honest node, who proposes this value.
    pub(crate) fn endorse(&self, view: usize, proposer: usize, stage: Stage, value: u8) -> SmvbaMessage {
        let about = if stage == Stage::Lock { About::Lock(value) } else { About::Finish(value) };
        let endorsement = self.scheme.endorse(&self.statement(view, proposer as u16, about));
        Self::of_spb(view, proposer as u16, SpbMessage::Endorse(stage, endorsement))
    }

    /// The share of any node: the model has no gate for the coin.
    pub(crate) fn share(&self, view: usize, of: usize) -> SmvbaMessage {
        let share = self.coin.share_of(NodeIndex(of as u16), &self.names.coin(round(view)));
        SmvbaMessage::Share { view: round(view), share }
    }

    /// Who leads a view, with proof.
    fn leader(&self, view: Round) -> SmvbaMessage {
        let shares = [0, Z as u16].map(|node| {
            let node = NodeIndex(node);
            (node, self.coin.share_of(node, &self.names.coin(view)))
        });
        SmvbaMessage::Leader { view, shares: Shares::new(shares.to_vec()) }
    }

    /// The true answer to a question.
    pub(crate) fn answer(&self, question: &SmvbaMessage) -> Option<SmvbaMessage> {
        match question {
            SmvbaMessage::AskLeader(view) => Some(self.leader(*view)),
            SmvbaMessage::AskValue(wanted) => {
                let value = [0, 1].into_iter().find(|&value| digest(value) == *wanted)?;
                Some(SmvbaMessage::Value(bytes(value).into()))
            }
            _ => None,
        }
    }

    /// PREVOTE no, or yes for a value.
    pub(crate) fn prevote(&self, view: usize, yes: Option<u8>, rng: &mut ChaCha8Rng) -> SmvbaMessage {
        let leader = self.leaders[view];
        let prevote = match yes {
            Some(value) => {
                let lock = self.certificate(view, leader, About::Lock(value), rng);
                Prevote::Yes { digest: digest(value), lock }
            }
            None => Prevote::No(self.sign(view, About::NoLock)),
        };
        SmvbaMessage::Prevote { view: round(view), leader: NodeIndex(leader), prevote }
    }

    /// VOTE no, or yes for a value.
    pub(crate) fn vote(&self, view: usize, yes: Option<u8>, rng: &mut ChaCha8Rng) -> SmvbaMessage {
        let leader = self.leaders[view];
        let vote = match yes {
            Some(value) => Vote::Yes {
                digest: digest(value),
                lock: self.certificate(view, leader, About::Lock(value), rng),
                endorsement: self.sign(view, About::Seen(value)),
            },
            None => Vote::No {
                no_locks: self.certificate(view, leader, About::NoLock, rng),
                endorsement: self.sign(view, About::NoValue),
            },
        };
        SmvbaMessage::Vote { view: round(view), leader: NodeIndex(leader), vote }
    }

    /// The same with a signature that is no good.
    pub(crate) fn spoilt(&self, message: SmvbaMessage) -> SmvbaMessage {
        let spoilt = self.scheme.endorse(&self.statement(0, 0, About::Seen(BAD)));
        match message {
            SmvbaMessage::Prevote { view, leader, prevote: Prevote::No(_) } => {
                SmvbaMessage::Prevote { view, leader, prevote: Prevote::No(spoilt) }
            }
            SmvbaMessage::Vote { view, leader, mut vote } => {
                let (Vote::Yes { endorsement, .. } | Vote::No { endorsement, .. }) = &mut vote;
                *endorsement = spoilt;
                SmvbaMessage::Vote { view, leader, vote }
            }
            other => other,
        }
    }

    /// HALT in the name of a leader, by FINISH or by VOTEs.
    pub(crate) fn halt(&self, view: usize, whose: u16, about: About, rng: &mut ChaCha8Rng) -> SmvbaMessage {
        let certificate = self.certificate(view, whose, about, rng);
        let (value, proof) = match about {
            About::Finish(value) => (value, HaltProof::Finish(certificate)),
            About::Seen(value) => (value, HaltProof::Seen(certificate)),
            _ => panic!("{about:?} decides nothing"),
        };
        SmvbaMessage::Halt(Halt { view: round(view), leader: NodeIndex(whose), digest: digest(value), proof })
    }
}
