//! The record of a run: its list of events, and their hash.

use mellivora_core::{Digest, Message, codec, hash::HashKey};

use crate::Choice;

const TRACE: HashKey = HashKey::new("mellivora/v1 sim trace");
const PRINT: HashKey = HashKey::new("mellivora/v1 sim message");

/// Events recorded so far.
pub(crate) struct Trace {
    /// Whether the list is kept; the hash always is.
    pub(crate) keep: bool,
    pub(crate) choices: Vec<Choice>,
    so_far: Digest,
    buffer: Vec<u8>,
}

impl Trace {
    /// Bytes hashed at a time: a large buffer costs a fraction of a nanosecond per byte.
    const CHUNK: usize = 1 << 16;

    pub(crate) fn new(keep: bool) -> Self {
        Trace { keep, choices: Vec::new(), so_far: Digest::default(), buffer: Vec::with_capacity(Self::CHUNK + 64) }
    }

    /// Takes an event in; `print` is the fingerprint of its content.
    #[inline]
    pub(crate) fn record(&mut self, choice: Choice, print: u64) {
        if self.keep {
            self.choices.push(choice);
        }
        self.buffer.extend_from_slice(&choice.to_bytes());
        self.buffer.extend_from_slice(&print.to_le_bytes());
        if self.buffer.len() >= Self::CHUNK {
            self.so_far = self.hash();
            self.buffer.clear();
        }
    }

    /// The hash of everything so far.
    pub(crate) fn hash(&self) -> Digest {
        TRACE.digest_parts(&[&self.so_far.0, &self.buffer])
    }
}

/// Fingerprint of a message, and its size on the wire. `scratch` is left holding its encoding.
pub(crate) fn fingerprint<M: Message>(message: &M, scratch: &mut Vec<u8>) -> (u64, usize) {
    scratch.clear();
    codec::encode_into(message, scratch);
    let digest = PRINT.digest(scratch).0;
    let print = digest.iter().take(8).fold(0, |print, byte| (print << 8) | u64::from(*byte));
    (print, scratch.len())
}
