//! A scheme with a memory of single endorsements: what it saves, and that it accepts nothing more than the scheme below.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, LazyLock};
use std::thread;

use mellivora_core::{Committee, Digest, Domain, Era, NodeIndex, NodeSet, Purpose, Round};
use mellivora_crypto::{
    Assembly, Certificate, CertificateScheme, Claim, Endorsement, NodeKeys, Remembering, Schemes, Statement, deal_nodes,
};
use proptest::collection::vec;
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

/// A node's scheme, and how many signatures it was asked to check.
#[derive(Debug)]
struct Counting {
    inner: Arc<dyn CertificateScheme>,
    checked: AtomicUsize,
    /// Where the first call of `verify` waits, twice.
    gate: Option<Barrier>,
    calls: AtomicUsize,
}

impl Counting {
    fn new(keys: &NodeKeys) -> Arc<Self> {
        let (checked, calls) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Arc::new(Counting { inner: keys.certificates(), checked, gate: None, calls })
    }

    fn take(&self) -> usize {
        self.checked.swap(0, Ordering::SeqCst)
    }
}

impl CertificateScheme for Counting {
    fn endorse(&self, statement: &Statement) -> Endorsement {
        self.inner.endorse(statement)
    }

    fn assemble(&self, statement: &Statement, required: usize, endorsements: &[(NodeIndex, Endorsement)]) -> Assembly {
        self.checked.fetch_add(required, Ordering::SeqCst);
        self.inner.assemble(statement, required, endorsements)
    }

    fn endorsements(&self, claim: &Claim) -> Option<Vec<(NodeIndex, Endorsement)>> {
        self.inner.endorsements(claim)
    }

    fn signer(&self) -> Option<NodeIndex> {
        self.inner.signer()
    }

    fn verify(&self, claims: &[Claim]) -> bool {
        self.checked.fetch_add(claims.iter().map(Claim::signatures).sum(), Ordering::SeqCst);
        if let Some(gate) = &self.gate
            && self.calls.fetch_add(1, Ordering::SeqCst) == 0
        {
            gate.wait();
            gate.wait();
        }
        self.inner.verify(claims)
    }
}

fn deal(n: usize) -> Vec<NodeKeys> {
    deal_nodes(Schemes::default(), Committee::new(n).unwrap(), &mut ChaCha20Rng::seed_from_u64(7)).unwrap()
}

fn statement(number: usize) -> Statement {
    let domain = Domain::new(Digest([3; 32]), Era(0)).statement(Purpose::Delivered, Round(0));
    Statement { domain, digest: Digest([number as u8; 32]) }
}

fn signed(nodes: &[NodeKeys], about: &Statement) -> Vec<(NodeIndex, Endorsement)> {
    nodes.iter().map(|node| (node.index(), node.certificates().endorse(about))).collect()
}

/// `count` of the endorsements, from the place `first` on, around the end.
fn some(all: &[(NodeIndex, Endorsement)], first: usize, count: usize) -> Vec<(NodeIndex, Endorsement)> {
    all.iter().cycle().skip(first).take(count).copied().collect()
}

fn certified(about: &Statement, endorsements: Vec<(NodeIndex, Endorsement)>) -> Claim {
    let required = endorsements.len();
    Claim::many(*about, required, Certificate::list(endorsements).unwrap())
}

#[test]
fn a_certificate_of_known_endorsements_costs_no_signature_check() {
    let nodes = deal(7);
    let (below, about) = (Counting::new(&nodes[0]), statement(1));
    let (scheme, all) = (Remembering::scheme(below.clone()), signed(&nodes, &about));
    assert!(scheme.verify(&[certified(&about, some(&all, 1, 3))]));
    assert_eq!(below.take(), 3);
    // Nodes 3 to 5, of whom 3 is known.
    assert!(scheme.verify(&[certified(&about, some(&all, 3, 3))]));
    assert_eq!(below.take(), 2);
    assert!(scheme.verify(&[certified(&about, some(&all, 1, 5)), certified(&about, some(&all, 2, 3))]));
    assert!(scheme.verify(&[Claim::one(about, all[4].0, all[4].1)]));
    assert_eq!(below.take(), 0);
}

