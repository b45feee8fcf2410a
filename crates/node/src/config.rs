//! Configuration of a node.

use std::time::Duration;

use mellivora_core::Committee;

use crate::{Engine, StartError};

/// Configuration of a node: the constants that it shares with its cluster, and its own resources.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NodeConfig {
    /// Which atomic broadcast it runs. The same at all nodes.
    pub engine: Engine,
    /// The constants of the cluster. The same at all nodes.
    pub protocol: mellivora_atomic::Config,
    /// Bytes of transactions that the node takes before it pushes back, about 64 bytes per transaction included.
    /// Raised to the size of one largest transaction. Default: 64 MiB.
    pub queue_bytes: usize,
    /// Bytes that wait in one link to or from a peer at the most. Raised to the size of one largest frame.
    /// Default: 64 MiB.
    pub link_bytes: usize,
    /// Batches that a subscriber may be behind before the node waits for it. Default: 16.
    pub batches_ahead: usize,
    /// Bytes of batches that the node keeps for peers that lag behind. Default: 256 MiB.
    pub retention_bytes: usize,
    /// Time between nudges, which make a node ask again for what it still lacks. They come only while something is
    /// open, and never decide anything. Default: 50 ms.
    pub nudge: Duration,
}

impl NodeConfig {
    /// The defaults for a committee.
    pub fn new(committee: Committee) -> Self {
        NodeConfig {
            engine: Engine::default(),
            protocol: mellivora_atomic::Config::new(committee),
            queue_bytes: 64 << 20,
            link_bytes: 64 << 20,
            batches_ahead: 16,
            retention_bytes: 256 << 20,
            nudge: Duration::from_millis(50),
        }
    }

    /// Sets the engine.
    #[must_use]
    pub fn engine(mut self, engine: Engine) -> Self {
        self.engine = engine;
        self
    }

    /// Changes the constants of the cluster.
    #[must_use]
    pub fn protocol(mut self, change: impl FnOnce(mellivora_atomic::Config) -> mellivora_atomic::Config) -> Self {
        self.protocol = change(self.protocol);
        self
    }

    /// Sets the bound on queued transactions, in bytes.
    #[must_use]
    pub fn queue_bytes(mut self, bytes: usize) -> Self {
        self.queue_bytes = bytes;
        self
    }

    /// Sets the bound on one link, in bytes.
    #[must_use]
    pub fn link_bytes(mut self, bytes: usize) -> Self {
        self.link_bytes = bytes;
        self
    }

    /// Sets how many batches a subscriber may be behind; at least one.
    #[must_use]
    pub fn batches_ahead(mut self, batches: usize) -> Self {
        self.batches_ahead = batches;
        self
    }

    /// Sets how many bytes of batches are kept for peers that lag behind.
    #[must_use]
    pub fn retention_bytes(mut self, bytes: usize) -> Self {
        self.retention_bytes = bytes;
        self
    }

    /// Sets the time between nudges.
    #[must_use]
    pub fn nudge(mut self, interval: Duration) -> Self {
        self.nudge = interval;
        self
    }

    /// Checks that everything fits together.
    ///
    /// # Errors
    ///
    /// What does not fit.
    pub fn check(&self) -> Result<(), StartError> {
        self.protocol.check()?;
        if self.nudge < Duration::from_millis(1) {
            return Err(StartError::Nudge(self.nudge));
        }
        Ok(())
    }
}
