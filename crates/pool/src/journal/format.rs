//! Bytes of the journal.
//!
//! A segment is a preallocated file of zeros. Its first sector is the header, every batch starts on
//! a sector, and what lies behind a batch up to the next sector is zero. A sector that was synced is
//! never written again, so a torn write cannot reach an older batch.
//!
//! | offset | size | header field |
//! |---|---|---|
//! | 0 | 8 | `"FGJRNL"`, 0, version 1 |
//! | 8 | 8 | number of the segment |
//! | 16 | 8 | number of its first batch |
//! | 24 | 8 | salt |
//! | 32 | 4 | CRC-32C of bytes 0..32 |
//! | 36 | 476 | zero |
//!
//! | offset | size | record field |
//! |---|---|---|
//! | 0 | 4 | length of batch number, kind and payload |
//! | 4 | 4 | CRC-32C of the salt and of everything else in the record |
//! | 8 | 8 | batch number |
//! | 16 | 1 | kind |
//! | 17 | n | payload |
//!
//! | kind | payload |
//! |---|---|
//! | 0 begin | bytes of the whole batch with this record `u32`, records behind it `u32` |
//! | 1 accepted | arrival `u64`, unix milliseconds `u64`, requeued `u32`, flags (1 private), sender 20, EIP-2718 bytes |
//! | 2 dropped | hash 32, reason (1 replaced, 2 nonce used, 3 unpayable, 4 expired, 5 evicted, 6 removed, 7 invalid), then the replacing hash 32 or the account's nonce `u64` |
//!
//! Integers are little-endian. The salt is drawn per segment: without it nobody can craft a
//! transaction whose bytes look like a later batch when a torn tail is searched.
//! Source: `RELIABILITY.md` D2.

use crate::DropReason;
use alloy_primitives::{Address, B256, Bytes, keccak256};

/// Unit that a disk writes whole.
pub(crate) const SECTOR: usize = 512;
const MAGIC: [u8; 8] = *b"FGJRNL\0\x01";
const HEADER_LEN: usize = 36;
/// Bytes of a record in front of its payload.
pub(crate) const RECORD_HEAD: usize = 17;
/// Bytes of a begin record.
pub(crate) const BEGIN_LEN: usize = RECORD_HEAD + 8;
const KIND_BEGIN: u8 = 0;
const KIND_ACCEPTED: u8 = 1;
const KIND_DROPPED: u8 = 2;
/// Bytes of an accepted record beside the transaction's own.
pub(crate) const ACCEPTED_OVERHEAD: usize = RECORD_HEAD + 41;
const FLAG_PRIVATE: u8 = 1;

/// First sector of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) segment: u64,
    pub(crate) first_batch: u64,
    pub(crate) salt: u64,
}

impl Header {
    pub(crate) fn encode(&self) -> [u8; SECTOR] {
        let mut out = [0u8; SECTOR];
        out[0..8].copy_from_slice(&MAGIC);
        out[8..16].copy_from_slice(&self.segment.to_le_bytes());
        out[16..24].copy_from_slice(&self.first_batch.to_le_bytes());
        out[24..32].copy_from_slice(&self.salt.to_le_bytes());
        let crc = crc32c::crc32c(&out[0..32]);
        out[32..36].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// `None` if the sector is not a header.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let sector = bytes.get(..SECTOR)?;
        let crc = u32_at(sector, 32)?;
        let sound = sector[0..8] == MAGIC
            && crc32c::crc32c(&sector[0..32]) == crc
            && sector[HEADER_LEN..].iter().all(|byte| *byte == 0);
        sound.then_some(Self {
            segment: u64_at(sector, 8)?,
            first_batch: u64_at(sector, 16)?,
            salt: u64_at(sector, 24)?,
        })
    }
}

/// An accepted transaction, as journalled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) arrival: u64,
    pub(crate) accepted_ms: u64,
    pub(crate) requeued: u32,
    pub(crate) private: bool,
    pub(crate) sender: Address,
    pub(crate) raw: Bytes,
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Record {
    Accepted(Accepted),
    Dropped { hash: B256, reason: DropReason },
}

