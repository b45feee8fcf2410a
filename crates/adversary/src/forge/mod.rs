//! Forging, once per type of message.
//!
//! [`Forgeable`] says, for each type of message, what leaves a Byzantine node in place of a message that the wrapped
//! instance wants to send. Messages nest as protocols do, and so does forging: the message of a common subset hands the
//! broadcast's message inside to the broadcast's own forging and wraps what comes out. So an attack on a broadcast
//! strikes in the same way by itself, inside a subset and inside an atomic broadcast.
//!
//! A protocol joins with a [`Forgeable`] for its messages and a [`Forge`] of one line:
//!
//! ```
//! use mellivora_adversary::forge::{Fire, Forge, Forgeable, Kit};
//! use mellivora_adversary::{Target, Targets};
//! # use mellivora_core::{Message, NodeIndex, codec};
//! # #[derive(Clone, Debug, bincode::Encode, bincode::Decode)]
//! # #[bincode(decode_context = "codec::Frame")]
//! struct Wrapper<M>(u8, M);
//! # impl<M: Message> Message for Wrapper<M> {}
//!
//! impl<M: Forgeable> Forgeable for Wrapper<M> {
//!     fn forge(self, to: NodeIndex, kit: &mut Kit, fire: Fire<'_, Self>) {
//!         let Wrapper(tag, inner) = self;
//!         inner.forge(to, kit, &mut |to, inner| fire(to, Wrapper(tag, inner)));
//!     }
//! }
//! ```

mod aba;
mod atomic;
mod bkr;
mod catch_up;
mod ckps;
mod dumbo1;
mod epoch;
mod kit;
mod proposal;
mod rbc;
mod share;
mod smvba;
mod streams;
mod toss;
mod tree;
mod vector;
mod vote;

use mellivora_agreement::{Aba, Ckps, Smvba};
use mellivora_atomic::dumbo_ng::TipAgreement;
use mellivora_atomic::{Atomic, Source};
use mellivora_broadcast::Rbc;
use mellivora_core::{Layer, Message, NodeIndex, Protocol};
use mellivora_subset::{Bkr, Dumbo1, Dumbo2, SDumbo};

pub use kit::{Kit, Place, Tools};
pub use tree::ForgedTree;

use crate::toss::Toss;
use crate::{Target, Targets};

/// Where a message goes that leaves the node.
pub type Fire<'a, M> = &'a mut dyn FnMut(NodeIndex, M);

/// A type of message that attackers know how to forge.
pub trait Forgeable: Message {
    /// What is said before anything happens.
    fn start(kit: &mut Kit, fire: Fire<'_, Self>) {
        let _ = (kit, fire);
    }

    /// The wrapped instance wants to send `self` to `to`: fires what leaves the node instead. An honest node fires
    /// just that.
    fn forge(self, to: NodeIndex, kit: &mut Kit, fire: Fire<'_, Self>);

    /// Says what a proposal of its own has waited for, after something was overheard. The place is that of the proposal.
    fn repropose(kit: &mut Kit, fire: Fire<'_, Self>) {
        let _ = (kit, fire);
    }

    /// `self` arrived: fires what is said because of it, beside what the wrapped instance will say.
    fn answer(&self, from: NodeIndex, kit: &mut Kit, fire: Fire<'_, Self>) {
        let _ = (from, kit, fire);
    }
}

/// A protocol whose messages attackers know how to forge.
pub trait Forge: Protocol<Message: Forgeable> + Sized + 'static {
    /// What there is to attack in it.
    const TARGETS: Targets;
    /// The layer of the only child whose messages are this protocol's own, below the domain that it was made with.
    const WITHIN: Option<Layer> = None;
}

impl Forge for Rbc {
    const TARGETS: Targets = Targets::of(Target::Broadcast);
}

impl Forge for Toss {
    const TARGETS: Targets = Targets::of(Target::Shares);
}

impl Forge for Aba {
    const TARGETS: Targets = Targets::of(Target::Agreement).and(Targets::of(Target::Shares));
}

impl Forge for Smvba {
    const TARGETS: Targets = Targets::of(Target::Certificates).and(Targets::of(Target::Shares));
}

impl Forge for Ckps {
    const TARGETS: Targets = Aba::TARGETS.and(Targets::of(Target::Certificates));
}

impl Forge for Bkr {
    const TARGETS: Targets = Rbc::TARGETS.and(Aba::TARGETS);
}

impl Forge for Dumbo1 {
    const TARGETS: Targets = Bkr::TARGETS.and(Targets::of(Target::IndexSets));
}

impl Forge for Dumbo2 {
    const TARGETS: Targets = Rbc::TARGETS.and(Smvba::TARGETS);
}

impl Forge for SDumbo {
    const TARGETS: Targets = Smvba::TARGETS;
}

impl Forge for TipAgreement {
    const TARGETS: Targets = Smvba::TARGETS.and(Targets::of(Target::Streams));
    const WITHIN: Option<Layer> = Some(Layer::Mvba);
}

impl<P: Source + 'static> Forge for Atomic<P>
where
    P::Subset: Forge,
    P::Message: Forgeable,
{
    const TARGETS: Targets = P::Subset::TARGETS.and(Targets::of(Target::Shares)).and(Targets::of(Target::Atomic));
    const WITHIN: Option<Layer> = P::Subset::WITHIN;
}
