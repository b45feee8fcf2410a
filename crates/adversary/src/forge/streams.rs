//! Forged messages of streams: false batches, weak certificates, far slots, lies to those who fetch; and false tips.

use std::collections::BTreeMap;

use bytes::Bytes;
use mellivora_atomic::dumbo_ng::{OfStream, Tips};
use mellivora_broadcast::retrieval::RetrievalMessage;
use mellivora_broadcast::stream::{CertifiedTip, StreamMessage, Tip};
use mellivora_coding::{Body, ChunkTree};
use mellivora_core::codec::{self, Blob, List};
use mellivora_core::{Epoch, Layer, NodeIndex, Segment};
use mellivora_crypto::{Certificate, Endorsement};
use rand::RngExt;

use super::smvba::weak;
use super::vector::bad;
use super::{Fire, Forgeable, Kit, proposal};
use crate::Strategy;

/// A place in a stream, and who has voted for it.
type Voted = (Tip, Vec<(NodeIndex, Endorsement)>);

/// What a forger remembers of its own stream.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Places that its false batches lead to, which the wrapped instance does not know, and the votes for each.
    places: BTreeMap<u64, Vec<Voted>>,
    /// What the newest own proposal follows.
    newest: Option<(Tip, Option<Certificate>)>,
}

/// Slots with false batches, at the most. What is in them is never ordered, so the wrapped instance proposes it again in
/// the next slot; without a bound that would go on for ever.
const LIES: usize = 24;

impl Forgeable for OfStream {
    fn forge(self, to: NodeIndex, kit: &mut Kit, fire: Fire<'_, Self>) {
        let OfStream { proposer, message } = self;
        kit.in_instance(Segment::of(Layer::Stream, proposer), proposer, |kit| {
            forge(message, to, kit, &mut |to, message| fire(to, OfStream { proposer, message }));
        });
    }

    fn answer(&self, from: NodeIndex, kit: &mut Kit, fire: Fire<'_, Self>) {
        let OfStream { proposer, message } = self;
        let proposer = *proposer;
        kit.in_instance(Segment::of(Layer::Stream, proposer), proposer, |kit| match message {
            StreamMessage::Proposal { previous, payload, .. } if from == proposer && from != kit.me() => {
                in_slot(previous.slot.saturating_add(1), kit, |kit| proposal::overhear_whole(payload, kit));
            }
            StreamMessage::Vote(tip, endorsement) if proposer == kit.me() => {
                if let Some(certified) = certify(from, tip, *endorsement, kit) {
                    for to in kit.others() {
                        kit.strike();
                        fire(to, OfStream { proposer, message: StreamMessage::Tip(certified.clone()) });
                    }
                }
            }
            _ => {}
        });
        if kit.strategy() == Strategy::CopiedCiphertext && matches!(message, StreamMessage::Proposal { .. }) {
            copy(kit, fire);
        }
    }
}

/// What was overheard may be what the own proposal of a copier waits for.
fn copy(kit: &mut Kit, fire: Fire<'_, OfStream>) {
    let Some((previous, certificate)) = kit.streams.newest.clone() else { return };
    let proposer = kit.me();
    let mut copies = Vec::new();
    kit.in_instance(Segment::of(Layer::Stream, proposer), proposer, |kit| {
        in_slot(previous.slot.saturating_add(1), kit, |kit| {
            proposal::propose_whole(kit, &mut |to, payload| copies.push((to, payload)));
        });
    });
    for (to, payload) in copies {
        remember(previous, &payload, kit);
        let payload = Blob(payload);
        let message = StreamMessage::Proposal { previous, certificate: certificate.clone(), payload };
        fire(to, OfStream { proposer, message });
    }
}

/// Acts at the place of a slot: what epochs are to other proposals, slots are here.
fn in_slot<R>(slot: u64, kit: &mut Kit, act: impl FnOnce(&mut Kit) -> R) -> R {
    kit.at_number(Epoch(slot), act)
}

