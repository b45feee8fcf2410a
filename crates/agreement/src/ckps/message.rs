//! What nodes tell each other in the agreement of Cachin, Kursawe, Petzold and Shoup.
//!
//! ```text
//! message = 1 | proposer (u16) | message of the broadcast of its value
//!         | 2 | proposer | message of the broadcast of its commitment
//!         | 3 | coin share                                                    SHARE
//!         | 4 | candidate (u16)                                               VOTE no
//!         | 5 | candidate                                                     VOTE yes
//!         | 6 | candidate | message of the binary agreement on it
//!         | 7 | candidate                                                     ASK
//!         | 8 | candidate | root | certificate                                CERTIFICATE
//!         | 9 | candidate | message of the retrieval of its value
//! ```

use mellivora_broadcast::{PbMessage, RetrievalMessage};
use mellivora_core::codec::{self, Decode, DecodeError, Decoder, Encode, EncodeError, Encoder, Frame, unknown_tag};
use mellivora_core::{Digest, Message, NodeIndex, Round};
use mellivora_crypto::{Certificate, CoinShare};

use crate::aba::AbaMessage;

/// A message of this agreement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CkpsMessage {
    /// Of the consistent broadcast of a node's value.
    Value {
        /// Whose value.
        proposer: NodeIndex,
        /// Its message.
        message: PbMessage,
    },
    /// Of the consistent broadcast of a node's commitment: the set of nodes whose values it knows to be certified.
    Commitment {
        /// Whose commitment.
        proposer: NodeIndex,
        /// Its message.
        message: PbMessage,
    },
    /// A share of the coin that orders the candidates, not known to be valid.
    Share(CoinShare),
    /// Whether the sender holds the certificate of a candidate's value.
    Vote {
        /// The candidate.
        candidate: NodeIndex,
        /// It does.
        yes: bool,
    },
    /// Of the binary agreement on a candidate.
    Aba {
        /// The candidate.
        candidate: NodeIndex,
        /// Its message.
        message: AbaMessage,
    },
    /// What is the certificate of this candidate's value?
    Ask(NodeIndex),
    /// The certificate of a candidate's value: for who has asked, and for the log of the node itself.
    Certificate {
        /// The candidate.
        candidate: NodeIndex,
        /// Commitment of its value.
        root: Digest,
        /// That a quorum holds that value.
        certificate: Certificate,
    },
    /// Of the retrieval of a candidate's value.
    Retrieval {
        /// The candidate.
        candidate: NodeIndex,
        /// Its message.
        message: RetrievalMessage,
    },
}

const VALUE: u8 = 1;
const COMMITMENT: u8 = 2;
const SHARE: u8 = 3;
const VOTE_NO: u8 = 4;
const VOTE_YES: u8 = 5;
const ABA: u8 = 6;
const ASK: u8 = 7;
const CERTIFICATE: u8 = 8;
const RETRIEVAL: u8 = 9;

impl CkpsMessage {
    /// The node whose value or commitment the message is about.
    pub fn about(&self) -> Option<NodeIndex> {
        match self {
            CkpsMessage::Value { proposer: node, .. }
            | CkpsMessage::Commitment { proposer: node, .. }
            | CkpsMessage::Vote { candidate: node, .. }
            | CkpsMessage::Aba { candidate: node, .. }
            | CkpsMessage::Ask(node)
            | CkpsMessage::Certificate { candidate: node, .. }
            | CkpsMessage::Retrieval { candidate: node, .. } => Some(*node),
            CkpsMessage::Share(_) => None,
        }
    }
}

impl Message for CkpsMessage {
    fn rounds(&self, visit: &mut dyn FnMut(NodeIndex, Round)) {
        if let CkpsMessage::Aba { candidate, message } = self {
            message.rounds(&mut |_, round| visit(*candidate, round));
        }
    }

    fn split(self, may_go: &dyn Fn(NodeIndex, Round) -> bool) -> (Option<Self>, Option<Self>) {
        match self {
            CkpsMessage::Aba { candidate, message } => {
                let (now, later) = message.split(&|_, round| may_go(candidate, round));
                let wrapped = |message| CkpsMessage::Aba { candidate, message };
                (now.map(wrapped), later.map(wrapped))
            }
            other => (Some(other), None),
        }
    }

    fn memory(&self) -> usize {
        let inner = match self {
            CkpsMessage::Value { message, .. } | CkpsMessage::Commitment { message, .. } => message.memory(),
            CkpsMessage::Share(share) => share.as_bytes().len(),
            CkpsMessage::Aba { message, .. } => message.memory(),
            CkpsMessage::Certificate { certificate, .. } => certificate.proof().len(),
            CkpsMessage::Retrieval { message, .. } => message.memory(),
            CkpsMessage::Vote { .. } | CkpsMessage::Ask(_) => 0,
        };
        size_of::<Self>() + inner
    }
}

impl Encode for CkpsMessage {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        let tag = match self {
            CkpsMessage::Value { .. } => VALUE,
            CkpsMessage::Commitment { .. } => COMMITMENT,
            CkpsMessage::Share(_) => SHARE,
            CkpsMessage::Vote { yes: false, .. } => VOTE_NO,
            CkpsMessage::Vote { yes: true, .. } => VOTE_YES,
            CkpsMessage::Aba { .. } => ABA,
            CkpsMessage::Ask(_) => ASK,
            CkpsMessage::Certificate { .. } => CERTIFICATE,
            CkpsMessage::Retrieval { .. } => RETRIEVAL,
        };
        tag.encode(encoder)?;
        self.about().map_or(Ok(()), |node| node.encode(encoder))?;
        match self {
            CkpsMessage::Value { message, .. } | CkpsMessage::Commitment { message, .. } => message.encode(encoder),
            CkpsMessage::Share(share) => share.encode(encoder),
            CkpsMessage::Vote { .. } | CkpsMessage::Ask(_) => Ok(()),
            CkpsMessage::Aba { message, .. } => message.encode(encoder),
            CkpsMessage::Certificate { root, certificate, .. } => {
                root.encode(encoder)?;
                certificate.encode(encoder)
            }
            CkpsMessage::Retrieval { message, .. } => message.encode(encoder),
        }
    }
}

impl Decode<Frame> for CkpsMessage {
    fn decode<D: Decoder<Context = Frame>>(d: &mut D) -> Result<Self, DecodeError> {
        let tag = codec::read_tag(d)?;
        if tag == SHARE {
            return Ok(CkpsMessage::Share(CoinShare::decode(d)?));
        }
        if !(VALUE..=RETRIEVAL).contains(&tag) {
            return unknown_tag();
        }
        let node = NodeIndex::decode(d)?;
        Ok(match tag {
            VALUE => CkpsMessage::Value { proposer: node, message: PbMessage::decode(d)? },
            COMMITMENT => CkpsMessage::Commitment { proposer: node, message: PbMessage::decode(d)? },
            VOTE_NO | VOTE_YES => CkpsMessage::Vote { candidate: node, yes: tag == VOTE_YES },
            ABA => CkpsMessage::Aba { candidate: node, message: AbaMessage::decode(d)? },
            ASK => CkpsMessage::Ask(node),
            CERTIFICATE => CkpsMessage::Certificate {
                candidate: node,
                root: Digest::decode(d)?,
                certificate: Certificate::decode(d)?,
            },
            _ => CkpsMessage::Retrieval { candidate: node, message: RetrievalMessage::decode(d)? },
        })
    }
}

mellivora_core::borrow_decode!(CkpsMessage);
