//! Broadcasts: one node speaks, all honest nodes end up with the same, or with nothing.
//!
//! | module | protocol | guarantee |
//! |---|---|---|
//! | [`pb`] | provable broadcast, consistent broadcast | a certificate proves that honest nodes hold the payload |
//! | [`prbc`] | provable reliable broadcast | a certificate proves that an honest node has delivered |
//! | [`rbc`] | reliable broadcast, erasure coded | if one honest node delivers, all deliver the same |
//! | [`retrieval`] | retrieval of a payload that others hold | what a certificate proves to be held comes here |
//! | [`spb`] | strong provable broadcast | a second certificate proves that honest nodes hold the first |
//! | [`stream`] | a stream of certified batches | a certificate proves that every batch up to a place can be had |
//!
//! Every protocol here is a deterministic state machine, see [`mellivora_core::protocol`].

pub mod certify;
pub mod pb;
pub mod prbc;
pub mod rbc;
pub mod retrieval;
pub mod spb;
pub mod stream;

pub use pb::{Pb, PbConfig, PbDone, PbInput, PbJob, PbMessage, PbOutput};
pub use prbc::{Prbc, PrbcConfig, PrbcDone, PrbcJob, PrbcMessage, PrbcOutput};
pub use rbc::{EchoMode, Rbc, RbcConfig, RbcDone, RbcJob, RbcMessage};
pub use retrieval::{Retrieval, RetrievalConfig, RetrievalInput, RetrievalMessage};
pub use spb::{Spb, SpbConfig, SpbDone, SpbInput, SpbJob, SpbMessage, SpbOutput, SpbRecord, Stage};
pub use stream::{
    CertifiedTip, Stream, StreamConfig, StreamDone, StreamInput, StreamJob, StreamMessage, StreamOutput, Tip,
};