fn forge(message: StreamMessage, to: NodeIndex, kit: &mut Kit, fire: Fire<'_, StreamMessage>) {
    if kit.strategy() == Strategy::FarSlots {
        far_slots(&message, to, kit, fire);
    }
    match message {
        StreamMessage::Proposal { previous, certificate, payload } => {
            let slot = previous.slot.saturating_add(1);
            let certificate = match certificate {
                Some(certificate) if kit.strategy() == Strategy::WeakCertificate => Some(weak(&certificate, kit)),
                other => other,
            };
            let said = |payload| StreamMessage::Proposal { previous, certificate: certificate.clone(), payload };
            kit.streams.newest = Some((previous, certificate.clone()));
            let tired = kit.streams.places.len() >= LIES && !kit.streams.places.contains_key(&slot);
            match kit.strategy() {
                _ if tired => fire(to, said(payload)),
                Strategy::FalseValue if kit.side(to) => {
                    let other = Bytes::from([&payload[..], &[1]].concat());
                    remember(previous, &other, kit);
                    kit.strike();
                    fire(to, said(Blob(other)));
                }
                // In the ring from a moving start, the last f are left in the dark.
                Strategy::WithheldBatch if !shown(slot, to, kit) => kit.strike(),
                _ => in_slot(slot, kit, |kit| {
                    let honest = payload.0.clone();
                    let mut fired = Vec::new();
                    proposal::forge_whole(payload.0, to, kit, &mut |to, payload| fired.push((to, payload)));
                    for (to, payload) in fired {
                        if payload != honest {
                            remember(previous, &payload, kit);
                        }
                        fire(to, said(Blob(payload)));
                    }
                }),
            }
        }
        StreamMessage::Vote(tip, endorsement) if kit.strategy() == Strategy::WeakCertificate => {
            let endorsement = bad(&endorsement, kit);
            fire(to, StreamMessage::Vote(tip, endorsement));
        }
        StreamMessage::Tip(CertifiedTip { tip, certificate }) if kit.strategy() == Strategy::WeakCertificate => {
            let certificate = weak(&certificate, kit);
            fire(to, StreamMessage::Tip(CertifiedTip { tip, certificate }));
        }
        // Whoever asks the liar what a digest covers hears of something else.
        StreamMessage::Headers(digest, headers) if kit.strategy() == Strategy::FalseValue => {
            let mut headers = headers.into_vec();
            match headers.first_mut() {
                Some(first) if kit.side(to) => first.commitment.0[0] ^= 1,
                Some(first) => first.full = first.full.wrapping_add(1),
                None => {}
            }
            kit.strike();
            fire(to, StreamMessage::Headers(digest, List::new(headers)));
        }
        // Whoever asks it for chunks gets others than it asked for, or hears that there are none.
        StreamMessage::Retrieval(slot, RetrievalMessage::Chunk(root, index, chunk))
            if kit.strategy() == Strategy::FalseValue =>
        {
            kit.strike();
            let lie = match kit.side(to) {
                true => RetrievalMessage::Chunk(root, index.wrapping_add(1), chunk),
                false => RetrievalMessage::Absent(root),
            };
            fire(to, StreamMessage::Retrieval(slot, lie));
        }
        honest => fire(to, honest),
    }
}

/// Whether a receiver is shown a batch that a bare quorum is to see, this node included.
fn shown(slot: u64, to: NodeIndex, kit: &Kit) -> bool {
    let committee = kit.committee();
    let (n, me) = (committee.n(), kit.me().as_usize());
    let others = n.saturating_sub(1).max(1);
    let after = (to.as_usize() + n - me - 1) % n;
    (after + slot as usize) % others < committee.quorum() - 1
}

/// A false batch was proposed: the place that it leads to, for votes to be counted.
fn remember(previous: Tip, payload: &Bytes, kit: &mut Kit) {
    let Ok(tree) = ChunkTree::commit(Body::from_bytes(payload.clone())) else { return };
    let tip = previous.extend(&tree.commitment(), payload.is_empty());
    let places = kit.streams.places.entry(tip.slot).or_default();
    if places.iter().all(|(known, _)| *known != tip) {
        places.push((tip, Vec::new()));
    }
}

