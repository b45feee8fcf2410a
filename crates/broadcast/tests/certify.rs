//! Collecting endorsements: each sender once, culprits out, and a certificate as soon as there can be one.

#[allow(dead_code, unreachable_pub)]
#[path = "../../adversary/src/ideal.rs"]
mod ideal;

use ideal::IdealCertificates;
use mellivora_broadcast::certify::{Assemble, Collector};
use mellivora_core::{Committee, Digest, Domain, Era, NodeIndex, NodeSet, Purpose, Round};
use mellivora_crypto::{CertificateScheme, Claim, Endorsement, Statement};

const N: usize = 7;

fn scheme() -> IdealCertificates {
    IdealCertificates::new(Committee::new(N).unwrap(), NodeIndex(0))
}

fn statement() -> Statement {
    let domain = Domain::new(Digest([7; 32]), Era(0)).statement(Purpose::Stored, Round(0));
    Statement { domain, digest: Digest([3; 32]) }
}

fn node(i: usize) -> NodeIndex {
    NodeIndex(i as u16)
}

fn good(i: usize) -> Endorsement {
    scheme().endorsement_of(node(i), &statement())
}

fn bad() -> Endorsement {
    Endorsement::from_bytes(b"nonsense").unwrap()
}

/// Takes endorsements in order, running all work at once; returns the signers of the certificate after each.
fn signers_after(collector: &mut Collector, endorsements: &[(usize, Endorsement)]) -> Vec<Option<NodeSet>> {
    let mut signers = None;
    endorsements
        .iter()
        .map(|(from, endorsement)| {
            let mut work: Option<Assemble> = collector.add(node(*from), *endorsement);
            while let Some(now) = work {
                let (certificate, culprits, more) = collector.assembled(now.run(&scheme()));
                assert!(culprits.iter().all(|culprit| culprit.0 >= 5), "only the liars are named: {culprits:?}");
                if let Some(certificate) = certificate {
                    assert!(scheme().verify(&[Claim::many(statement(), 5, certificate.clone())]));
                    signers = Some(certificate.signers);
                }
                work = more;
            }
            signers
        })
        .collect()
}

#[test]
fn as_many_as_required_make_a_certificate() {
    let mut collector = Collector::new(statement(), 5);
    let all: Vec<_> = (0..N).map(|i| (i, good(i))).collect();
    let after = signers_after(&mut collector, &all[..5]);
    assert_eq!(after, [None, None, None, None, Some(NodeSet::first(5))]);
    assert!(collector.add(node(5), good(5)).is_none(), "nothing is left to do");
}

#[test]
fn a_culprit_costs_an_attempt_and_never_the_certificate() {
    // Two liars at every pair of places: whenever five honest ones are there, so is the certificate.
    for first in 0..6 {
        for second in first + 1..7 {
            let mut honest = 0..5;
            let order: Vec<(usize, Endorsement)> = (0..N)
                .map(|place| match place {
                    place if place == first => (5, bad()),
                    place if place == second => (6, bad()),
                    _ => honest.next().map(|i| (i, good(i))).unwrap(),
                })
                .collect();
            let mut collector = Collector::new(statement(), 5);
            let after = signers_after(&mut collector, &order);
            let full = order.iter().position(|(i, _)| *i == 4).unwrap();
            for (place, signers) in after.iter().enumerate() {
                assert_eq!(signers.is_some(), place >= full, "liars at {first} and {second}, after {place}");
            }
        }
    }
}

#[test]
fn a_sender_counts_once() {
    let mut collector = Collector::new(statement(), 5);
    for _ in 0..5 {
        assert!(collector.add(node(1), good(1)).is_none());
    }
    // Nor does a liar get a second try.
    let mut collector = Collector::new(statement(), 5);
    let order = [(5, bad()), (0, good(0)), (1, good(1)), (2, good(2)), (3, good(3)), (5, bad()), (5, good(5))];
    assert_eq!(signers_after(&mut collector, &order).last(), Some(&None));
}

#[test]
fn endorsements_that_come_during_the_work_are_not_lost() {
    let mut collector = Collector::new(statement(), 5);
    let first = [(5, bad()), (0, good(0)), (1, good(1)), (2, good(2))];
    assert!(first.iter().all(|(i, endorsement)| collector.add(node(*i), *endorsement).is_none()));
    let work = collector.add(node(3), good(3)).unwrap();
    assert!(collector.add(node(4), good(4)).is_none(), "one attempt at a time");
    let (certificate, culprits, more) = collector.assembled(work.run(&scheme()));
    assert_eq!((certificate, culprits), (None, NodeSet::one(node(5))));
    let (certificate, _, _) = collector.assembled(more.unwrap().run(&scheme()));
    assert_eq!(certificate.unwrap().signers, NodeSet::first(5));
}
