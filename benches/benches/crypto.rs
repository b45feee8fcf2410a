//! Coins, threshold encryption, checkpoint signatures, certificates.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use mellivora::core::{Committee, Digest, NodeIndex, Purpose, Round};
use mellivora::crypto::{
    Certificates, Claim, EncryptionScheme, NodeKeys, Schemes, Seed, Statement, Suite, deal_nodes, sealed_digest,
};
use mellivora_benches::{MiMalloc, clock::ThreadCpu, criterion, setup};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const SUITES: [Suite; 2] = [Suite::Ristretto255, Suite::Bls12381];
const SIZES: [usize; 3] = [4, 10, 16];
/// Sizes around the one from which on aggregates are cheaper to verify.
const COMMITTEES: [usize; 4] = [4, 16, 31, 64];

fn coin(c: &mut Criterion<ThreadCpu>, suite: Suite, committee: Committee, keys: &[NodeKeys]) {
    let name = Digest([3; 32]);
    let shares: Vec<_> =
        keys.iter().take(committee.one_honest()).map(|keys| (keys.index(), keys.coin().share(&name))).collect();
    let coin = keys[0].coin();
    assert!(coin.combine(&name, &shares).value.is_some(), "genuine shares combine");
    let id = |operation: &str| format!("crypto::coin_{operation}/suite={suite},n={}", committee.n());
    c.bench_function(&id("share"), |b| b.iter(|| coin.share(&name)));
    c.bench_function(&id("combine"), |b| b.iter(|| coin.combine(&name, &shares)));
}

fn encryption(c: &mut Criterion<ThreadCpu>, suite: Suite, committee: Committee, keys: &[NodeKeys]) {
    fn scheme(keys: &NodeKeys) -> &dyn EncryptionScheme {
        keys.encryption().unwrap_or_else(|| panic!("both suites encrypt")).as_ref()
    }
    let (label, seed, payload) = (Digest([4; 32]), Seed([5; 32]), setup::payload(250).to_vec());
    let ours = scheme(&keys[0]);
    let mut sealed = payload.clone();
    let header = ours.seal(&label, &seed, &mut sealed);
    let digest = sealed_digest([sealed.as_slice()]);
    assert!(ours.check(&label, &header, &digest));
    let share = |keys: &NodeKeys| scheme(keys).share(&header).unwrap_or_else(|| panic!("a valid header"));
    let shares: Vec<_> = keys.iter().take(committee.one_honest()).map(|keys| (keys.index(), share(keys))).collect();
    assert_eq!(ours.combine(&label, &header, &shares), Some(seed));
    assert_eq!(ours.unseal(&label, &header, &seed, sealed.clone()), Some(payload.clone()));
    let theirs = &keys[1];
    let proof = scheme(theirs).prove(&label, &header, &digest);
    let (from, their_share): (NodeIndex, _) = (theirs.index(), share(theirs));
    assert!(ours.verify(&label, &header, &digest, from, &their_share, proof.as_ref()));

    let id = |operation: &str| format!("crypto::{operation}/suite={suite},n={}", committee.n());
    c.bench_function(&id("seal"), |b| {
        b.iter_batched(|| payload.clone(), |mut payload| ours.seal(&label, &seed, &mut payload), BatchSize::SmallInput);
    });
    c.bench_function(&id("check"), |b| b.iter(|| ours.check(&label, &header, &digest)));
    c.bench_function(&id("share"), |b| b.iter(|| ours.share(&header)));
    c.bench_function(&id("combine"), |b| b.iter(|| ours.combine(&label, &header, &shares)));
    if !ours.self_proving() {
        c.bench_function(&id("prove"), |b| b.iter(|| ours.prove(&label, &header, &digest)));
    }
    c.bench_function(&id("verify"), |b| {
        b.iter(|| ours.verify(&label, &header, &digest, from, &their_share, proof.as_ref()));
    });
}

/// Independent of suite and size.
fn checkpoints(c: &mut Criterion<ThreadCpu>) {
    let keys = setup::keys(Suite::default(), setup::committee(4));
    let statement = setup::domain(1).to_bytes();
    let signature = keys[0].sign(&statement);
    assert!(keys[1].verify(NodeIndex(0), &statement, &signature));
    c.bench_function("crypto::checkpoint_sign", |b| b.iter(|| keys[0].sign(&statement)));
    c.bench_function("crypto::checkpoint_verify", |b| b.iter(|| keys[1].verify(NodeIndex(0), &statement, &signature)));
}

/// What a node does for a certificate of a quorum: endorse, put together, verify one, and verify as many as there are
/// nodes at once, each on a statement of its own.
fn certificates(c: &mut Criterion<ThreadCpu>, certificates: Certificates, committee: Committee) {
    let schemes = Schemes { certificates, ..Schemes::default() };
    let keys = deal_nodes(schemes, committee, &mut ChaCha20Rng::seed_from_u64(7)).unwrap_or_else(|e| panic!("{e}"));
    let about = |number| Statement {
        domain: setup::domain(number).statement(Purpose::Lock, Round(1)),
        digest: Digest([9; 32]),
    };
    let quorum = committee.quorum();
    let scheme = keys[0].certificates();
    let claim = |number| {
        let about = about(number);
        let signed: Vec<_> =
            keys.iter().take(quorum).map(|keys| (keys.index(), keys.certificates().endorse(&about))).collect();
        let made = scheme.assemble(&about, quorum, &signed).certificate.unwrap_or_else(|| panic!("all are valid"));
        (signed, Claim::many(about, quorum, made))
    };
    let (signed, one) = claim(0);
    let all: Vec<Claim> = (0..committee.n() as u64).map(|number| claim(number).1).collect();
    assert!(scheme.verify(&all));
    let (n, about) = (committee.n(), about(0));
    let id = |operation: &str| format!("crypto::certificate_{operation}/certificates={certificates},n={n}");
    c.bench_function(&id("endorse"), |b| b.iter(|| scheme.endorse(&about)));
    c.bench_function(&id("assemble"), |b| b.iter(|| scheme.assemble(&about, quorum, &signed)));
    c.bench_function(&id("verify"), |b| b.iter(|| scheme.verify(std::slice::from_ref(&one))));
    c.bench_function(&id("verify_n"), |b| b.iter(|| scheme.verify(&all)));
}

fn bench(c: &mut Criterion<ThreadCpu>) {
    for suite in SUITES {
        for n in SIZES {
            let committee = setup::committee(n);
            let keys = setup::keys(suite, committee);
            coin(c, suite, committee, &keys);
            encryption(c, suite, committee, &keys);
        }
    }
    checkpoints(c);
    for &kind in Certificates::ALL {
        for n in COMMITTEES {
            certificates(c, kind, setup::committee(n));
        }
    }
}

criterion_group! { name = benches; config = criterion(); targets = bench }
criterion_main!(benches);
