//! Ciphertexts and shares of coins, whole, mutated and made up, against every suite.

use std::sync::OnceLock;

use mellivora_core::{Committee, Digest, NodeIndex};
use mellivora_crypto::{CoinShare, CoinValue, DecryptionShare, NodeKeys, Seed, Suite, deal_nodes, sealed_digest};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::input::Input;

const LABEL: Digest = Digest([7; 32]);
const NODES: usize = 4;

/// The keys of a suite, dealt once.
fn keys(choice: usize) -> &'static [NodeKeys] {
    static KEYS: OnceLock<Vec<Vec<NodeKeys>>> = OnceLock::new();
    let all = KEYS.get_or_init(|| {
        let committee = Committee::new(NODES).expect("four nodes");
        let deal =
            |suite: &Suite| deal_nodes(*suite, committee, &mut ChaCha8Rng::seed_from_u64(1)).expect("sound keys");
        Suite::ALL.iter().map(deal).collect()
    });
    &all[choice % all.len()]
}

/// Changes up to three bytes of `bytes`, which are not empty, as the input says.
fn change(bytes: &mut [u8], input: &mut Input<'_>) {
    for _ in 0..input.below(4) {
        let (at, by) = (input.below(bytes.len()), input.byte());
        bytes[at] ^= by;
    }
}

/// A ciphertext, changed in header, payload or label: only the unchanged one checks, and whatever checks opens alike
/// for every choice of shares. Made-up headers and shares never panic.
pub fn ciphertext(data: &[u8]) -> bool {
    let mut input = Input(data);
    let keys = keys(input.below(Suite::ALL.len()));
    let Some(scheme) = keys[0].encryption() else { return false };
    let mut label = LABEL;
    label.0[0] ^= input.byte();
    let made_up = input.byte() & 1 == 1;
    let mut payload = b"a payload that is not empty".to_vec();
    let mut header = scheme.seal(&LABEL, &Seed([input.byte(); 32]), &mut payload);
    assert_eq!(header.len(), scheme.header_bytes());
    let (honest_header, honest_payload) = (header.clone(), payload.clone());
    change(&mut payload, &mut input);
    if made_up {
        let len = input.below(2 * scheme.header_bytes());
        header = input.take(len).to_vec();
    } else {
        change(&mut header, &mut input);
    }
    let whole = label == LABEL && header == honest_header && payload == honest_payload;
    let digest = sealed_digest([&payload[..]]);

    let valid = scheme.check(&label, &header, &digest);
    assert_eq!(valid, whole, "exactly the whole ciphertext checks under its own label");
    let mut shares: Vec<(NodeIndex, DecryptionShare)> = Vec::new();
    for node in keys {
        let scheme = node.encryption().expect("all nodes have the same suite");
        assert_eq!(scheme.check(&label, &header, &digest), valid, "all nodes judge alike");
        if let Some(share) = scheme.share(&header) {
            shares.push((node.index(), share));
        }
    }
    if !valid {
        // Nobody asks for these, but a peer may make a node try.
        let forged = DecryptionShare::from_bytes(input.take(40)).expect("short enough");
        for pair in shares.windows(2) {
            scheme.combine(&label, &header, pair);
        }
        scheme.combine(&label, &header, &[(NodeIndex(0), forged), (NodeIndex(3), forged)]);
        scheme.verify(&label, &header, &digest, NodeIndex(1), &forged, None);
        scheme.prove(&label, &header, &digest);
        return false;
    }

    assert_eq!(shares.len(), NODES);
    let mut wrong = shares[0].1.as_bytes().to_vec();
    change(&mut wrong, &mut input);
    let wrong = DecryptionShare::from_bytes(&wrong).expect("no longer than before");
    let proof = keys[0].encryption().and_then(|scheme| scheme.prove(&label, &header, &digest));
    let right = scheme.verify(&label, &header, &digest, NodeIndex(0), &wrong, proof.as_ref());
    assert_eq!(right, wrong == shares[0].1, "a share is right or it is not");
    let seed = scheme.combine(&label, &header, &shares[..2]).expect("honest shares of an honest ciphertext");
    assert_eq!(scheme.combine(&label, &header, &shares[2..]), Some(seed), "any shares, the same seed");
    let bent = scheme.combine(&label, &header, &[(NodeIndex(0), wrong), shares[1]]);
    assert!(bent.is_none() || bent == Some(seed), "a wrong share gives no other seed");
    assert!(scheme.matches(&label, &header, &seed));
    let opened = scheme.unseal(&label, &header, &seed, payload);
    assert_eq!(opened.as_deref(), Some(&b"a payload that is not empty"[..]));
    true
}

/// Shares of a coin, of which the bytes change some: with f + 1 right ones the value is the right one, and nobody is
/// named who sent a right share.
pub fn coin(data: &[u8]) -> bool {
    let mut input = Input(data);
    let keys = keys(input.below(Suite::ALL.len()));
    let name = Digest([input.byte(); 32]);
    let shares: Vec<_> = keys.iter().map(|node| (node.index(), node.coin().share(&name))).collect();
    let value: CoinValue = keys[3].coin().combine(&name, &shares).value.expect("four right shares");

    let mut given = Vec::new();
    let mut right = Vec::new();
    for (node, share) in &shares {
        let sent = match input.below(4) {
            0 => continue,
            1 => CoinShare::from_bytes(input.take(120)).expect("short enough"),
            2 => {
                let mut bytes = share.as_bytes().to_vec();
                change(&mut bytes, &mut input);
                CoinShare::from_bytes(&bytes).expect("no longer than before")
            }
            _ => share.clone(),
        };
        if sent == *share {
            right.push(*node);
        }
        given.push((*node, sent));
    }
    let outcome = keys[0].coin().combine(&name, &given);
    assert!(outcome.value.is_none_or(|found| found == value), "no other value ever");
    if right.len() > 1 {
        assert_eq!(outcome.value, Some(value), "f + 1 right shares are enough");
    }
    assert!(right.iter().all(|node| !outcome.culprits.contains(*node)), "nobody is blamed for a right share");
    outcome.value.is_some()
}
