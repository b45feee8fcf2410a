//! Planted bugs of coding and reliable broadcast.

use super::{Control, Harmless};

pub(super) const CONTROLS: &[Control] = &[];

pub(super) const HARMLESS: &[Harmless] = &[];
