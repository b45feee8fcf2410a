//! Forged messages of one epoch: decryption shares and their proofs; what is said in the subset.

use std::collections::BTreeMap;

use mellivora_atomic::epoch::{EpochMessage, PerSlot};
use mellivora_core::{Epoch, NodeIndex};
use mellivora_crypto::{DecryptionProof, DecryptionShare};
use rand::RngExt;

use super::{Fire, Forgeable, Kit};
use crate::Strategy;

/// What a forger remembers of decryption.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// A share of somebody else for a slot.
    foreign: BTreeMap<(Epoch, NodeIndex), DecryptionShare>,
    /// A share of its own for another slot, with the slot.
    own: Option<(Epoch, NodeIndex, DecryptionShare)>,
}

/// Slots that are remembered at the most.
const KEPT: usize = 1024;

impl<M: Forgeable> Forgeable for EpochMessage<M> {
    fn forge(self, to: NodeIndex, kit: &mut Kit, fire: Fire<'_, Self>) {
        match self {
            EpochMessage::Subset(message) => {
                kit.in_subset(|kit| {
                    message.forge(to, kit, &mut |to, message| fire(to, EpochMessage::Subset(message)));
                });
                decrypt_early(kit, fire);
            }
            EpochMessage::Shares(shares) => {
                let epoch = kit.place().epoch;
                let shares = shares.into_iter().map(|(slot, share)| {
                    let shown = shown_share(epoch, slot, share, to, kit);
                    kit.epochs.own = Some((epoch, slot, share));
                    (slot, shown)
                });
                fire(to, EpochMessage::Shares(PerSlot::new(shares.collect())));
            }
            EpochMessage::Proofs(proofs) => {
                let proofs = proofs.into_iter().map(|(slot, share, proof)| shown_proof(slot, share, proof, to, kit));
                fire(to, EpochMessage::Proofs(PerSlot::new(proofs.collect())));
            }
            prove @ EpochMessage::Prove(_) => fire(to, prove),
        }
    }

    fn answer(&self, from: NodeIndex, kit: &mut Kit, fire: Fire<'_, Self>) {
        match self {
            EpochMessage::Subset(message) => kit.in_subset(|kit| {
                message.answer(from, kit, &mut |to, message| fire(to, EpochMessage::Subset(message)));
            }),
            EpochMessage::Shares(shares) if kit.strategy() == Strategy::BadDecryption && from != kit.me() => {
                let epoch = kit.place().epoch;
                for (slot, share) in shares.iter() {
                    if kit.epochs.foreign.len() >= KEPT {
                        kit.epochs.foreign.pop_first();
                    }
                    kit.epochs.foreign.insert((epoch, *slot), *share);
                }
            }
            _ => {}
        }
    }
}

/// What `to` is shown instead of a share.
fn shown_share(epoch: Epoch, slot: NodeIndex, share: DecryptionShare, to: NodeIndex, kit: &mut Kit) -> DecryptionShare {
    let another = || kit.epochs.own.filter(|(e, s, _)| (*e, *s) != (epoch, slot)).map(|(.., share)| share);
    let shown = match kit.strategy() {
        Strategy::BadShare => Some(flipped(share)),
        Strategy::ForeignShare => another(),
        // An element of the group, so that nothing shows before the opening check. One half sees it.
        Strategy::BadDecryption if kit.side(to) => {
            Some(kit.epochs.foreign.get(&(epoch, slot)).copied().or_else(another).unwrap_or_else(|| flipped(share)))
        }
        _ => None,
    };
    match shown.filter(|shown| *shown != share) {
        Some(shown) => {
            kit.strike();
            shown
        }
        None => share,
    }
}

/// A liar that is asked for proofs: the true proof of the true share to some, a false one of the lie to others.
fn shown_proof(
    slot: NodeIndex,
    share: DecryptionShare,
    proof: DecryptionProof,
    to: NodeIndex,
    kit: &mut Kit,
) -> (NodeIndex, DecryptionShare, DecryptionProof) {
    let epoch = kit.place().epoch;
    match kit.strategy() {
        Strategy::BadShare => {
            kit.strike();
            (slot, flipped(share), proof)
        }
        Strategy::BadDecryption if kit.side(to) && kit.rng().random() => {
            let mut bytes = proof.as_bytes().to_vec();
            bytes.iter_mut().rev().take(8).for_each(|byte| *byte = byte.wrapping_add(1));
            let proof = DecryptionProof::from_bytes(&bytes).unwrap_or(proof);
            kit.strike();
            (slot, kit.epochs.foreign.get(&(epoch, slot)).copied().unwrap_or(share), proof)
        }
        _ => (slot, share, proof),
    }
}

/// The same length, another content.
fn flipped(share: DecryptionShare) -> DecryptionShare {
    let mut bytes = share.as_bytes().to_vec();
    bytes.iter_mut().take(1).for_each(|byte| *byte ^= 2);
    DecryptionShare::from_bytes(&bytes).unwrap_or(share)
}

/// Releases the decryption share of the own proposal, just made, before anything is chosen.
fn decrypt_early<M>(kit: &mut Kit, fire: Fire<'_, EpochMessage<M>>) {
    let Some(payload) = kit.proposals.disclosed.take() else { return };
    let share = kit.tools().keys.as_ref().and_then(|keys| {
        let scheme = keys.encryption()?;
        scheme.share(payload.get(..scheme.header_bytes())?)
    });
    if let Some(share) = share {
        let me = kit.me();
        for to in kit.others() {
            kit.strike();
            fire(to, EpochMessage::Shares(PerSlot::new(vec![(me, share)])));
        }
    }
}
