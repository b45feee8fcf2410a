//! A scheme with a memory, asked by several threads.

use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread;

use bytes::Bytes;
use mellivora_core::{Digest, Domain, Era, NodeIndex, Purpose, Round};
use mellivora_crypto::{
    Assembly, Certificate, CertificateScheme, Claim, ClaimProof, Endorsement, Remembering, Statement,
};

/// Finds everything valid, and takes its time over claims of node 1.
#[derive(Debug)]
struct Below {
    calls: Mutex<Vec<usize>>,
    gate: Barrier,
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
        let of_node_1 = |claim: &Claim| matches!(&claim.proof, ClaimProof::Many { certificate, .. } if certificate.signers.contains(NodeIndex(1)));
        if claims.iter().any(of_node_1) {
            self.gate.wait();
            self.gate.wait();
        }
        true
    }
}

fn claim(node: u16) -> Claim {
    let domain = Domain::new(Digest([1; 32]), Era(0)).statement(Purpose::Stored, Round(0));
    let certificate = Certificate::new([NodeIndex(node)].into_iter().collect(), Bytes::from_static(&[1])).unwrap();
    Claim::many(Statement { domain, digest: Digest([2; 32]) }, 1, certificate)
}

#[test]
fn whoever_asks_about_a_claim_that_is_being_verified_waits_for_it() {
    let below = Arc::new(Below { calls: Mutex::default(), gate: Barrier::new(2) });
    let scheme = Remembering::scheme(below.clone());
    let (done, outcome) = mpsc::channel();
    thread::scope(|threads| {
        let first = threads.spawn(|| scheme.verify(&[claim(1)]));
        // The first thread is in the middle of it.
        below.gate.wait();
        let (scheme, second) = (&scheme, done.clone());
        threads.spawn(move || second.send(scheme.verify(&[claim(1)])).unwrap());
        // What nobody is at does not wait.
        assert!(scheme.verify(&[claim(2)]));
        assert!(outcome.try_recv().is_err());
        below.gate.wait();
        assert!(first.join().unwrap() && outcome.recv().unwrap());
    });
    assert_eq!(*below.calls.lock().unwrap(), [1, 1], "one call for each claim");
}
