//! Where transactions come from: the lines of an input, or a generator.
//!
//! Each transaction carries sixteen bytes in front: the run's tag, by which the ledger tells it from what a faulty
//! node made up, and its sequence number. So equal lines are different transactions.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use bytes::{BufMut, Bytes, BytesMut};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

/// Bytes in front of every transaction.
pub(crate) const PREFIX: usize = 16;

/// A line that cannot be a transaction.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Refused {
    /// Its number, from 1.
    pub(crate) line: u64,
    /// Why.
    pub(crate) reason: String,
}

/// Transactions, one after another, each with its prefix.
pub(crate) struct Source {
    kind: Kind,
    tag: u64,
    next: u64,
    line: u64,
    max: usize,
    pub(crate) refused: Vec<Refused>,
}

enum Kind {
    Lines(BufReader<Box<dyn Read + Send>>),
    Generated { left: u64, size: usize, rng: Box<ChaCha8Rng> },
}

impl Source {
    /// The lines of a file, or of standard input for `-`. `max`: the cluster's largest transaction.
    pub(crate) fn lines(path: &Path, tag: u64, max: usize) -> Result<Self, String> {
        let input: Box<dyn Read + Send> = if path.as_os_str() == "-" {
            Box::new(io::stdin())
        } else {
            let named = |error: io::Error| format!("cannot read {}: {error}", path.display());
            let file = File::open(path).map_err(named)?;
            if file.metadata().map_err(named)?.is_dir() {
                return Err(format!("cannot read {}: it is a directory", path.display()));
            }
            Box::new(file)
        };
        let reader = BufReader::with_capacity(1 << 20, input);
        Ok(Source { kind: Kind::Lines(reader), tag, next: 0, line: 0, max, refused: Vec::new() })
    }

    /// `count` transactions of `size` random bytes.
    pub(crate) fn generated(count: u64, size: usize, seed: u64, tag: u64, max: usize) -> Result<Self, String> {
        if size + PREFIX > max {
            return Err(format!("--tx-size {size} is too large: at most {}", max - PREFIX));
        }
        let rng = Box::new(ChaCha8Rng::seed_from_u64(seed));
        Ok(Source { kind: Kind::Generated { left: count, size, rng }, tag, next: 0, line: 0, max, refused: Vec::new() })
    }

    /// The next transactions: about `bytes` bytes, at most `count`. None when there are no more. Waits for input only
    /// when it has nothing to give yet.
    pub(crate) fn chunk(&mut self, count: usize, bytes: usize) -> io::Result<Option<Vec<Bytes>>> {
        let mut chunk = Vec::new();
        // One buffer for the whole chunk: its transactions are slices of it.
        let mut buffer = BytesMut::with_capacity(bytes.min(1 << 20));
        let mut ends = Vec::new();
        while ends.len() < count && buffer.len() < bytes && (ends.is_empty() || self.at_hand()) {
            if !self.append(&mut buffer)? {
                break;
            }
            ends.push(buffer.len());
        }
        let buffer = buffer.freeze();
        let mut start = 0;
        for end in ends {
            chunk.push(buffer.slice(start..end));
            start = end;
        }
        Ok((!chunk.is_empty()).then_some(chunk))
    }

    /// Whether a whole line, or a generated transaction, is there without waiting.
    fn at_hand(&self) -> bool {
        match &self.kind {
            Kind::Lines(reader) => reader.buffer().contains(&b'\n'),
            Kind::Generated { .. } => true,
        }
    }

    fn append(&mut self, buffer: &mut BytesMut) -> io::Result<bool> {
        let start = buffer.len();
        let prefix = |buffer: &mut BytesMut, tag, sequence| {
            buffer.put_u64(tag);
            buffer.put_u64(sequence);
        };
        match &mut self.kind {
            Kind::Generated { left: 0, .. } => return Ok(false),
            Kind::Generated { left, size, rng } => {
                *left -= 1;
                prefix(buffer, self.tag, self.next);
                buffer.resize(start + PREFIX + *size, 0);
                rng.fill_bytes(&mut buffer[start + PREFIX..]);
            }
            Kind::Lines(reader) => loop {
                prefix(buffer, self.tag, self.next);
                let room = self.max - PREFIX;
                let Some(len) = append_line(reader, buffer, room)? else {
                    buffer.truncate(start);
                    return Ok(false);
                };
                self.line += 1;
                if len <= room {
                    break;
                }
                buffer.truncate(start);
                let reason = format!("{len} bytes are too many: at most {room}");
                self.refused.push(Refused { line: self.line, reason });
            },
        }
        self.next += 1;
        Ok(true)
    }
}

/// Appends a line without its newline, and says how long it was; of a line longer than `room` only the length is of
/// use, and no more than `room` bytes are kept. Only `\n` ends a line. None at the end of the input.
fn append_line(reader: &mut impl BufRead, buffer: &mut BytesMut, room: usize) -> io::Result<Option<usize>> {
    let mut len = 0;
    let mut any = false;
    loop {
        let available = match reader.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        if available.is_empty() {
            return Ok(any.then_some(len));
        }
        any = true;
        let end = available.iter().position(|&byte| byte == b'\n');
        let piece = &available[..end.unwrap_or(available.len())];
        if len + piece.len() <= room {
            buffer.extend_from_slice(piece);
        }
        len += piece.len();
        let used = piece.len() + usize::from(end.is_some());
        reader.consume(used);
        if end.is_some() {
            return Ok(Some(len));
        }
    }
}

/// Counts the lines of a file up to `limit`, to choose a batch size.
pub(crate) fn count_lines(path: &Path, limit: usize) -> usize {
    let Ok(file) = File::open(path) else { return 0 };
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let (mut count, mut block) = (0, [0; 1 << 16]);
    while count < limit {
        match reader.read(&mut block) {
            Ok(0) | Err(_) => break,
            Ok(len) => count += block[..len].iter().filter(|&&byte| byte == b'\n').count(),
        }
    }
    count
}
