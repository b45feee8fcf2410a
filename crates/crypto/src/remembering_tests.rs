//! How often the scheme below is asked, and about what.

use bytes::Bytes;
use mellivora_core::{Domain, Era, Purpose, Round};

use super::*;
use crate::certificate::Certificate;

/// Finds valid what proves itself by the byte 1, and notes how many claims each call was about.
#[derive(Debug, Default)]
struct Below {
    calls: Mutex<Vec<usize>>,
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
        claims.iter().all(|claim| {
            matches!(&claim.proof, crate::ClaimProof::Many { certificate, .. }
            if certificate.proof() == [1])
        })
    }
}

/// A claim that differs from others by its only signer.
fn claim(node: u16, proof: u8) -> Claim {
    let domain = Domain::new(Digest([1; 32]), Era(0)).statement(Purpose::Stored, Round(0));
    let signers = [NodeIndex(node)].into_iter().collect();
    let certificate = Certificate::new(signers, Bytes::copy_from_slice(&[proof])).unwrap();
    Claim::many(Statement { domain, digest: Digest([2; 32]) }, 1, certificate)
}

fn scheme(below: &Arc<Below>) -> Arc<dyn CertificateScheme> {
    Remembering::scheme(below.clone())
}

fn calls(below: &Below) -> Vec<usize> {
    std::mem::take(&mut *below.calls.lock().unwrap())
}

#[test]
fn what_was_announced_is_verified_with_the_first_that_is_asked_about() {
    let below = Arc::new(Below::default());
    let scheme = scheme(&below);
    (0..5).for_each(|node| scheme.announce(&claim(node, 1)));
    assert!(scheme.verify(&[claim(2, 1)]));
    assert_eq!(calls(&below), [5]);
    assert!((0..5).all(|node| scheme.verify(&[claim(node, 1)])));
    assert_eq!(calls(&below), [0; 0], "all of them are known by now");
}

#[test]
fn an_invalid_claim_costs_the_others_one_batch_and_nothing_else() {
    let below = Arc::new(Below::default());
    let scheme = scheme(&below);
    (0..5).for_each(|node| scheme.announce(&claim(node, u8::from(node != 3))));
    for node in 0..5 {
        assert_eq!(scheme.verify(&[claim(node, u8::from(node != 3))]), node != 3, "node {node}");
    }
    assert_eq!(calls(&below), [5, 1, 1, 1, 1, 1], "once together, and then each on its own");
    assert!(!scheme.verify(&[claim(3, 1), claim(4, 0)]), "another proof is another claim");
}

#[test]
fn a_batch_is_no_larger_than_pays_and_announcements_are_bounded() {
    let below = Arc::new(Below::default());
    let scheme = scheme(&below);
    (0..200).for_each(|node| scheme.announce(&claim(node, 1)));
    assert!(scheme.verify(&[claim(0, 1)]));
    assert_eq!(calls(&below), [Remembering::BATCH]);
    for number in 0..2 * Remembering::ANNOUNCED {
        let mut other = claim(0, 1);
        other.statement.digest.0[..8].copy_from_slice(&(number as u64).to_be_bytes());
        scheme.announce(&other);
    }
    let remembering = Remembering { inner: below, state: Mutex::default(), settled: Condvar::new() };
    for number in 0..2 * Remembering::ANNOUNCED {
        let mut other = claim(0, 1);
        other.statement.digest.0[..8].copy_from_slice(&(number as u64).to_be_bytes());
        remembering.announce(&other);
    }
    assert_eq!(remembering.lock().announced.len(), Remembering::ANNOUNCED);
}
