//! The floor: what an epoch of a protocol costs if nothing is done but what cannot be left out.
//!
//! For the same transactions as an epoch of a cluster, one thread performs the primitive operations of all n nodes, one
//! after another: no messages, no state machines, no queues, no scheduling. The distance from the floor is what the
//! implementation adds, and survives a machine that is slow today.
//!
//! # Every protocol
//!
//! | who, for each | operation | why nobody can leave it out |
//! |---|---|---|
//! | proposer, proposal | copy the transactions into one buffer behind a length table | a proposal is sealed, hashed and sent as one piece |
//! | | seal: encapsulate, AES-256-GCM over all, one hash of the sealed bytes | confidentiality until the order is fixed; the proof that makes a copied ciphertext worthless covers the bytes |
//! | other node, proposal | check the encapsulation, combine f + 1 shares, recompute the encapsulation | before a share is released; after it, nothing else tells a right opening from a wrong one |
//! | | AES-256-GCM over all | the plaintext |
//! | | read the length table | the transactions |
//! | each node, ciphertext | a decryption share | the others need f + 1 |
//! | each node, transaction | a 128-bit hash under a key of its own, one insertion into a set | no transaction twice |
//! | each node | sign the checkpoint | whoever was away asks for proof that the batch exists |
//!
//! # Payloads that are coded: HoneyBadger, Dumbo1, Dumbo2
//!
//! | who, for each | operation | why nobody can leave it out |
//! |---|---|---|
//! | proposer, proposal | Reed-Solomon parity, hash of all n shards, Merkle tree | the commitment to the shards |
//! | other node, proposal | copy k shards once | they arrive in k frames, and opening wants them in one piece |
//! | | recompute the parity, hash n shards once, compare the root | without it nodes may end up with different payloads |
//!
//! # Payloads that travel whole: sDumbo, Dumbo-NG
//!
//! | who, for each | operation | why nobody can leave it out |
//! |---|---|---|
//! | each node, proposal | hash it, in chunks under a tree | a node signs what it has computed from what it holds, or its signature proves nothing |
//! | other node, *sealed* proposal | copy it once | what it has promised to hold for others is the sealed bytes, and opening overwrites them |
//!
//! A payload in the clear is not copied at all: it came in one frame.
//!
//! # Signatures and coins
//!
//! | protocol | who, for each | operation | why nobody can leave it out |
//! |---|---|---|---|
//! | Dumbo1 | each node | a coin share, f + 1 shares combined | who is in the committee must be unknown until the broadcasts have come; none where it has everybody in it |
//! | Dumbo2 | each node, proposal | sign the delivery; check f signatures of others | a proof takes f + 1, and everybody makes it for itself |
//! | sDumbo, Dumbo-NG | each node, proposal | sign that it is stored | nobody knows whose signatures will be missing |
//! | | its proposer | check the signatures of a quorum | it would show an invalid certificate otherwise |
//! | | other node | check the certificate | a vector counts only with valid ones |
//! | Dumbo2, sDumbo, Dumbo-NG | the agreement: each node, for each of a quorum of its broadcasts, twice (LOCK, FINISH) | sign; at the proposer check a quorum's signatures; at the others check the certificate | the election waits for a quorum of finished broadcasts; a lock or a finish that is not proven binds nobody |
//! | | each node | a coin share, f + 1 shares combined | the election |
//!
//! Signatures are those of Ed25519, also for a cluster whose certificates are BLS aggregates: there the ratio says how far it
//! is from what certificates of the default kind cannot do without.
//!
//! Dumbo-NG has one slot of each stream and one agreement per epoch here: that is what the workload gives it.
//!
//! # What does not count
//!
//! Left out on purpose, so that doing it counts against an implementation: a proposer does nothing for its own proposal
//! but commit to it and hash its transactions; receivers do not hash the sealed bytes again for the check (the leaves of the
//! tree, which they have hashed, could vouch for them); nobody verifies a checkpoint that came over an authenticated link,
//! nor its own signature, nor the same certificate twice; signatures that can be checked together are; binary agreement,
//! encoding and delivery of messages cost nothing, nor do the small broadcasts of Dumbo1's index sets; the systematic shards
//! are always at hand, so nothing is reconstructed, and nothing that was sent whole is retrieved.
//!
//! Empty proposals are spread, checked and certified, and neither sealed nor opened.