impl Record {
    /// The transaction it is about.
    pub(crate) fn hash(&self) -> B256 {
        match self {
            Self::Accepted(accepted) => keccak256(&accepted.raw),
            Self::Dropped { hash, .. } => *hash,
        }
    }

    pub(crate) fn decode(kind: u8, payload: &[u8]) -> Option<Self> {
        match kind {
            KIND_ACCEPTED => {
                let flags = *payload.get(20)?;
                if flags & !FLAG_PRIVATE != 0 {
                    return None;
                }
                Some(Self::Accepted(Accepted {
                    arrival: u64_at(payload, 0)?,
                    accepted_ms: u64_at(payload, 8)?,
                    requeued: u32_at(payload, 16)?,
                    private: flags & FLAG_PRIVATE != 0,
                    sender: Address::from_slice(payload.get(21..41)?),
                    raw: Bytes::copy_from_slice(payload.get(41..)?),
                }))
            }
            KIND_DROPPED => {
                let hash = B256::from_slice(payload.get(..32)?);
                let reason = match (payload.get(32)?, payload.get(33..)?) {
                    (1, by) if by.len() == 32 => DropReason::Replaced {
                        by: B256::from_slice(by),
                    },
                    (2, next) if next.len() == 8 => DropReason::NonceUsed {
                        next: u64_at(next, 0)?,
                    },
                    (3, []) => DropReason::Unpayable,
                    (4, []) => DropReason::Expired,
                    (5, []) => DropReason::Evicted,
                    (6, []) => DropReason::Removed,
                    (7, []) => DropReason::Invalid,
                    _ => return None,
                };
                Some(Self::Dropped { hash, reason })
            }
            _ => None,
        }
    }
}

/// A batch being encoded. Records are added, then it is closed; offsets are relative to its start.
#[derive(Debug)]
pub(crate) struct BatchWriter {
    bytes: Vec<u8>,
    batch: u64,
    salt: u64,
    count: u32,
}

impl BatchWriter {
    pub(crate) fn new(batch: u64, salt: u64) -> Self {
        Self {
            bytes: vec![0; BEGIN_LEN],
            batch,
            salt,
            count: 0,
        }
    }

    /// Appends an accepted record and returns its place `(offset, length)`.
    pub(crate) fn accepted(&mut self, accepted: &AcceptedRef<'_>) -> (usize, usize) {
        self.record(KIND_ACCEPTED, |out| {
            out.extend_from_slice(&accepted.arrival.to_le_bytes());
            out.extend_from_slice(&accepted.accepted_ms.to_le_bytes());
            out.extend_from_slice(&accepted.requeued.to_le_bytes());
            out.push(if accepted.private { FLAG_PRIVATE } else { 0 });
            out.extend_from_slice(accepted.sender.as_slice());
            out.extend_from_slice(accepted.raw);
        })
    }

    /// Appends a dropped record.
    pub(crate) fn dropped(&mut self, hash: &B256, reason: &DropReason) {
        self.record(KIND_DROPPED, |out| {
            out.extend_from_slice(hash.as_slice());
            match reason {
                DropReason::Replaced { by } => {
                    out.push(1);
                    out.extend_from_slice(by.as_slice());
                }
                DropReason::NonceUsed { next } => {
                    out.push(2);
                    out.extend_from_slice(&next.to_le_bytes());
                }
                DropReason::Unpayable => out.push(3),
                DropReason::Expired => out.push(4),
                DropReason::Evicted => out.push(5),
                DropReason::Removed => out.push(6),
                DropReason::Invalid => out.push(7),
            }
        });
    }

    /// Number of records so far.
    pub(crate) const fn count(&self) -> u32 {
        self.count
    }

