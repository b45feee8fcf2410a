//! Forged messages of the agreement of Cachin, Kursawe, Petzold and Shoup: false values and commitments, weak certificates,
//! votes against better knowledge and about others, shares of the coin; and all lies of its binary agreements.

use bytes::Bytes;
use mellivora_agreement::CkpsMessage;
use mellivora_broadcast::PbMessage;
use mellivora_core::codec::{Blob, encode};
use mellivora_core::{Layer, NodeIndex, Round, Segment};

use super::smvba::weak;
use super::vector::bad;
use super::{Fire, Forgeable, Kit, share};
use crate::Strategy;

/// The coin that orders the candidates belongs to no round.
const ONLY: Round = Round(0);

impl Forgeable for CkpsMessage {
    fn forge(self, to: NodeIndex, kit: &mut Kit, fire: Fire<'_, Self>) {
        share::early_of([ONLY].into_iter(), to, kit, &mut |_, share| fire(to, CkpsMessage::Share(share)));
        let forged = match (self, kit.strategy()) {
            (CkpsMessage::Aba { candidate, message }, _) => {
                return in_agreement(candidate, kit, |kit| {
                    message.forge(to, kit, &mut |to, message| fire(to, CkpsMessage::Aba { candidate, message }));
                });
            }
            (CkpsMessage::Share(share), _) => CkpsMessage::Share(share::forge(ONLY, share, kit)),
            (CkpsMessage::Value { proposer, message }, _) => {
                CkpsMessage::Value { proposer, message: misreport(message, extended, to, kit) }
            }
            (CkpsMessage::Commitment { proposer, message }, _) => {
                CkpsMessage::Commitment { proposer, message: misreport(message, everybody, to, kit) }
            }
            (CkpsMessage::Certificate { candidate, root, certificate }, Strategy::WeakCertificate) => {
                CkpsMessage::Certificate { candidate, root, certificate: weak(&certificate, kit) }
            }
            // One half hears that the certificate is there, whether or not it is.
            (CkpsMessage::Vote { candidate, .. }, Strategy::FalseValue) => {
                kit.strike();
                CkpsMessage::Vote { candidate, yes: kit.side(to) }
            }
            (CkpsMessage::Vote { candidate, yes }, Strategy::FalseLeader) => {
                CkpsMessage::Vote { candidate: other(candidate, kit), yes }
            }
            (CkpsMessage::Certificate { candidate, root, certificate }, Strategy::FalseLeader) => {
                CkpsMessage::Certificate { candidate: other(candidate, kit), root, certificate }
            }
            (honest, _) => honest,
        };
        fire(to, forged);
    }

    fn answer(&self, from: NodeIndex, kit: &mut Kit, fire: Fire<'_, Self>) {
        match self {
            CkpsMessage::Share(share) if from != kit.me() => share::overhear(share, kit),
            CkpsMessage::Aba { candidate, message } => in_agreement(*candidate, kit, |kit| {
                let candidate = *candidate;
                message.answer(from, kit, &mut |to, message| fire(to, CkpsMessage::Aba { candidate, message }));
            }),
            _ => {}
        }
    }
}

fn in_agreement(candidate: NodeIndex, kit: &mut Kit, act: impl FnOnce(&mut Kit)) {
    kit.in_instance(Segment::of(Layer::Aba, candidate), candidate, act);
}

/// Another candidate than the one that it is about.
fn other(candidate: NodeIndex, kit: &mut Kit) -> NodeIndex {
    kit.strike();
    // A committee has at most 256 nodes, so the index fits.
    NodeIndex(((candidate.as_usize() + 1) % kit.committee().n()) as u16)
}

/// Another value.
fn extended(value: &Blob, _: &Kit) -> Bytes {
    Bytes::from([&value[..], &[1]].concat())
}

/// A commitment to everybody.
fn everybody(_: &Blob, kit: &Kit) -> Bytes {
    encode(&kit.committee().all())
}

/// Another payload for one half; certificates and endorsements that prove nothing.
fn misreport(message: PbMessage, other: fn(&Blob, &Kit) -> Bytes, to: NodeIndex, kit: &mut Kit) -> PbMessage {
    match (message, kit.strategy()) {
        (PbMessage::Send(payload), Strategy::FalseValue) if kit.side(to) => {
            kit.strike();
            PbMessage::Send(Blob(other(&payload, kit)))
        }
        (PbMessage::Endorse(endorsement), Strategy::WeakCertificate) => PbMessage::Endorse(bad(&endorsement, kit)),
        (PbMessage::Final(root, certificate), Strategy::WeakCertificate) => {
            PbMessage::Final(root, weak(&certificate, kit))
        }
        (honest, _) => honest,
    }
}