#[test]
fn own_endorsements_and_those_of_an_own_certificate_are_known() {
    let nodes = deal(7);
    let (below, about) = (Counting::new(&nodes[0]), statement(1));
    let (scheme, all) = (Remembering::scheme(below.clone()), signed(&nodes, &about));
    assert_eq!(scheme.endorse(&about), all[0].1);
    assert!(scheme.verify(&[Claim::one(about, all[0].0, all[0].1)]));
    assert_eq!(below.take(), 0);
    let certificate = scheme.assemble(&about, 3, &some(&all, 6, 3)).certificate.unwrap();
    assert_eq!(below.take(), 2, "of nodes 6, 0 and 1");
    assert!(scheme.verify(&[Claim::many(about, 3, certificate)]));
    assert!(scheme.assemble(&about, 2, &[all[6], all[1], all[5]]).certificate.is_some());
    assert_eq!(below.take(), 0);
}

#[test]
fn proofs_that_all_nodes_put_together_of_all_deliveries_cost_each_endorsement_once() {
    let nodes = deal(16);
    let (n, required, quorum) = (16, 6, 11);
    let below = Counting::new(&nodes[0]);
    let scheme = Remembering::scheme(below.clone());
    let said: Vec<_> = (0..n).map(|proposer| (statement(proposer), signed(&nodes, &statement(proposer)))).collect();
    for (proposer, (about, all)) in said.iter().enumerate() {
        // Half of the vectors are there before the own proof.
        for node in (0..n).step_by(2) {
            assert!(scheme.verify(&[certified(about, some(all, node * 7 + proposer, required))]));
        }
        scheme.endorse(about);
        assert!(scheme.assemble(about, required, &some(all, proposer * 3, n)).certificate.is_some());
    }
    for node in 0..n {
        let entries = said.iter().cycle().skip(node).take(quorum).enumerate();
        let vector: Vec<_> =
            entries.map(|(i, (about, all))| certified(about, some(all, node * 5 + i, required))).collect();
        assert!(scheme.verify(&vector));
    }
    let checked = below.take();
    assert!(checked <= n * n, "{checked}");
}

#[test]
fn what_was_announced_is_taken_along_with_what_is_unknown_of_it() {
    let nodes = deal(7);
    let below = Counting::new(&nodes[0]);
    let scheme = Remembering::scheme(below.clone());
    let about = [1, 2, 3].map(statement);
    let all = about.map(|about| signed(&nodes, &about));
    let claim = |i: usize, first| certified(&about[i], some(&all[i], first, 3));
    [claim(0, 2), claim(0, 3), claim(1, 2), claim(1, 4)].iter().for_each(|claim| scheme.announce(claim));
    assert!(scheme.verify(&[claim(0, 1)]));
    // Nodes 1 to 5 on the first statement, 2 to 6 on the second.
    assert_eq!(below.take(), 10);
    assert!(scheme.verify(&[claim(0, 2), claim(0, 3), claim(1, 2), claim(1, 3), claim(1, 4)]));
    assert_eq!(below.take(), 0);
    // Known by now, so it is not there to be taken along.
    scheme.announce(&claim(1, 3));
    assert!(scheme.verify(&[claim(2, 0)]));
    assert_eq!(below.take(), 3);
}

#[test]
fn the_form_of_a_certificate_of_known_endorsements_is_looked_at() {
    let nodes = deal(7);
    let about = statement(1);
    let (scheme, all) = (Remembering::scheme(nodes[0].certificates()), signed(&nodes, &about));
    assert!(scheme.verify(&[certified(&about, all.clone())]));
    let two = Certificate::list(some(&all, 2, 2)).unwrap();
    for required in [0, 1, 3, 7] {
        assert!(!scheme.verify(&[Claim::many(about, required, two.clone())]), "{required}");
    }
    assert!(!scheme.verify(&[Claim::many(about, 0, Certificate::list(Vec::new()).unwrap())]));
    let three: NodeSet = (2..5).map(NodeIndex).collect();
    for bytes in [0, 64, 2 * 64, 3 * 64 - 1] {
        let proof: Vec<u8> = all.iter().skip(2).flat_map(|(_, e)| e.as_bytes()).copied().take(bytes).collect();
        let certificate = Certificate::new(three, proof.into()).unwrap();
        assert!(!scheme.verify(&[Claim::many(about, 3, certificate)]), "{bytes}");
    }
}

