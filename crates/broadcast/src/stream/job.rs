//! The CPU work of a stream.

use std::sync::Arc;

use mellivora_coding::{Body, ChunkTree};
use mellivora_core::codec::Blob;
use mellivora_core::{Job, Weight, planted};
use mellivora_crypto::{Assembly, CertificateScheme, Claim};

use super::tip::CertifiedTip;
use crate::certify::Assemble;

/// Work of a stream.
#[derive(Clone, Debug)]
pub struct StreamJob {
    pub(super) scheme: Arc<dyn CertificateScheme>,
    pub(super) task: Task,
}

#[derive(Clone, Debug)]
pub(super) enum Task {
    /// Hashes the batch of a slot.
    Commit(u64, Blob),
    /// Puts the certificate of an own slot together.
    Assemble(u64, Assemble),
    /// Are these valid?
    Verify(Vec<(CertifiedTip, Claim)>),
}

/// What comes of a [`StreamJob`].
#[derive(Debug)]
pub struct StreamDone(pub(super) Done);

#[derive(Debug)]
pub(super) enum Done {
    /// `None` for a payload beyond what a tree can hold, which the limit excludes.
    Committed(u64, Option<ChunkTree>),
    Assembled(u64, Assembly),
    Verified(Vec<(CertifiedTip, bool)>),
}

/// A payload up to this length is hashed in some tens of microseconds.
const LIGHT: usize = 64 << 10;

impl Job for StreamJob {
    type Done = StreamDone;

    fn run(self) -> StreamDone {
        StreamDone(match self.task {
            Task::Commit(slot, payload) => Done::Committed(slot, ChunkTree::commit(Body::from_bytes(payload.0)).ok()),
            Task::Assemble(slot, work) => Done::Assembled(slot, work.run(&*self.scheme)),
            Task::Verify(subjects) => {
                let (tips, claims): (Vec<CertifiedTip>, Vec<Claim>) = subjects.into_iter().unzip();
                let all = self.scheme.verify(&claims) || planted("stream-certificate-unchecked");
                // One call for all; who is to blame is looked for only when that fails.
                let valid = |claim: &Claim| all || self.scheme.verify(std::slice::from_ref(claim));
                Done::Verified(tips.into_iter().zip(claims.iter().map(valid)).collect())
            }
        })
    }

    fn weight(&self) -> Weight {
        match &self.task {
            Task::Commit(_, payload) if payload.len() <= LIGHT => Weight::Light,
            _ => Weight::Heavy,
        }
    }
}
