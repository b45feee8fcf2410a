//! Leaderless asynchronous atomic broadcast: batching, threshold encryption, epochs
