//! Forged messages of the atomic broadcast: checkpoints, certificates, heights, far epochs.

use mellivora_atomic::checkpoint::statement;
use mellivora_atomic::message::NoMessage;
use mellivora_atomic::{Certificate, Checkpoint, Message};
use mellivora_core::codec::List;
use mellivora_core::{Digest, Epoch, NodeIndex};
use mellivora_crypto::Signature;
use rand::RngExt;

use super::{Fire, Forgeable, Kit, catch_up};
use crate::Strategy;

impl<M: Forgeable, B: Forgeable> Forgeable for Message<M, B> {
    fn forge(self, to: NodeIndex, kit: &mut Kit, fire: Fire<'_, Self>) {
        match kit.strategy() {
            Strategy::FarEpochs => far_epochs(&self, to, kit, fire),
            // Beside what it says, now and then.
            Strategy::FalseHeight
                if !matches!(self, Message::Low(_)) && kit.rng().random_ratio(1, 8) && kit.spend() =>
            {
                let epoch = false_height(Epoch(0), to, kit);
                fire(to, Message::Low(epoch));
            }
            _ => {}
        }
        match self {
            Message::Epoch { epoch, message } => kit.in_epoch(epoch, |kit| {
                message.forge(to, kit, &mut |to, message| fire(to, Message::Epoch { epoch, message }));
            }),
            Message::Checkpoint(checkpoint) => checkpoints(checkpoint, to, kit, fire),
            Message::Low(epoch) if kit.strategy() == Strategy::FalseHeight => {
                fire(to, Message::Low(false_height(epoch, to, kit)));
            }
            Message::Certificate(certificate) if kit.strategy() == Strategy::BadCertificate => {
                let bad = bad_certificate(certificate.epoch, certificate.digest, Some(certificate), kit);
                kit.strike();
                fire(to, Message::Certificate(bad));
            }
            Message::Beside(message) => {
                message.forge(to, kit, &mut |to, message| fire(to, Message::Beside(message)));
            }
            other => catch_up::forge(other, to, kit, fire),
        }
    }

    fn answer(&self, from: NodeIndex, kit: &mut Kit, fire: Fire<'_, Self>) {
        match self {
            Message::Epoch { epoch, message } => {
                let epoch = *epoch;
                kit.in_epoch(epoch, |kit| {
                    message.answer(from, kit, &mut |to, message| fire(to, Message::Epoch { epoch, message }));
                });
            }
            Message::Beside(message) => {
                message.answer(from, kit, &mut |to, message| fire(to, Message::Beside(message)));
            }
            other => catch_up::answer(other, from, kit, fire),
        }
    }
}

impl Forgeable for NoMessage {
    fn forge(self, _: NodeIndex, _: &mut Kit, _: Fire<'_, Self>) {
        match self {}
    }
}

/// The same again for epochs that are far from over, or that will never come.
fn far_epochs<M: Forgeable, B: Forgeable>(
    message: &Message<M, B>,
    to: NodeIndex,
    kit: &mut Kit,
    fire: Fire<'_, Message<M, B>>,
) {
    let Some(near) = (match message {
        Message::Epoch { epoch, .. } => Some(*epoch),
        Message::Checkpoint(checkpoint) => Some(checkpoint.epoch),
        _ => None,
    }) else {
        return;
    };
    if !kit.spend() {
        return;
    }
    let epoch = match kit.rng().random_range(0..8) {
        0 => Epoch(u64::MAX),
        1 => near.plus(1_000_000),
        _ => near.plus(kit.rng().random_range(1..8)),
    };
    kit.strike();
    fire(
        to,
        match message {
            Message::Epoch { message, .. } => Message::Epoch { epoch, message: message.clone() },
            Message::Checkpoint(checkpoint) => Message::Checkpoint(Checkpoint { epoch, ..checkpoint.clone() }),
            _ => Message::FetchHeader(epoch),
        },
    );
}

/// Upwards to one half, downwards to the other.
fn false_height(truth: Epoch, to: NodeIndex, kit: &mut Kit) -> Epoch {
    let epoch = match (kit.side(to), kit.rng().random_range(0..4)) {
        (true, 0) => Epoch(u64::MAX),
        (true, _) => truth.plus(kit.rng().random_range(1..100)),
        (false, _) => Epoch(truth.0 / 2),
    };
    if epoch != truth {
        kit.strike();
    }
    epoch
}

fn checkpoints<M, B>(honest: Checkpoint, to: NodeIndex, kit: &mut Kit, fire: Fire<'_, Message<M, B>>) {
    match kit.strategy() {
        Strategy::FalseCheckpoint => {
            // One false digest per epoch and half; forgers that work together say the same.
            let mut digest = honest.digest;
            digest.0[0] ^= if kit.side(to) { 1 } else { 2 };
            let both = kit.rng().random_ratio(1, 4);
            kit.strike();
            fire(to, Message::Checkpoint(signed(honest.epoch, digest, honest.signature, kit)));
            if both {
                fire(to, Message::Checkpoint(honest));
            }
        }
        Strategy::BadCertificate => {
            let Checkpoint { epoch, digest, .. } = honest;
            for epoch in [epoch, epoch.next()] {
                let bad = bad_certificate(epoch, digest, None, kit);
                kit.strike();
                fire(to, Message::Certificate(bad));
            }
            fire(to, Message::Checkpoint(honest));
        }
        _ => fire(to, Message::Checkpoint(honest)),
    }
}

/// A checkpoint of any digest, signed if there is a key for it.
fn signed(epoch: Epoch, digest: Digest, otherwise: Signature, kit: &Kit) -> Checkpoint {
    let keys = kit.tools().keys.as_ref().zip(kit.tools().domain);
    let signature = keys.map_or(otherwise, |(keys, session)| keys.sign(&statement(&session, epoch, &digest)));
    Checkpoint { epoch, digest, signature }
}

/// A certificate that is none. `good` is one for the same epoch, where there is one.
fn bad_certificate(epoch: Epoch, digest: Digest, good: Option<Certificate>, kit: &mut Kit) -> Certificate {
    let (me, needed) = (kit.me(), kit.committee().one_honest());
    let own = (me, signed(epoch, digest, Signature([0; 64]), kit).signature);
    let junk = Signature(std::array::from_fn(|_| kit.rng().random()));
    let others: Vec<_> = kit.others().take(needed - 1).collect();
    let mut digest = digest;
    let signatures = match kit.rng().random_range(0..5) {
        // The own signature as often as it takes.
        0 => vec![own; needed],
        // One signature too few.
        1 => match good {
            Some(good) => good.signatures.iter().skip(1).copied().collect(),
            None => Vec::new(),
        },
        // In another order, or more than it takes.
        2 => match good {
            Some(good) => good.signatures.iter().rev().copied().chain([own]).collect(),
            None => others.iter().rev().map(|node| (*node, junk)).chain([own]).collect(),
        },
        // The right signatures for something else.
        3 => {
            digest.0[31] ^= 1;
            good.map_or_else(|| vec![own], |good| good.signatures.into_vec())
        }
        // Well formed, with forged signatures.
        _ => {
            let mut all: Vec<_> = others.iter().map(|node| (*node, junk)).chain([own]).collect();
            all.sort_unstable_by_key(|(node, _)| *node);
            all
        }
    };
    Certificate { epoch, digest, signatures: List::new(signatures) }
}
