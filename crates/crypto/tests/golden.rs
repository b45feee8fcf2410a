//! Golden vectors: everything that must be the same in all builds, from fixed seeds. A change here is a change of the
//! wire format or of the storage format, and belongs into the changelog.

mod common;

use std::fmt::Write;

use common::{Sealed, coin_shares, name, rng};
use mellivora_core::{Committee, Digest, Domain, Epoch, Era, Purpose, Round, Segment, codec};
use mellivora_crypto::{Certificates, NodeKeys, Schemes, Statement, Suite, deal, sealed_digest};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// All that a suite makes of seed 1: both key files, a coin share and value, a ciphertext, its share and proof.
fn everything(suite: Suite) -> String {
    let committee = Committee::new(4).unwrap();
    let (public, secrets) = deal(suite, committee, &mut rng(1)).unwrap();
    let nodes: Vec<NodeKeys> =
        secrets.iter().map(|secret| NodeKeys::new(public.clone(), secret, [7; 32]).unwrap()).collect();
    let mut text = format!("{}\n{}\n", public.to_file(), &*secrets[2].to_secret_file());
    let coin = name("golden coin");
    let shares = coin_shares(&nodes, &coin);
    let value = nodes[3].coin().combine(&coin, &shares).value.unwrap();
    let _ = writeln!(text, "coin share = {}", hex(shares[2].1.as_bytes()));
    let _ = writeln!(text, "coin share on the wire = {}", hex(&codec::encode(&shares[2].1)[..2]));
    let _ = writeln!(text, "coin value = {}, bit {}, of 7 {}", value.0, u8::from(value.bit()), value.choose(7));
    if suite.encrypts() {
        let sealed = Sealed::new(&nodes[0], "golden slot", 5, b"golden payload");
        let scheme = nodes[2].encryption().unwrap();
        let share = scheme.share(&sealed.header).unwrap();
        let _ = writeln!(text, "header = {}", hex(&sealed.header));
        let _ = writeln!(text, "sealed = {}", hex(&sealed.body));
        let _ = writeln!(text, "share = {}", hex(share.as_bytes()));
        if let Some(proof) = scheme.prove(&sealed.label, &sealed.header, &sealed.digest) {
            let _ = writeln!(text, "proof = {}", hex(proof.as_bytes()));
        }
    }
    let _ = writeln!(text, "signature = {}", hex(&codec::encode(&nodes[2].sign(b"golden message"))));
    text
}

#[test]
fn ristretto255() {
    insta::assert_snapshot!(everything(Suite::Ristretto255));
}

#[test]
fn bls12_381() {
    insta::assert_snapshot!(everything(Suite::Bls12381));
}

#[cfg(feature = "threshold_crypto")]
#[test]
fn threshold_crypto() {
    insta::assert_snapshot!(everything(Suite::ThresholdCrypto));
}

#[test]
fn digests_of_sealed_payloads() {
    let whole = sealed_digest([b"one two".as_slice()]);
    assert_eq!(whole, sealed_digest([b"one ".as_slice(), b"", b"two"]));
    assert_ne!(whole, Digest::default());
    insta::assert_snapshot!(whole.to_hex());
}

/// Keys, an endorsement and a certificate of each kind of certificates.
fn certificates(certificates: Certificates) -> String {
    let committee = Committee::new(4).unwrap();
    let schemes = Schemes { certificates, ..Schemes::default() };
    let (public, secrets) = deal(schemes, committee, &mut rng(1)).unwrap();
    let domain = Domain::new(public.digest(), Era(0)).child(Segment::epoch(Epoch(3)));
    let about = Statement { domain: domain.statement(Purpose::Lock, Round(1)), digest: name("golden value") };
    let nodes: Vec<NodeKeys> =
        secrets.iter().map(|secret| NodeKeys::new(public.clone(), secret, [7; 32]).unwrap()).collect();
    let signed: Vec<_> = nodes.iter().map(|node| (node.index(), node.certificates().endorse(&about))).collect();
    let scheme = nodes[3].certificates();
    let certificate = scheme.assemble(&about, 3, &signed[1..]).certificate.unwrap();
    let keys = public.to_file();
    let keys = keys.find("\n[certificates]").map_or("", |at| &keys[at..]);
    let secret = secrets[2].to_secret_file();
    let secret = secret.lines().find(|line| line.starts_with("certificates")).unwrap_or_default();
    format!(
        "key set = {}{keys}{secret}\nstatement = {}\nendorsement on the wire = {}\ncertificate on the wire = {}\n",
        public.digest(),
        hex(&about.to_bytes()),
        hex(&codec::encode(&signed[2].1)),
        hex(&codec::encode(&certificate)),
    )
}

#[test]
fn ed25519_certificates() {
    insta::assert_snapshot!(certificates(Certificates::Ed25519));
}

#[test]
fn bls12_381_certificates() {
    insta::assert_snapshot!(certificates(Certificates::Bls12381));
}
