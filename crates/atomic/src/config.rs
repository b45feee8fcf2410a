//! The constants of a cluster.

use std::fmt;
use std::str::FromStr;

use mellivora_agreement::CoinSchedule;
use mellivora_broadcast::EchoMode;
use mellivora_core::{Committee, Digest, Epoch, Limits, hash::HashKey, planted};

use crate::ConfigError;

/// Which epochs are encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EncryptionSchedule {
    /// Every epoch (the default). Nobody can censor by content, because content is unknown until it is ordered.
    #[default]
    Always,
    /// No epoch. Cheaper, and an adversary who schedules the network can keep out what it does not like.
    Never,
    /// The epochs whose number is a multiple of this (at least 1): content can be held up, but not for ever.
    Every(u64),
}

impl EncryptionSchedule {
    /// Whether `epoch` is encrypted.
    pub const fn encrypts(&self, epoch: Epoch) -> bool {
        match self {
            EncryptionSchedule::Always => true,
            EncryptionSchedule::Never => false,
            EncryptionSchedule::Every(k) => *k != 0 && epoch.0.is_multiple_of(*k),
        }
    }
}

impl fmt::Display for EncryptionSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EncryptionSchedule::Always => f.write_str("always"),
            EncryptionSchedule::Never => f.write_str("never"),
            EncryptionSchedule::Every(k) => write!(f, "every:{k}"),
        }
    }
}

impl FromStr for EncryptionSchedule {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        match text.split_once(':') {
            None if text == "always" => Ok(EncryptionSchedule::Always),
            None if text == "never" => Ok(EncryptionSchedule::Never),
            Some(("every", k)) => match k.parse() {
                Ok(k) if k > 0 => Ok(EncryptionSchedule::Every(k)),
                _ => Err(ConfigError::Encryption(text.to_owned())),
            },
            _ => Err(ConfigError::Encryption(text.to_owned())),
        }
    }
}

/// The constants that decide what is valid. All nodes of a cluster have the same; the [cluster id](Self::cluster_id)
/// binds every one of them, so that nodes that differ refuse to talk.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Size and fault bound.
    pub committee: Committee,
    /// Bounds on sizes and windows.
    pub limits: Limits,
    /// Transactions per epoch that the cluster aims for, over all nodes: B. Each node proposes up to B / n, at least 1.
    pub batch_size: usize,
    /// Which epochs are encrypted.
    pub encryption: EncryptionSchedule,
    /// Coins of binary agreement, by round.
    pub coin_schedule: CoinSchedule,
    /// Who gets full shards in reliable broadcast.
    pub echo: EchoMode,
    /// Epochs over which a transaction counts as a duplicate: D.
    pub dedup_epochs: u64,
}

const CLUSTER: HashKey = HashKey::new("mellivora/v1 cluster id");

impl Config {
    /// The defaults for a committee: B = 1000, every epoch encrypted, D = 64.
    pub fn new(committee: Committee) -> Self {
        Config {
            committee,
            limits: Limits::default(),
            batch_size: 1000,
            encryption: EncryptionSchedule::default(),
            coin_schedule: CoinSchedule::default(),
            echo: EchoMode::Full,
            dedup_epochs: 64,
        }
    }