mod sealing;
mod signing;
mod spreading;
mod transactions;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mellivora::Engine;
use mellivora::coding::Codec;
use mellivora::core::domain::Purpose;
use mellivora::core::{Committee, Digest, NodeIndex};
use mellivora::crypto::{NodeKeys, Suite};
use mellivora::subset::dumbo1::committee_size;

use self::sealing::Sealed;
use self::signing::{Gathering, Signers};
use self::spreading::{Spread, Spreading};
use self::transactions::Seen;
use crate::clock::thread_cpu;
use crate::setup;

/// The floor of one protocol in one committee. See the [module page](self).
#[derive(Debug)]
pub struct Floor {
    engine: Engine,
    spreading: Spreading,
    committee: Committee,
    keys: Vec<NodeKeys>,
    signers: Signers,
    codec: Arc<Codec>,
    encrypted: bool,
    seen: Vec<Seen>,
    epoch: u64,
}

impl Floor {
    /// The floor of a committee that runs `engine`. `encrypted` asks for a suite that can encrypt.
    pub fn new(engine: Engine, committee: Committee, suite: Suite, encrypted: bool) -> Self {
        let keys = setup::keys(suite, committee);
        Floor {
            engine,
            spreading: spreading(engine),
            committee,
            signers: Signers::new(committee, &keys),
            codec: setup::codec(committee),
            encrypted: encrypted && suite.encrypts(),
            seen: keys.iter().map(Seen::new).collect(),
            keys,
            epoch: 0,
        }
    }

    /// One epoch in which the nodes propose these transactions; nodes without an entry propose none. Returns the CPU
    /// time of this thread.
    ///
    /// # Panics
    ///
    /// If an operation fails or a transaction is there twice: a floor that did not do the work is no floor.
    pub fn epoch(&mut self, proposals: &[Vec<Bytes>]) -> Duration {
        self.epoch += 1;
        let before = thread_cpu();
        let mut untimed = Duration::ZERO;
        let total: usize = proposals.iter().map(Vec::len).sum();
        self.seen.iter_mut().for_each(|seen| seen.clear(total));
        let mut roots = Vec::with_capacity(self.committee.n());
        for proposer in self.committee.nodes() {
            let transactions = proposals.get(proposer.as_usize()).map_or(&[][..], Vec::as_slice);
            let (root, pause) = self.proposal(proposer, transactions);
            roots.push((proposer, root));
            untimed += pause;
        }
        self.agree(&roots);
        signing::checkpoints(&self.keys, self.epoch);
        let spent = thread_cpu().saturating_sub(before + untimed);
        for seen in &self.seen {
            assert_eq!(seen.len(), total, "every node has every transaction once");
        }
        spent
    }

    /// One proposal at all nodes. Returns what was committed to, and time that is not part of the floor.
    fn proposal(&mut self, proposer: NodeIndex, transactions: &[Bytes]) -> (Digest, Duration) {
        let committee = self.committee;
        let encrypted = self.encrypted && !transactions.is_empty();
        let mut payload = transactions::frame(transactions);
        let (mut sealed, mut untimed) = (None, Duration::ZERO);
        if encrypted {
            let (opener, pause) = Sealed::seal(&self.keys, committee, self.epoch, proposer, &mut payload);
            (sealed, untimed) = (Some(opener), pause);
        }
        let spread = Spread::new(self.spreading, &self.codec, payload);
        for (node, seen) in committee.nodes().zip(&mut self.seen) {
            if node == proposer {
                transactions.iter().for_each(|transaction| seen.insert(transaction));
                continue;
            }
            let received = spread.receive(committee, &self.codec, encrypted);
            let insert = |transaction: &[u8]| seen.insert(transaction);
            match &sealed {
                Some(sealed) => transactions::parse(&sealed.open(committee, node, received.into_own()), insert),
                None => transactions::parse(received.bytes(), insert),
            }
        }
        (spread.root(), untimed)
    }

