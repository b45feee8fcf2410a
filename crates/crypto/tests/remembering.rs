//! A scheme with a memory: how often the scheme below is asked, and about what.

use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread;

use bytes::Bytes;
use mellivora_core::{Digest, Domain, Era, NodeIndex, NodeSet, Purpose, Round};
use mellivora_crypto::{
    Assembly, Certificate, CertificateScheme, Claim, ClaimProof, Endorsement, Remembering, Statement,
};

/// Finds valid what proves itself by the byte 1, and notes how many claims each call was about.
#[derive(Debug, Default)]
struct Below {
    calls: Mutex<Vec<usize>>,
    /// Where a call about a claim of node 1 waits, twice.
    gate: Option<Barrier>,
}

impl CertificateScheme for Below {
    fn endorse(&self, _: &Statement) -> Endorsement {
        unreachable!("nobody endorses here")
    }

    fn assemble(&self, _: &Statement, _: usize, _: &[(NodeIndex, Endorsement)]) -> Assembly {
        unreachable!("nobody assembles here")
    }

    fn verify(&self, claims: &[Claim]) -> bool {
        self.calls.lock().unwrap().push(claims.len());
        let certificates = claims.iter().map(|claim| match &claim.proof {
            ClaimProof::Many { certificate, .. } => certificate,
            ClaimProof::One(..) => unreachable!("nobody signs alone here"),
        });
        if let Some(gate) = &self.gate
            && certificates.clone().any(|certificate| certificate.signers.contains(NodeIndex(1)))
        {
            gate.wait();
            gate.wait();
        }
        certificates.into_iter().all(|certificate| certificate.proof() == [1])
    }
}

impl Below {
    fn take_calls(&self) -> Vec<usize> {
        std::mem::take(&mut *self.calls.lock().unwrap())
    }
}

/// A claim with a number of its own.
fn numbered(number: u64, node: u16, proof: u8) -> Claim {
    let domain = Domain::new(Digest([1; 32]), Era(0)).statement(Purpose::Stored, Round(0));
    let mut digest = Digest([2; 32]);
    digest.0[..8].copy_from_slice(&number.to_be_bytes());
    let signers = [NodeIndex(node)].into_iter().collect();
    let certificate = Certificate::new(signers, Bytes::copy_from_slice(&[proof])).unwrap();
    Claim::many(Statement { domain, digest }, 1, certificate)
}

/// A claim that differs from others by its only signer.
fn claim(node: u16, proof: u8) -> Claim {
    numbered(0, node, proof)
}

#[test]
fn what_was_announced_is_verified_with_the_first_that_is_asked_about() {
    let below = Arc::new(Below::default());
    let scheme = Remembering::scheme(below.clone());
    (0..5).for_each(|node| scheme.announce(&claim(node, 1)));
    assert!(scheme.verify(&[claim(2, 1)]));
    assert_eq!(below.take_calls(), [5]);
    assert!((0..5).all(|node| scheme.verify(&[claim(node, 1)])));
    assert_eq!(below.take_calls(), [0; 0], "all of them are known by now");
}

#[test]
fn an_invalid_claim_costs_the_others_one_batch_and_nothing_else() {
    let below = Arc::new(Below::default());
    let scheme = Remembering::scheme(below.clone());
    (0..5).for_each(|node| scheme.announce(&claim(node, u8::from(node != 3))));
    for node in 0..5 {
        assert_eq!(scheme.verify(&[claim(node, u8::from(node != 3))]), node != 3, "node {node}");
    }
    assert_eq!(below.take_calls(), [5, 1, 1, 1, 1, 1], "once together, and then each on its own");
    assert!(!scheme.verify(&[claim(3, 1), claim(4, 0)]), "another proof is another claim");
}

#[test]
fn a_batch_is_no_larger_than_pays_and_announcements_are_bounded() {
    let below = Arc::new(Below::default());
    let scheme = Remembering::scheme(below.clone());
    (0..2 * Remembering::ANNOUNCED as u64).for_each(|number| scheme.announce(&numbered(number, 0, 1)));
    // What nobody has announced is asked about, until no announced claim comes along.
    let mut kept = 0;
    for node in 2..200 {
        assert!(scheme.verify(&[claim(node, 1)]));
        let calls = below.take_calls();
        assert!(calls.len() == 1 && calls[0] <= Remembering::BATCH, "{calls:?}");
        kept += calls[0] - 1;
    }
    assert_eq!(kept, Remembering::ANNOUNCED);
}

#[test]
fn announcements_take_no_more_memory_than_they_may() {
    let below = Arc::new(Below::default());
    let scheme = Remembering::scheme(below.clone());
    let large = |number: u64| {
        let proof = vec![0; Certificate::MAX_PROOF].into();
        let certificate = Certificate::new(NodeSet::first(NodeSet::CAPACITY), proof).unwrap();
        Claim::many(numbered(number, 0, 1).statement, NodeSet::CAPACITY, certificate)
    };
    (0..Remembering::ANNOUNCED as u64).for_each(|number| scheme.announce(&large(number)));
    let mut kept = 0;
    for node in 2..200 {
        assert!(scheme.verify(&[claim(node, 1)]));
        kept += below.take_calls()[0] - 1;
    }
    let bytes = kept * large(0).memory();
    assert!(bytes <= Remembering::ANNOUNCED_BYTES && bytes > Remembering::ANNOUNCED_BYTES / 2, "{bytes}");
}

#[test]
fn whoever_asks_about_a_claim_that_is_being_verified_waits_for_it() {
    let below = Arc::new(Below { gate: Some(Barrier::new(2)), ..Below::default() });
    let gate = || below.gate.as_ref().unwrap().wait();
    let scheme = Remembering::scheme(below.clone());
    let (done, outcome) = mpsc::channel();
    thread::scope(|threads| {
        let first = threads.spawn(|| scheme.verify(&[claim(1, 1)]));
        // The first thread is in the middle of it.
        gate();
        let (scheme, second) = (&scheme, done.clone());
        threads.spawn(move || second.send(scheme.verify(&[claim(1, 1)])).unwrap());
        // What nobody is at does not wait.
        assert!(scheme.verify(&[claim(2, 1)]));
        assert!(outcome.try_recv().is_err());
        gate();
        assert!(first.join().unwrap() && outcome.recv().unwrap());
    });
    assert_eq!(below.take_calls(), [1, 1], "one call for each claim");
}
