//! Forged messages of Dumbo2 and sDumbo: those of their broadcasts and of the agreement.

use bytes::Bytes;
use mellivora_broadcast::retrieval::RetrievalMessage;
use mellivora_broadcast::{PbMessage, PrbcMessage};
use mellivora_core::codec::Blob;
use mellivora_core::{Layer, NodeIndex, Segment};
use mellivora_crypto::Endorsement;
use mellivora_subset::VectorMessage;
use mellivora_subset::vector::StoredMessage;

use super::smvba::weak;
use super::{Fire, Forgeable, Kit, proposal};
use crate::Strategy;

impl<M: Forgeable> Forgeable for VectorMessage<M> {
    fn forge(self, to: NodeIndex, kit: &mut Kit, fire: Fire<'_, Self>) {
        match self {
            VectorMessage::Broadcast { proposer, message } => in_broadcast(proposer, kit, |kit| {
                message.forge(to, kit, &mut |to, message| fire(to, VectorMessage::Broadcast { proposer, message }));
            }),
            VectorMessage::Mvba(message) => in_agreement(kit, |kit| {
                message.forge(to, kit, &mut |to, message| fire(to, VectorMessage::Mvba(message)));
            }),
        }
    }

    fn answer(&self, from: NodeIndex, kit: &mut Kit, fire: Fire<'_, Self>) {
        match self {
            VectorMessage::Broadcast { proposer, message } => {
                let proposer = *proposer;
                in_broadcast(proposer, kit, |kit| {
                    message.answer(from, kit, &mut |to, message| {
                        fire(to, VectorMessage::Broadcast { proposer, message });
                    });
                });
                // What was overheard may be what the own proposal of a copier waits for.
                if kit.strategy() == Strategy::CopiedCiphertext {
                    let proposer = kit.me();
                    in_broadcast(proposer, kit, |kit| {
                        M::repropose(kit, &mut |to, message| {
                            fire(to, VectorMessage::Broadcast { proposer, message });
                        });
                    });
                }
            }
            VectorMessage::Mvba(message) => in_agreement(kit, |kit| {
                message.answer(from, kit, &mut |to, message| fire(to, VectorMessage::Mvba(message)));
            }),
        }
    }
}

fn in_broadcast(proposer: NodeIndex, kit: &mut Kit, act: impl FnOnce(&mut Kit)) {
    kit.in_instance(Segment::of(Layer::Pb, proposer), proposer, act);
}

fn in_agreement(kit: &mut Kit, act: impl FnOnce(&mut Kit)) {
    kit.in_instance(Segment::only(Layer::Mvba), NodeIndex(0), act);
}

/// The same length, another first byte.
pub(super) fn bad(endorsement: &Endorsement, kit: &mut Kit) -> Endorsement {
    let mut bytes = endorsement.as_bytes().to_vec();
    bytes.iter_mut().take(1).for_each(|byte| *byte ^= 1);
    kit.strike();
    Endorsement::from_bytes(&bytes).unwrap_or(*endorsement)
}

impl Forgeable for PrbcMessage {
    fn forge(self, to: NodeIndex, kit: &mut Kit, fire: Fire<'_, Self>) {
        match self {
            PrbcMessage::Rbc(message) => {
                message.forge(to, kit, &mut |to, message| fire(to, PrbcMessage::Rbc(message)));
            }
            PrbcMessage::Delivered(root, endorsement) if kit.strategy() == Strategy::WeakCertificate => {
                fire(to, PrbcMessage::Delivered(root, bad(&endorsement, kit)));
            }
            delivered => fire(to, delivered),
        }
    }

    fn repropose(kit: &mut Kit, fire: Fire<'_, Self>) {
        proposal::propose(kit, &mut |to, message| fire(to, PrbcMessage::Rbc(message)));
    }

    fn answer(&self, from: NodeIndex, kit: &mut Kit, fire: Fire<'_, Self>) {
        if let PrbcMessage::Rbc(message) = self {
            message.answer(from, kit, &mut |to, message| fire(to, PrbcMessage::Rbc(message)));
        }
    }
}

impl Forgeable for StoredMessage {
    fn forge(self, to: NodeIndex, kit: &mut Kit, fire: Fire<'_, Self>) {
        let forged = match (self, kit.strategy()) {
            (StoredMessage::Pb(PbMessage::Send(payload)), Strategy::FalseValue) => {
                let other = [&payload[..], &[u8::from(kit.side(to))]].concat();
                kit.strike();
                StoredMessage::Pb(PbMessage::Send(Blob(Bytes::from(other))))
            }
            (StoredMessage::Pb(PbMessage::Endorse(endorsement)), Strategy::WeakCertificate) => {
                StoredMessage::Pb(PbMessage::Endorse(bad(&endorsement, kit)))
            }
            (StoredMessage::Pb(PbMessage::Final(root, certificate)), Strategy::WeakCertificate) => {
                StoredMessage::Pb(PbMessage::Final(root, weak(&certificate, kit)))
            }
            // Whoever asks the liar for chunks gets others than it asked for, or hears that there are none.
            (StoredMessage::Retrieval(RetrievalMessage::Chunk(root, index, chunk)), Strategy::FalseValue) => {
                kit.strike();
                StoredMessage::Retrieval(match kit.side(to) {
                    true => RetrievalMessage::Chunk(root, index.wrapping_add(1), chunk),
                    false => RetrievalMessage::Absent(root),
                })
            }
            (StoredMessage::Pb(PbMessage::Send(payload)), _) => {
                return proposal::forge_whole(payload.0, to, kit, &mut |to, payload| {
                    fire(to, StoredMessage::Pb(PbMessage::Send(Blob(payload))));
                });
            }
            (honest, _) => honest,
        };
        fire(to, forged);
    }

    fn repropose(kit: &mut Kit, fire: Fire<'_, Self>) {
        proposal::propose_whole(kit, &mut |to, payload| {
            fire(to, StoredMessage::Pb(PbMessage::Send(Blob(payload))));
        });
    }

    fn answer(&self, from: NodeIndex, kit: &mut Kit, _: Fire<'_, Self>) {
        if let StoredMessage::Pb(PbMessage::Send(payload)) = self
            && from != kit.me()
        {
            proposal::overhear_whole(payload, kit);
        }
    }
}
