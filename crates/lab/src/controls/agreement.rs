//! Planted bugs of the coin protocol and binary agreement.

use super::{Control, Harmless};

pub(super) const CONTROLS: &[Control] = &[];

pub(super) const HARMLESS: &[Harmless] = &[];