    /// Sets B.
    #[must_use]
    pub fn batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = batch_size;
        self
    }

    /// Sets the encryption schedule.
    #[must_use]
    pub fn encryption(mut self, encryption: EncryptionSchedule) -> Self {
        self.encryption = encryption;
        self
    }

    /// Sets the limits.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the echo mode of reliable broadcast.
    #[must_use]
    pub fn echo(mut self, echo: EchoMode) -> Self {
        self.echo = echo;
        self
    }

    /// Sets the coin schedule of binary agreement.
    #[must_use]
    pub fn coin_schedule(mut self, coin_schedule: CoinSchedule) -> Self {
        self.coin_schedule = coin_schedule;
        self
    }

    /// Sets D.
    #[must_use]
    pub fn dedup_epochs(mut self, dedup_epochs: u64) -> Self {
        self.dedup_epochs = dedup_epochs;
        self
    }

    /// Checks that the constants fit together.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.limits.check()?;
        if self.batch_size == 0 {
            return Err(ConfigError::BatchSize);
        }
        if matches!(self.encryption, EncryptionSchedule::Every(0)) {
            return Err(ConfigError::Encryption("every:0".into()));
        }
        Ok(())
    }

    /// Transactions that one node proposes per epoch, at the most.
    pub fn proposal_size(&self) -> usize {
        let share = if planted("queue-batch-size-ignored") { usize::MAX } else { self.batch_size / self.committee.n() };
        share.clamp(1, self.limits.transactions)
    }

    /// How a proposal is drawn from the queue: at most so many transactions, among so many, in so many bytes.
    pub(crate) fn sample(&self) -> (usize, usize, usize) {
        /// Header and tag of a ciphertext, of any suite.
        const SEAL: usize = 512;
        (self.proposal_size(), self.batch_size, self.limits.payload_bytes.saturating_sub(SEAL))
    }

    /// The name that all nodes of the cluster share: a digest of the genesis key set (which binds suite, certificates and
    /// members) and of every constant here. `protocol` is the stable name of the common subset in use.
    pub fn cluster_id(&self, key_set: &Digest, protocol: &str) -> Digest {
        let l = &self.limits;
        let constants = format!(
            "version 1; protocol {protocol}; n {} f {}; payload {} transaction {} transactions {} W {} P {} R {} S {}; \
             B {}; encryption {}; coin {:?}; echo {:?}; D {}; codec {}",
            self.committee.n(),
            self.committee.f(),
            l.payload_bytes,
            l.transaction_bytes,
            l.transactions,
            l.epochs_ahead,
            l.pipeline,
            l.rounds_ahead,
            l.stream_window,
            self.batch_size,
            self.encryption,
            self.coin_schedule,
            self.echo,
            if planted("config-horizon-unbound") { 0 } else { self.dedup_epochs },
            mellivora_coding::Codec::NAME,
        );
        CLUSTER.digest_parts(&[key_set.as_ref(), constants.as_bytes()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_read_as_they_print() {
        for schedule in [EncryptionSchedule::Always, EncryptionSchedule::Never, EncryptionSchedule::Every(3)] {
            assert_eq!(schedule.to_string().parse::<EncryptionSchedule>().unwrap(), schedule);
        }
        for wrong in ["", "sometimes", "every", "every:", "every:0", "every:x", "always:1"] {
            assert!(wrong.parse::<EncryptionSchedule>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_cluster_id_binds_every_constant() {
        let base = Config::new(Committee::new(7).unwrap());
        let limits = |change: fn(&mut Limits)| {
            let mut config = base.clone();
            change(&mut config.limits);
            config
        };
        let variants = [
            base.clone(),
            Config::new(Committee::new(8).unwrap()),
            Config::new(Committee::with_faulty(7, 1).unwrap()),
            limits(|l| l.payload_bytes += 1),
            limits(|l| l.transaction_bytes += 1),
            limits(|l| l.transactions += 1),
            limits(|l| l.epochs_ahead += 1),
            limits(|l| l.pipeline += 1),
            limits(|l| l.rounds_ahead += 1),
            limits(|l| l.stream_window += 1),
            base.clone().batch_size(7),
            base.clone().encryption(EncryptionSchedule::Never),
            base.clone().coin_schedule(CoinSchedule::AlwaysReal),
            base.clone().echo(EchoMode::Saving { spare: 1 }),
            base.clone().dedup_epochs(9),
        ];
        let mut ids: Vec<_> = variants.iter().map(|c| c.cluster_id(&Digest([1; 32]), "honey-badger")).collect();
        ids.push(base.cluster_id(&Digest([2; 32]), "honey-badger"));
        ids.push(base.cluster_id(&Digest([1; 32]), "dumbo2"));
        let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len());
    }
}
