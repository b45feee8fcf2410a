//! How broadcasts, retrievals and binary agreements look inside the machine.

use mellivora_broadcast::{Pb, PbJob, PbMessage, Retrieval, RetrievalMessage};
use mellivora_core::protocol::NoJob;
use mellivora_core::{Keyed, NodeIndex, Parent, Round, Segment};

use super::job::{CkpsJob, Work};
use super::machine::Ckps;
use super::message::CkpsMessage;
use super::names;
use crate::aba::{Aba, AbaMessage};
use crate::coin::CoinJob;

/// Which of a node's two broadcasts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cast {
    /// Of its value.
    Value,
    /// Of its commitment.
    Commitment,
}

impl Parent<Pb> for Ckps {
    type Key = (Cast, NodeIndex);

    fn message((cast, proposer): Self::Key, message: PbMessage) -> CkpsMessage {
        match cast {
            Cast::Value => CkpsMessage::Value { proposer, message },
            Cast::Commitment => CkpsMessage::Commitment { proposer, message },
        }
    }

    fn job(key: Self::Key, job: PbJob) -> CkpsJob {
        CkpsJob(Work::Cast(Keyed { key, job }))
    }

    fn segment((cast, proposer): Self::Key) -> Segment {
        match cast {
            Cast::Value => names::value(proposer),
            Cast::Commitment => names::commitment(proposer),
        }
    }
}

impl Parent<Retrieval> for Ckps {
    type Key = NodeIndex;

    fn message(candidate: NodeIndex, message: RetrievalMessage) -> CkpsMessage {
        CkpsMessage::Retrieval { candidate, message }
    }

    fn job(_: NodeIndex, job: NoJob) -> CkpsJob {
        match job {}
    }

    fn segment(candidate: NodeIndex) -> Segment {
        names::value(candidate)
    }
}

impl Parent<Aba> for Ckps {
    type Key = NodeIndex;

    fn message(candidate: NodeIndex, message: AbaMessage) -> CkpsMessage {
        CkpsMessage::Aba { candidate, message }
    }

    fn job(key: NodeIndex, job: Keyed<Round, CoinJob>) -> CkpsJob {
        CkpsJob(Work::Aba(Keyed { key, job }))
    }

    fn segment(candidate: NodeIndex) -> Segment {
        names::agreement(candidate)
    }
}
