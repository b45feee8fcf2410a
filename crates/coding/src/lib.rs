//! Erasure coding under a Merkle commitment, decoded with a full re-encoding check
