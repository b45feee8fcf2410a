//! Planted bugs of the common subset.

use super::{Control, Harmless};

pub(super) const CONTROLS: &[Control] = &[];

pub(super) const HARMLESS: &[Harmless] = &[];