/// Counts a vote for a false batch; the certificate, once there is one.
fn certify(from: NodeIndex, tip: &Tip, endorsement: Endorsement, kit: &mut Kit) -> Option<CertifiedTip> {
    let (me, quorum) = (kit.me(), kit.committee().quorum());
    let statement = tip.statement(&kit.domain()?);
    let scheme = kit.tools().keys.as_ref()?.certificates();
    let places = kit.streams.places.get_mut(&tip.slot)?;
    let (_, votes) = places.iter_mut().find(|(known, _)| known == tip)?;
    if votes.iter().any(|(node, _)| *node == from) || votes.len() >= quorum {
        return None;
    }
    votes.push((from, endorsement));
    if votes.len() + 1 != quorum {
        return None;
    }
    votes.push((me, scheme.endorse(&statement)));
    let certificate = scheme.assemble(&statement, quorum, votes).certificate?;
    Some(CertifiedTip { tip: *tip, certificate })
}

/// The same again for slots that are far from open, or long over.
fn far_slots(message: &StreamMessage, to: NodeIndex, kit: &mut Kit, fire: Fire<'_, StreamMessage>) {
    if !kit.spend() {
        return;
    }
    let near = message.slot().unwrap_or(1);
    let rng = kit.rng();
    let far = match rng.random_range(0..8) {
        0 => u64::MAX,
        1 => u64::MAX - 1,
        2 => near.saturating_add(1_000_000),
        3 => near.saturating_sub(rng.random_range(0..8)),
        _ => near.saturating_add(rng.random_range(1..40)),
    };
    let moved = |tip: &Tip, slot: u64| Tip { slot, full: tip.full.min(slot), ..*tip };
    let forged = match message {
        StreamMessage::Proposal { previous, certificate, payload } => StreamMessage::Proposal {
            previous: moved(previous, far.saturating_sub(1)),
            certificate: certificate.clone(),
            payload: payload.clone(),
        },
        StreamMessage::Vote(tip, endorsement) => StreamMessage::Vote(moved(tip, far), *endorsement),
        StreamMessage::Tip(CertifiedTip { tip, certificate }) => {
            StreamMessage::Tip(CertifiedTip { tip: moved(tip, far), certificate: certificate.clone() })
        }
        StreamMessage::Ask(_, digest) => StreamMessage::Ask(far, *digest),
        StreamMessage::Retrieval(_, message) => StreamMessage::Retrieval(far, message.clone()),
        StreamMessage::Record(..) | StreamMessage::Headers(..) => StreamMessage::Ask(far, kit.digest()),
    };
    kit.strike();
    fire(to, forged);
    // And a request for what nobody can know.
    if kit.rng().random_ratio(1, 4) {
        let digest = kit.digest();
        fire(to, StreamMessage::Ask(far, digest));
    }
}

/// Tips that may not be agreed on, if this is a value of tips: one goes back, is too far, comes twice, is proven badly or of
/// nobody's stream; or they are too few.
pub(super) fn false_tips(value: &Bytes, kit: &mut Kit) -> Option<Bytes> {
    let mut tips = codec::decode::<Tips>(value).ok()?.into_vec();
    let (committee, kind) = (kit.committee(), kit.rng().random_range(0..6));
    let (first, certified) = tips.first().cloned()?;
    let mut changed = certified.clone();
    match kind {
        0 => changed.tip.slot = certified.tip.slot.saturating_sub(1),
        1 => changed.tip.slot = certified.tip.slot.saturating_add(1_000),
        2 => changed.certificate = weak(&certified.certificate, kit),
        3 => tips.insert(0, (first, certified)),
        4 => tips.push((NodeIndex(committee.n() as u16), certified)),
        _ => tips.truncate(committee.quorum() - 1),
    }
    if let Some(entry) = tips.first_mut().filter(|_| kind < 3) {
        entry.1 = changed;
    }
    Some(codec::encode(&Tips::new(tips)))
}
