//! Lies to those who catch up: changed headers, changed contributions, "gone".

use bytes::Bytes;
use mellivora_atomic::Message;
use mellivora_atomic::header::{EpochHeader, Outcome};
use mellivora_core::NodeIndex;
use mellivora_core::codec::{Blob, List};
use rand::RngExt;

use super::{Fire, Kit};
use crate::Strategy;

pub(super) fn forge<M, B>(message: Message<M, B>, to: NodeIndex, kit: &mut Kit, fire: Fire<'_, Message<M, B>>) {
    let forged = match (kit.strategy(), message) {
        (Strategy::FalseHeader, Message::Header(header)) => Message::Header(changed(header, kit)),
        (Strategy::FalseSlot, Message::Slot(epoch, index, body)) => {
            let mut bytes = body.to_vec();
            match bytes.len() {
                0 => bytes.push(1),
                len if kit.rng().random() => bytes[kit.rng().random_range(0..len)] ^= 1,
                len => bytes.truncate(len - 1),
            }
            Message::Slot(epoch, index, Blob(Bytes::from(bytes)))
        }
        // It said already that there is nothing.
        (Strategy::FalseGone, Message::Header(_) | Message::Slot(..)) => return,
        (_, other) => return fire(to, other),
    };
    kit.strike();
    fire(to, forged);
}

pub(super) fn answer<M, B>(message: &Message<M, B>, from: NodeIndex, kit: &mut Kit, fire: Fire<'_, Message<M, B>>) {
    if let (Strategy::FalseGone, Message::FetchHeader(epoch) | Message::FetchSlot(epoch, _)) = (kit.strategy(), message)
        && kit.spend()
    {
        kit.strike();
        fire(from, Message::Gone(*epoch));
    }
}

/// Another history.
fn changed(header: EpochHeader, kit: &mut Kit) -> EpochHeader {
    let EpochHeader { mut previous, era, epoch, slots } = header;
    let mut slots = slots.into_vec();
    match kit.rng().random_range(0..4) {
        0 if !slots.is_empty() => {
            slots.pop();
        }
        1 if !slots.is_empty() => slots[0].outcome = Outcome::Bad,
        2 if !slots.is_empty() => slots[0].commitment.0[0] ^= 1,
        _ => previous.0[0] ^= 1,
    }
    EpochHeader { previous, era, epoch, slots: List::new(slots) }
}
