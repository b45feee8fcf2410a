//! Asynchronous common subset