    /// Bytes so far.
    pub(crate) const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The bytes of the batch, padded to whole sectors.
    pub(crate) fn close(mut self) -> Vec<u8> {
        let total = u32::try_from(self.bytes.len()).expect("a batch is bounded by its segment");
        let mut begin = Vec::with_capacity(BEGIN_LEN);
        begin.resize(RECORD_HEAD, 0);
        begin.extend_from_slice(&total.to_le_bytes());
        begin.extend_from_slice(&self.count.to_le_bytes());
        seal(&mut begin, self.batch, self.salt, KIND_BEGIN);
        self.bytes[..BEGIN_LEN].copy_from_slice(&begin);
        let padded = self.bytes.len().next_multiple_of(SECTOR);
        self.bytes.resize(padded, 0);
        self.bytes
    }

    fn record(&mut self, kind: u8, payload: impl FnOnce(&mut Vec<u8>)) -> (usize, usize) {
        let start = self.bytes.len();
        self.bytes.resize(start + RECORD_HEAD, 0);
        payload(&mut self.bytes);
        seal(&mut self.bytes[start..], self.batch, self.salt, kind);
        self.count += 1;
        (start, self.bytes.len() - start)
    }
}

impl Accepted {
    pub(crate) fn as_ref(&self) -> AcceptedRef<'_> {
        AcceptedRef {
            arrival: self.arrival,
            accepted_ms: self.accepted_ms,
            requeued: self.requeued,
            private: self.private,
            sender: self.sender,
            raw: &self.raw,
        }
    }
}

/// Fields of an accepted record, borrowed.
#[derive(Debug)]
pub(crate) struct AcceptedRef<'a> {
    pub(crate) arrival: u64,
    pub(crate) accepted_ms: u64,
    pub(crate) requeued: u32,
    pub(crate) private: bool,
    pub(crate) sender: Address,
    pub(crate) raw: &'a [u8],
}

/// A record whose checksum holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RawRecord<'a> {
    pub(crate) batch: u64,
    pub(crate) kind: u8,
    pub(crate) payload: &'a [u8],
}

impl<'a> RawRecord<'a> {
    /// Reads the record at the start of `bytes`; also returns its length.
    pub(crate) fn read(bytes: &'a [u8], salt: u64) -> Option<(Self, usize)> {
        let body = usize::try_from(u32_at(bytes, 0)?).ok()?;
        let end = body.checked_add(8)?;
        if end < RECORD_HEAD {
            return None;
        }
        let record = bytes.get(..end)?;
        if u32_at(record, 4)? != checksum(record, salt) {
            return None;
        }
        let payload = record.get(RECORD_HEAD..)?;
        Some((
            Self {
                batch: u64_at(record, 8)?,
                kind: *record.get(16)?,
                payload,
            },
            end,
        ))
    }

    /// Reads a begin record: batch number, bytes of the batch, records behind it.
    pub(crate) fn read_begin(bytes: &'a [u8], salt: u64) -> Option<(u64, usize, u32)> {
        if u32_at(bytes, 0)? as usize != BEGIN_LEN - 8 {
            return None;
        }
        let (record, _) = Self::read(bytes, salt)?;
        let total = usize::try_from(u32_at(record.payload, 0)?).ok()?;
        (record.kind == KIND_BEGIN && total >= BEGIN_LEN).then_some((
            record.batch,
            total,
            u32_at(record.payload, 4)?,
        ))
    }
}

fn seal(record: &mut [u8], batch: u64, salt: u64, kind: u8) {
    let body = u32::try_from(record.len() - 8).expect("a record is bounded by its segment");
    record[0..4].copy_from_slice(&body.to_le_bytes());
    record[8..16].copy_from_slice(&batch.to_le_bytes());
    record[16] = kind;
    let crc = checksum(record, salt);
    record[4..8].copy_from_slice(&crc.to_le_bytes());
}

fn checksum(record: &[u8], salt: u64) -> u32 {
    let crc = crc32c::crc32c(&salt.to_le_bytes());
    let crc = crc32c::crc32c_append(crc, &record[0..4]);
    crc32c::crc32c_append(crc, &record[8..])
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}