#[test]
fn what_is_known_is_one_signature_of_one_node_on_one_statement() {
    let nodes = deal(7);
    let (about, other) = (statement(1), statement(2));
    let (scheme, all) = (Remembering::scheme(nodes[0].certificates()), signed(&nodes, &about));
    assert!(scheme.verify(&[certified(&about, all.clone())]));
    let (node, endorsement) = all[3];
    assert!(!scheme.verify(&[Claim::one(other, node, endorsement)]), "another statement");
    assert!(!scheme.verify(&[certified(&other, some(&all, 2, 3))]), "another statement");
    assert!(!scheme.verify(&[Claim::one(about, NodeIndex(4), endorsement)]), "another signer");
    assert!(!scheme.verify(&[Claim::one(about, NodeIndex(9), endorsement)]), "a stranger");
    let mut bytes = [0; 64];
    bytes.copy_from_slice(endorsement.as_bytes());
    bytes[63] ^= 1;
    let damaged = Endorsement::from_bytes(&bytes).unwrap();
    assert!(!scheme.verify(&[Claim::one(about, node, damaged)]), "another signature");
}

#[test]
fn whoever_asks_about_endorsements_that_are_being_verified_waits_for_them() {
    let nodes = deal(7);
    let about = statement(1);
    let mut below = Arc::into_inner(Counting::new(&nodes[0])).unwrap();
    below.gate = Some(Barrier::new(2));
    let below = Arc::new(below);
    let gate = || below.gate.as_ref().unwrap().wait();
    let (scheme, all) = (Remembering::scheme(below.clone()), signed(&nodes, &about));
    let ask = |first| scheme.verify(&[certified(&about, some(&all, first, 3))]);
    thread::scope(|threads| {
        let first = threads.spawn(|| ask(1));
        // The first thread is in the middle of it.
        gate();
        let second = threads.spawn(|| ask(2));
        let apart = threads.spawn(|| ask(4));
        assert!(apart.join().unwrap(), "nobody is at these");
        assert_eq!(below.take(), 6);
        gate();
        assert!(first.join().unwrap() && second.join().unwrap());
    });
    assert_eq!(below.take(), 0, "the second found all of them known");
}

/// What is wrong with an endorsement.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Right,
    OfAnotherStatement,
    OfAnotherNode,
    Damaged,
}

/// A claim about the statement of this number. Node 4 is a stranger.
#[derive(Clone, Debug)]
struct Spec {
    about: usize,
    parts: Vec<(u16, Kind)>,
    /// More than there are signers, or fewer.
    off: i8,
    /// Bytes that are missing at the end.
    cut: usize,
    alone: bool,
}

#[derive(Clone, Debug)]
enum Act {
    Verify(Vec<usize>),
    Announce(usize),
    Endorse(usize),
    Assemble(usize, usize),
}

const STATEMENTS: usize = 3;
static NODES: LazyLock<Vec<NodeKeys>> = LazyLock::new(|| deal(4));
static SIGNED: LazyLock<Vec<Vec<(NodeIndex, Endorsement)>>> =
    LazyLock::new(|| (0..STATEMENTS).map(|number| signed(&NODES, &statement(number))).collect());

impl Spec {
    fn endorsements(&self) -> Vec<(NodeIndex, Endorsement)> {
        let part = |&(node, kind): &(u16, Kind)| {
            let place = usize::from(node) % 4;
            let endorsement = match kind {
                Kind::Right => SIGNED[self.about][place].1,
                Kind::OfAnotherStatement => SIGNED[(self.about + 1) % STATEMENTS][place].1,
                Kind::OfAnotherNode => SIGNED[self.about][(place + 1) % 4].1,
                Kind::Damaged => {
                    let mut bytes = [0; 64];
                    bytes.copy_from_slice(SIGNED[self.about][place].1.as_bytes());
                    bytes[40] ^= 1;
                    Endorsement::from_bytes(&bytes).unwrap()
                }
            };
            (NodeIndex(node), endorsement)
        };
        self.parts.iter().map(part).collect()
    }

