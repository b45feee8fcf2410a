//! Planted bugs of the atomic broadcast.

use super::{Control, Harmless};

pub(super) const CONTROLS: &[Control] = &[];

pub(super) const HARMLESS: &[Harmless] = &[];
