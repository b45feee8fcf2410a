//! One pass over a codeword: what is missing is computed and every leaf is hashed, stripe by stripe, so that a stripe of
//! all shards stays in the cache between the two and parity that only serves the check is never stored.

use std::ops::Range;
use std::sync::Mutex;

use mellivora_core::Digest;
use reed_solomon_erasure::galois_8::ReedSolomon;

use crate::{layout::Layout, merkle};

/// A shard that is at hand, with its leaf hash if that is known.
#[derive(Clone, Copy)]
pub(crate) struct Present<'a> {
    pub(crate) data: &'a [u8],
    pub(crate) leaf: Option<Digest>,
}

/// The erasure code of a committee. Holds buffers for reuse: what they held before never shows.
pub(crate) struct Code {
    layout: Layout,
    /// `None` without parity.
    code: Option<ReedSolomon>,
    scratch: Mutex<Vec<Vec<u8>>>,
}

/// All shards of one stripe together should fit the second-level cache.
const CACHE: usize = 256 << 10;
/// Shorter stripes leave the hash without enough chunks to work on side by side.
const STRIPE: Range<usize> = 8 << 10..64 << 10;
/// Scratch buffers that are kept for reuse, one per thread that codes at the same time.
const KEPT_BUFFERS: usize = 4;

impl Code {
    pub(crate) fn new(layout: Layout) -> Result<Self, reed_solomon_erasure::Error> {
        let code = match layout.parity() {
            0 => None,
            parity => Some(ReedSolomon::new(layout.k, parity)?),
        };
        Ok(Code { layout, code, scratch: Mutex::default() })
    }

    /// Computes what is missing from exactly k shards of `shard_len` bytes and returns the leaf hashes of all n.
    ///
    /// `present` has n places. Missing data shards are written to `rebuilt`, one after another. Missing parity goes to
    /// `parity`, which has room for all parity shards, if it is given; this is for encoding, where no parity is there.
    pub(crate) fn complete(
        &self,
        shard_len: usize,
        present: &[Option<Present<'_>>],
        rebuilt: &mut [u8],
        mut parity: Option<&mut [u8]>,
    ) -> Result<Vec<Digest>, reed_solomon_erasure::Error> {
        let mut leaves: Vec<Leaf> = present.iter().map(|p| Leaf::new(p.as_ref().and_then(|p| p.leaf))).collect();
        let stripe = self.stripe(shard_len);
        let mut scratch = self.take_scratch(stripe * self.layout.n);
        for start in (0..shard_len).step_by(stripe) {
            let part = start..(start + stripe).min(shard_len);
            for (leaf, shard) in leaves.iter_mut().zip(present) {
                if let Some(shard) = shard {
                    leaf.update(&shard.data[part.clone()], shard_len);
                }
            }
            let Some(code) = &self.code else { continue };
            let (data_present, parity_leaves) = (&present[..self.layout.k], &mut leaves[self.layout.k..]);
            if data_present.iter().all(Option::is_some) {
                let inputs: Vec<&[u8]> = data_present.iter().flatten().map(|p| &p.data[part.clone()]).collect();
                let mut outputs: Vec<&mut [u8]> = match parity.as_deref_mut() {
                    Some(parity) => parity.chunks_exact_mut(shard_len).map(|shard| &mut shard[part.clone()]).collect(),
                    None => cells(&mut scratch, stripe, part.len()).take(parity_leaves.len()).collect(),
                };
                code.encode_sep(&inputs, &mut outputs)?;
                for (leaf, shard) in parity_leaves.iter_mut().zip(&outputs) {
                    leaf.update(shard, shard_len);
                }
            } else {
                self.fill(code, shard_len, &part, present, rebuilt, cells(&mut scratch, stripe, part.len()), &mut leaves)?;
            }
        }
        self.give_scratch(scratch);
        Ok(leaves.into_iter().map(Leaf::finish).collect())
    }

    /// One stripe with some data missing.
    #[allow(clippy::too_many_arguments)]
    fn fill<'a>(
        &self,
        code: &ReedSolomon,
        shard_len: usize,
        part: &Range<usize>,
        present: &[Option<Present<'_>>],
        rebuilt: &'a mut [u8],
        scratch: impl Iterator<Item = &'a mut [u8]>,
        leaves: &mut [Leaf],
    ) -> Result<(), reed_solomon_erasure::Error> {
        let mut rebuilt = rebuilt.chunks_exact_mut(shard_len);
        // The library wants even the shards that it only reads to be mutable, hence the copies.
        let mut all: Vec<(&mut [u8], bool)> = present
            .iter()
            .zip(scratch)
            .enumerate()
            .map(|(i, (shard, cell))| match shard {
                Some(shard) => {
                    cell.copy_from_slice(&shard.data[part.clone()]);
                    (cell, true)
                }
                None if i < self.layout.k => match rebuilt.next() {
                    Some(place) => (&mut place[part.clone()], false),
                    None => (cell, false),
                },
                None => (cell, false),
            })
            .collect();
        code.reconstruct(&mut all)?;
        for (leaf, (bytes, was_present)) in leaves.iter_mut().zip(&all) {
            if !was_present {
                leaf.update(bytes, shard_len);
            }
        }
        Ok(())
    }

    fn stripe(&self, shard_len: usize) -> usize {
        let fits = (CACHE / self.layout.n).clamp(STRIPE.start, STRIPE.end);
        // A power of two, so that every stripe but the last is a whole subtree of the hash.
        let whole = if fits.is_power_of_two() { fits } else { fits.next_power_of_two() / 2 };
        whole.min(shard_len)
    }

    fn take_scratch(&self, len: usize) -> Vec<u8> {
        let kept = self.scratch.lock().ok().and_then(|mut kept| kept.pop());
        let mut buffer = kept.unwrap_or_default();
        if buffer.len() < len {
            buffer.resize(len, 0);
        }
        buffer
    }

    fn give_scratch(&self, buffer: Vec<u8>) {
        if let Ok(mut kept) = self.scratch.lock()
            && kept.len() < KEPT_BUFFERS
        {
            kept.push(buffer);
        }
    }
}

/// The first `len` bytes of each piece of `stripe` bytes.
fn cells(scratch: &mut [u8], stripe: usize, len: usize) -> impl Iterator<Item = &mut [u8]> {
    scratch.chunks_exact_mut(stripe).map(move |cell| &mut cell[..len])
}

/// A leaf hash in the making.
enum Leaf {
    Nothing,
    Some(Box<blake3::Hasher>),
    Done(Digest),
}

impl Leaf {
    fn new(known: Option<Digest>) -> Self {
        known.map_or(Leaf::Nothing, Leaf::Done)
    }

    /// Takes the next part of a shard of `shard_len` bytes. A known hash is not computed again.
    fn update(&mut self, part: &[u8], shard_len: usize) {
        match self {
            Leaf::Done(_) => {}
            Leaf::Some(hasher) => {
                hasher.update(part);
            }
            Leaf::Nothing if part.len() == shard_len => *self = Leaf::Done(merkle::leaf(part)),
            Leaf::Nothing => {
                let mut hasher = Box::new(merkle::leaf_hasher());
                hasher.update(part);
                *self = Leaf::Some(hasher);
            }
        }
    }

    fn finish(self) -> Digest {
        match self {
            Leaf::Done(digest) => digest,
            Leaf::Some(hasher) => Digest(*hasher.finalize().as_bytes()),
            Leaf::Nothing => Digest::default(),
        }
    }
}
