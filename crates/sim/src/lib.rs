//! Deterministic, seeded simulator, Byzantine wrappers and oracles for mellivora protocols