    /// Proofs of the proposals, and the agreement on which of them count.
    fn agree(&self, roots: &[(NodeIndex, Digest)]) {
        let (committee, epoch, signers) = (self.committee, self.epoch, &self.signers);
        let quorum = committee.quorum();
        match self.engine {
            Engine::Dumbo1 => {
                if committee_size(committee) < committee.n() {
                    signing::coin(committee, &self.keys, epoch);
                }
                return;
            }
            Engine::Dumbo2 => {
                signers.certify(epoch, Purpose::Delivered, roots, committee.one_honest(), Gathering::Everybody);
            }
            Engine::SDumbo => signers.certify(epoch, Purpose::Stored, roots, quorum, Gathering::Owner),
            Engine::DumboNg => signers.certify(epoch, Purpose::StreamVote, roots, quorum, Gathering::Owner),
            // Votes on bits, with coins that are fixed.
            _ => return,
        }
        for purpose in [Purpose::Lock, Purpose::Finish] {
            signers.certify(epoch, purpose, &roots[..quorum], quorum, Gathering::Owner);
        }
        signing::coin(committee, &self.keys, epoch);
    }
}

fn spreading(engine: Engine) -> Spreading {
    match engine {
        Engine::HoneyBadger | Engine::Dumbo1 | Engine::Dumbo2 => Spreading::Coded,
        Engine::SDumbo | Engine::DumboNg => Spreading::Whole,
        // Every engine has to be looked at here.
        other => panic!("nobody has written down yet what {other} cannot leave out"),
    }
}

fn some<T>(value: Option<T>, what: &str) -> T {
    value.unwrap_or_else(|| panic!("{what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::Workload;

    #[test]
    fn it_does_the_work_of_every_protocol_size_and_suite() {
        for (suite, encrypted) in [(Suite::Ristretto255, true), (Suite::Bls12381, true), (Suite::Ristretto255, false)] {
            for (n, batch) in [(1, 3), (4, 1), (4, 100), (7, 7)] {
                for &engine in Engine::ALL {
                    let mut floor = Floor::new(engine, setup::committee(n), suite, encrypted);
                    let mut workload = Workload::new(50, 3);
                    for _ in 0..2 {
                        assert!(floor.epoch(&workload.split(batch, n)) > Duration::ZERO);
                    }
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "every transaction once")]
    fn it_notices_a_transaction_that_is_there_twice() {
        let twice = Workload::new(50, 3).take(1);
        let engine = Engine::default();
        Floor::new(engine, setup::committee(4), Suite::default(), false).epoch(&[twice.clone(), twice]);
    }

    /// Where payloads are small, nothing else tells the protocols apart.
    #[test]
    fn coins_and_certificates_are_counted() {
        let cost = |engine| {
            let mut floor = Floor::new(engine, setup::committee(7), Suite::default(), false);
            let mut workload = Workload::new(50, 3);
            floor.epoch(&workload.split(7, 7)) + floor.epoch(&workload.split(7, 7))
        };
        let [badger, one, two, speeding, ng] =
            [Engine::HoneyBadger, Engine::Dumbo1, Engine::Dumbo2, Engine::SDumbo, Engine::DumboNg].map(cost);
        assert!(badger < one, "{badger:?}, {one:?}");
        assert!(one < two && one < speeding && one < ng, "{one:?}, {two:?}, {speeding:?}, {ng:?}");
    }
}