    /// Repeated nodes give a list that is longer than the set of signers.
    fn claim(&self) -> Claim {
        let endorsements = self.endorsements();
        let about = statement(self.about);
        if self.alone {
            let (node, endorsement) = endorsements[0];
            let bytes = endorsement.as_bytes();
            return Claim::one(about, node, Endorsement::from_bytes(&bytes[..bytes.len() - self.cut]).unwrap());
        }
        let signers: NodeSet = endorsements.iter().map(|(node, _)| *node).collect();
        let mut sorted = endorsements;
        sorted.sort_by_key(|(node, _)| *node);
        let mut proof: Vec<u8> = sorted.iter().flat_map(|(_, e)| e.as_bytes()).copied().collect();
        proof.truncate(proof.len() - self.cut);
        let required = signers.len().saturating_add_signed(self.off.into());
        Claim::many(about, required, Certificate::new(signers, proof.into()).unwrap())
    }
}

fn spec() -> impl Strategy<Value = Spec> {
    let kind = || {
        prop_oneof![
            12 => Just(Kind::Right),
            1 => Just(Kind::OfAnotherStatement),
            1 => Just(Kind::OfAnotherNode),
            1 => Just(Kind::Damaged),
        ]
    };
    let node = || prop_oneof![15 => 0..4u16, 1 => Just(4)];
    let off = prop_oneof![8 => Just(0), 1 => -4..=2i8];
    let cut = prop_oneof![10 => Just(0), 1 => Just(1), 1 => Just(64)];
    (0..STATEMENTS, vec((node(), kind()), 1..5), any::<bool>(), off, cut, prop::bool::weighted(0.2)).prop_map(
        |(about, mut parts, distinct, off, cut, alone)| {
            if distinct {
                parts.sort_by_key(|(node, _)| *node);
                parts.dedup_by_key(|(node, _)| *node);
            }
            Spec { about, parts, off, cut, alone }
        },
    )
}

fn act(claims: usize) -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => vec(0..claims, 1..4).prop_map(Act::Verify),
        2 => (0..claims).prop_map(Act::Announce),
        1 => (0..STATEMENTS).prop_map(Act::Endorse),
        1 => (0..claims, 0..5usize).prop_map(|(claim, required)| Act::Assemble(claim, required)),
    ]
}

const CLAIMS: usize = 16;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn a_memory_changes_no_verdict(specs in vec(spec(), CLAIMS), acts in vec(act(CLAIMS), 1..40)) {
        let below = NODES[0].certificates();
        let scheme = Remembering::scheme(below.clone());
        for act in acts {
            match act {
                Act::Verify(which) => {
                    let claims: Vec<Claim> = which.iter().map(|&i| specs[i].claim()).collect();
                    prop_assert_eq!(scheme.verify(&claims), below.verify(&claims), "{:?}", claims);
                }
                Act::Announce(which) => scheme.announce(&specs[which].claim()),
                Act::Endorse(about) => {
                    prop_assert_eq!(scheme.endorse(&statement(about)), SIGNED[about][0].1);
                }
                Act::Assemble(which, required) => {
                    let (about, endorsements) = (statement(specs[which].about), specs[which].endorsements());
                    let mine = scheme.assemble(&about, required, &endorsements);
                    let plain = below.assemble(&about, required, &endorsements);
                    for node in mine.culprits.iter() {
                        let of = endorsements.iter().filter(|(other, _)| *other == node);
                        let valid = |e: &Endorsement| below.verify(&[Claim::one(about, node, *e)]);
                        prop_assert!(of.clone().any(|(_, endorsement)| !valid(endorsement)));
                    }
                    let distinct: NodeSet = endorsements.iter().map(|(node, _)| *node).collect();
                    if distinct.len() == endorsements.len() {
                        prop_assert_eq!(mine.certificate.is_some(), plain.certificate.is_some());
                    }
                    if let Some(certificate) = mine.certificate {
                        prop_assert!(below.verify(&[Claim::many(about, required, certificate)]));
                    }
                }
            }
        }
    }
}
