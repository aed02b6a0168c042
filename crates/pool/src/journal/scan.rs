//! Reading a segment back: a pure function of its bytes.
//!
//! Only one batch is ever in flight and batches are numbered without gaps. So whatever cannot be
//! read is either the last batch, torn before its sync returned, or damaged media: the latter exactly
//! if a batch with a later number stands behind it.

use super::format::{BEGIN_LEN, Header, RawRecord, Record, SECTOR};

/// A record and where it stands in its segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) offset: u64,
    pub(crate) len: u32,
    pub(crate) record: Record,
}

/// What stands behind the last whole batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tail {
    /// Zeros, or the end of the file.
    Clean,
    /// A batch that was never synced. It begins at [`Scan::end`].
    Torn,
    /// Bytes that were synced and cannot be read.
    Damaged { offset: u64, reason: &'static str },
}

/// A segment's whole batches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scan {
    pub(crate) records: Vec<Placed>,
    /// Number that the next batch gets.
    pub(crate) next_batch: u64,
    /// Where the next batch begins.
    pub(crate) end: u64,
    pub(crate) tail: Tail,
}

/// Reads the batches of a segment. Time and memory are linear in `bytes`.
pub(crate) fn scan(bytes: &[u8], header: &Header) -> Scan {
    let mut scan = Scan {
        records: Vec::new(),
        next_batch: header.first_batch,
        end: SECTOR as u64,
        tail: Tail::Clean,
    };
    let mut at = SECTOR;
    loop {
        match read_batch(bytes, at, header.salt, scan.next_batch) {
            Ok(Some((mut records, next))) => {
                scan.records.append(&mut records);
                scan.next_batch = scan.next_batch.wrapping_add(1);
                at = next;
                scan.end = at as u64;
            }
            Ok(None) => return scan,
            Err(bad) => {
                let later = later_batch(bytes, at, header.salt, scan.next_batch);
                scan.tail = if bad.synced || later {
                    Tail::Damaged {
                        offset: bad.at as u64,
                        reason: bad.reason,
                    }
                } else {
                    Tail::Torn
                };
                return scan;
            }
        }
    }
}

struct Bad {
    at: usize,
    reason: &'static str,
    /// The batch cannot be a torn write.
    synced: bool,
}

type BatchRead = Result<Option<(Vec<Placed>, usize)>, Bad>;

/// The batch at `at`; `None` if nothing but zeros follows.
fn read_batch(bytes: &[u8], at: usize, salt: u64, number: u64) -> BatchRead {
    let bad = |at, reason| Bad {
        at,
        reason,
        synced: false,
    };
    let rest = bytes.get(at..).unwrap_or_default();
    let Some((batch, total, count)) = RawRecord::read_begin(rest, salt) else {
        if is_zero(rest) {
            return Ok(None);
        }
        return Err(bad(at, "no batch begins here"));
    };
    if batch != number {
        return Err(Bad {
            at,
            reason: "batch number out of order",
            synced: true,
        });
    }
    let Some(body) = rest.get(..total) else {
        return Err(bad(at, "batch is longer than its segment"));
    };
    let mut records = Vec::new();
    let mut pos = BEGIN_LEN;
    while pos < total {
        let here = at + pos;
        let Some((raw, len)) = RawRecord::read(body.get(pos..).unwrap_or_default(), salt) else {
            return Err(bad(here, "record does not match its checksum"));
        };
        if raw.batch != number {
            return Err(bad(here, "record belongs to another batch"));
        }
        let Some(record) = Record::decode(raw.kind, raw.payload) else {
            return Err(Bad {
                at: here,
                reason: "record of an unknown kind",
                synced: true,
            });
        };
        let len_u32 = u32::try_from(len).unwrap_or(u32::MAX);
        records.push(Placed {
            offset: here as u64,
            len: len_u32,
            record,
        });
        pos += len;
    }
    if records.len() != count as usize {
        return Err(bad(at, "batch has another number of records"));
    }
    let next = (at + total).next_multiple_of(SECTOR);
    if !is_zero(
        bytes
            .get(at + total..next.min(bytes.len()))
            .unwrap_or_default(),
    ) {
        return Err(bad(at + total, "bytes between two batches"));
    }
    Ok(Some((records, next)))
}

/// Whether a batch with a number above `number` begins on a sector behind `at`.
fn later_batch(bytes: &[u8], at: usize, salt: u64, number: u64) -> bool {
    let mut at = at + SECTOR;
    while let Some(rest) = bytes.get(at..) {
        if rest.is_empty() {
            return false;
        }
        if RawRecord::read_begin(rest, salt).is_some_and(|(batch, ..)| batch > number) {
            return true;
        }
        at += SECTOR;
    }
    false
}

/// Whether all bytes are zero; by chunks, because a preallocated tail is long.
fn is_zero(bytes: &[u8]) -> bool {
    let chunks = bytes.chunks_exact(64);
    let tail = chunks.remainder();
    chunks
        .into_iter()
        .all(|chunk| chunk.iter().fold(0, |a, b| a | b) == 0)
        && tail.iter().all(|byte| *byte == 0)
}
