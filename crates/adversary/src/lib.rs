//! Attackers that forge each protocol's own messages, and directed schedules: test support, never part of a release.
//!
//! | module | holds |
//! |---|---|
//! | [`strategy`] | [`Strategy`]: the ways of Byzantine nodes, by name, for every protocol they make sense for |
//! | [`cipher`] | a threshold encryption without cryptography |
//! | [`forge`] | how a strategy forges each type of message, and how a protocol joins |
//! | [`schedule`] | [`Adaptive`]: schedulers that read states and messages, by name |
//! | [`toss`] | a common coin as a protocol of its own |
//! | [`ideal`] | a common coin and signatures without cryptography, which a test can look up and forge |
//! | [`stage`] | a network operated by hand: a test says which message arrives next |
//! | [`lead`] | the scheduler that an agreement without binding never ends against, played by hand |
//! | [`steer`] | the scheduler that keeps a binary agreement split for as long as it can, played by hand |
//!
//! ```
//! use mellivora_adversary::{Adaptive, IdealCoin, Strategy};
//! use mellivora_agreement::{Aba, AbaConfig, CoinSchedule};
//! use mellivora_core::{Committee, Digest, Domain, Era, NodeIndex};
//! use mellivora_sim::{Agreement, Schedule, Simulation, Totality};
//!
//! let committee = Committee::new(4)?;
//! let domain = Domain::new(Digest([1; 32]), Era(0));
//! for strategy in Strategy::ALL.iter().filter(|strategy| strategy.applies::<Aba>()) {
//!     let mut sim = Simulation::<Aba>::builder(committee, 7)
//!         .scheduler(Schedule::Swarm)
//!         .rounds_ahead(6)
//!         .faulty(NodeIndex(2), strategy.role::<Aba>(7))
//!         .twin_input(|_, input| Some(!input))
//!         .oracle(Agreement::new(|value: &bool| ((), *value)))
//!         .oracle(Totality::new(|_: &bool| ()).expecting(()))
//!         .build(move |me| {
//!             let coin = IdealCoin::scheme(committee, me, 7);
//!             let schedule = CoinSchedule::AlwaysReal;
//!             Aba::new(AbaConfig { committee, me, domain, coin, schedule, rounds_ahead: 6 })
//!         });
//!     committee.nodes().for_each(|node| sim.input(node, node.0 % 2 == 0));
//!     sim.run().assert_ok();
//! }
//! assert!("coin-first".parse::<Adaptive>().is_ok());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod cipher;
pub mod forge;
pub mod ideal;
pub mod lead;
pub mod schedule;
pub mod stage;
pub mod steer;
pub mod strategy;
pub mod toss;

pub use cipher::IdealCipher;
pub use forge::{Forge, Forgeable, Tools};
pub use ideal::{IdealCertificates, IdealCoin};
pub use lead::Leading;
pub use schedule::{Adaptive, Observe, Peek};
pub use stage::{Parcel, Stage};
pub use steer::Steering;
pub use strategy::{Strategy, Target, Targets};
pub use toss::{Toss, TossMessage};
