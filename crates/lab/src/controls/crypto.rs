//! Planted bugs of coin and threshold encryption suites.

use super::{Control, Harmless};

pub(super) const CONTROLS: &[Control] = &[];

pub(super) const HARMLESS: &[Harmless] = &[];
