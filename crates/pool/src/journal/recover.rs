//! Reading the journal at start: what is still accepted, and where the next batch goes.

use super::{
    JournalError,
    files::JournalFiles,
    format::{Accepted, Header, Record, SECTOR},
    scan::{Tail, scan},
};
use crate::DropReason;
use alloy_primitives::B256;
use std::collections::{HashMap, VecDeque};

/// A segment on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) number: u64,
    pub(crate) name: String,
    pub(crate) salt: u64,
    /// Bytes of the file.
    pub(crate) size: u64,
    /// Where the next batch begins.
    pub(crate) end: u64,
    /// Live records, and their bytes.
    pub(crate) live: usize,
    pub(crate) live_bytes: u64,
}

/// Where a live record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) segment: u64,
    pub(crate) offset: u64,
    pub(crate) len: u32,
}

/// The segments and which of their records a restart would bring back.
#[derive(Debug, Default)]
pub(crate) struct Index {
    pub(crate) segments: VecDeque<Segment>,
    live: HashMap<B256, Place>,
}

impl Index {
    /// The place of a live record.
    pub(crate) fn place(&self, hash: &B256) -> Option<Place> {
        self.live.get(hash).copied()
    }

    /// A record of `hash` is live at `place`, and no other one.
    pub(crate) fn set(&mut self, hash: B256, place: Place) {
        self.unset(&hash);
        if let Some(segment) = self.segment_mut(place.segment) {
            segment.live += 1;
            segment.live_bytes += u64::from(place.len);
        }
        self.live.insert(hash, place);
    }

    /// No record of `hash` is live.
    pub(crate) fn unset(&mut self, hash: &B256) {
        if let Some(place) = self.live.remove(hash)
            && let Some(segment) = self.segment_mut(place.segment)
        {
            segment.live -= 1;
            segment.live_bytes -= u64::from(place.len);
        }
    }

    /// Live records of a segment in the order in which they stand there.
    pub(crate) fn live_of(&self, segment: u64) -> Vec<(B256, Place)> {
        let mut of: Vec<_> = self
            .live
            .iter()
            .filter(|(_, place)| place.segment == segment)
            .map(|(hash, place)| (*hash, *place))
            .collect();
        of.sort_by_key(|(_, place)| place.offset);
        of
    }

    /// Number of live records and their bytes.
    pub(crate) fn live_total(&self) -> (usize, u64) {
        (
            self.live.len(),
            self.segments.iter().map(|segment| segment.live_bytes).sum(),
        )
    }

    /// A segment by number.
    pub(crate) fn segment(&self, number: u64) -> Option<&Segment> {
        let first = self.segments.front()?.number;
        self.segments
            .get(usize::try_from(number.checked_sub(first)?).ok()?)
    }

    fn segment_mut(&mut self, number: u64) -> Option<&mut Segment> {
        let first = self.segments.front()?.number;
        self.segments
            .get_mut(usize::try_from(number.checked_sub(first)?).ok()?)
    }
}

/// What a recovery found.
#[derive(Debug, Default)]
pub(crate) struct Recovered {
    pub(crate) index: Index,
    /// Number of the next batch.
    pub(crate) next_batch: u64,
    /// Accepted and not dropped, in the order of acceptance.
    pub(crate) accepted: Vec<(B256, Accepted)>,
    /// Dropped, oldest first.
    pub(crate) dropped: Vec<(B256, DropReason)>,
    /// Whether anything had to be repaired on disk.
    pub(crate) repaired: bool,
}

const PREFIX: &str = "journal-";
const SUFFIX: &str = ".seg";

/// File name of a segment.
pub(crate) fn segment_name(number: u64) -> String {
    format!("{PREFIX}{number:016x}{SUFFIX}")
}

fn segment_number(name: &str) -> Option<u64> {
    let digits = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
    u64::from_str_radix(digits, 16)
        .ok()
        .filter(|number| segment_name(*number) == name)
}

/// Scans all segments, removes a torn tail, and says what is live. A second run right after changes
/// nothing on disk.
pub(crate) fn recover(files: &mut dyn JournalFiles) -> Result<Recovered, JournalError> {
    let mut out = Recovered {
        next_batch: 1,
        ..Recovered::default()
    };
    let mut accepted: HashMap<B256, Accepted> = HashMap::new();
    let mut numbers: Vec<u64> = files
        .list()
        .map_err(io)?
        .iter()
        .filter_map(|name| segment_number(name))
        .collect();
    numbers.sort_unstable();
    for (index, number) in numbers.iter().copied().enumerate() {
        let name = segment_name(number);
        let last = index + 1 == numbers.len();
        let damaged = |offset, reason| JournalError::Damaged {
            segment: name.clone(),
            offset,
            reason,
        };
        let bytes = files.read(&name).map_err(io)?;
        let header = Header::decode(&bytes).filter(|header| header.segment == number);
        let Some(header) = header else {
            // A header is synced before the first batch is written behind it.
            let fresh = bytes
                .get(SECTOR..)
                .unwrap_or_default()
                .iter()
                .all(|byte| *byte == 0);
            if !(last && fresh) {
                return Err(damaged(0, "segment header is unreadable"));
            }
            files.remove(&name).map_err(io)?;
            files.sync_dir().map_err(io)?;
            out.repaired = true;
            continue;
        };
        if let Some(before) = out.index.segments.back()
            && (before.number.checked_add(1) != Some(number)
                || header.first_batch != out.next_batch)
        {
            return Err(damaged(
                0,
                "segments before this one are missing or incomplete",
            ));
        }
        let scan = scan(&bytes, &header);
        match scan.tail {
            Tail::Clean => {}
            Tail::Damaged { offset, reason } => return Err(damaged(offset, reason)),
            Tail::Torn if !last => {
                return Err(damaged(scan.end, "unreadable, and a later segment follows"));
            }
            Tail::Torn => {
                files.clear_from(&name, scan.end).map_err(io)?;
                files.sync(&name).map_err(io)?;
                out.repaired = true;
            }
        }
        out.next_batch = scan.next_batch;
        out.index.segments.push_back(Segment {
            number,
            name: name.clone(),
            salt: header.salt,
            size: bytes.len() as u64,
            end: scan.end,
            live: 0,
            live_bytes: 0,
        });
        for placed in scan.records {
            let hash = placed.record.hash();
            match placed.record {
                Record::Accepted(record) => {
                    let place = Place {
                        segment: number,
                        offset: placed.offset,
                        len: placed.len,
                    };
                    out.index.set(hash, place);
                    accepted.insert(hash, record);
                }
                Record::Dropped { reason, .. } => {
                    out.index.unset(&hash);
                    accepted.remove(&hash);
                    out.dropped.push((hash, reason));
                }
            }
        }
    }
    out.accepted = accepted.into_iter().collect();
    out.accepted
        .sort_by_key(|(hash, record)| (record.arrival, *hash));
    Ok(out)
}

fn io(error: std::io::Error) -> JournalError {
    JournalError::Io {
        reason: error.to_string(),
    }
}
