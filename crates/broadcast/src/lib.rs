//! Reliable broadcast with erasure coding
