//! Forged messages of agreement on a value: false values, weak certificates, false leaders, shares of the coin.

use bytes::Bytes;
use mellivora_agreement::SmvbaMessage;
use mellivora_agreement::smvba::{HaltProof, Prevote, Vote};
use mellivora_broadcast::SpbMessage;
use mellivora_core::codec::Blob;
use mellivora_core::{NodeIndex, NodeSet, Round};
use mellivora_crypto::Certificate;
use rand::RngExt;

use super::{Fire, Forgeable, Kit, share, streams};
use crate::Strategy;

impl Forgeable for SmvbaMessage {
    fn forge(mut self, to: NodeIndex, kit: &mut Kit, fire: Fire<'_, Self>) {
        if let Some(view) = self.view() {
            share::early_of([view, view.next()].into_iter(), to, kit, &mut |view, share| {
                fire(to, SmvbaMessage::Share { view, share });
            });
        }
        match kit.strategy() {
            Strategy::WeakCertificate => weaken(&mut self, kit),
            Strategy::FalseLeader => mislead(&mut self, kit),
            Strategy::FalseValue => misjustify(&mut self, to, kit),
            _ => {}
        }
        if let SmvbaMessage::Share { view, share } = self {
            self = SmvbaMessage::Share { view, share: share::forge(view, share, kit) };
        }
        fire(to, self);
    }

    fn answer(&self, from: NodeIndex, kit: &mut Kit, _: Fire<'_, Self>) {
        if let SmvbaMessage::Share { share, .. } = self
            && from != kit.me()
        {
            share::overhear(share, kit);
        }
    }
}

/// A certificate that proves less than it should: a signer too few, one twice, a changed signature.
pub(super) fn weak(certificate: &Certificate, kit: &mut Kit) -> Certificate {
    let signers = certificate.signers;
    let mut proof = certificate.proof().to_vec();
    let each = proof.len() / signers.len().max(1);
    let mut fewer = NodeSet::EMPTY;
    signers.iter().skip(1).for_each(|node| {
        fewer.insert(node);
    });
    let signers = match kit.rng().random_range(0..3) {
        0 => {
            proof.drain(..each);
            fewer
        }
        1 => {
            let last = proof.len().saturating_sub(each);
            proof.copy_within(..each, last);
            signers
        }
        _ => {
            proof.iter_mut().take(1).for_each(|byte| *byte ^= 1);
            signers
        }
    };
    kit.strike();
    Certificate::new(signers, proof.into()).unwrap_or_else(|| certificate.clone())
}

fn weaken(message: &mut SmvbaMessage, kit: &mut Kit) {
    let certificate = match message {
        SmvbaMessage::Spb {
            message: SpbMessage::Lock(_, certificate) | SpbMessage::Finish(_, certificate), ..
        } => certificate,
        SmvbaMessage::Prevote { prevote: Prevote::Yes { lock, .. }, .. } => lock,
        SmvbaMessage::Vote { vote: Vote::Yes { lock, .. }, .. } => lock,
        SmvbaMessage::Vote { vote: Vote::No { no_locks, .. }, .. } => no_locks,
        SmvbaMessage::Halt(halt) => match &mut halt.proof {
            HaltProof::Finish(certificate) | HaltProof::Seen(certificate) => certificate,
        },
        _ => return,
    };
    *certificate = weak(certificate, kit);
}

fn mislead(message: &mut SmvbaMessage, kit: &mut Kit) {
    let leader = match message {
        SmvbaMessage::Prevote { leader, .. } | SmvbaMessage::Vote { leader, .. } => leader,
        SmvbaMessage::Halt(halt) => &mut halt.leader,
        _ => return,
    };
    // A committee has at most 256 nodes, so the index fits.
    let other = NodeIndex(((leader.as_usize() + 1) % kit.committee().n()) as u16);
    if *leader != other {
        *leader = other;
        kit.strike();
    }
}

/// Another value for each half, and from the second view on without what would justify it.
fn misjustify(message: &mut SmvbaMessage, to: NodeIndex, kit: &mut Kit) {
    let SmvbaMessage::Spb { view, message: SpbMessage::Send { value, proof }, .. } = message else { return };
    if kit.side(to) || *view > Round(1) {
        let other = streams::false_tips(value, kit);
        let other = other.unwrap_or_else(|| Bytes::from([&value[..], &[u8::from(kit.side(to))]].concat()));
        *value = Blob(other);
        *proof = Blob(Bytes::from_static(&[1, 0, 0, 0, 0]));
        kit.strike();
    }
}
