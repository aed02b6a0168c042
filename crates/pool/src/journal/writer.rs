//! Appending batches: segments, the sync, and the rewriting of what is still live.

use super::{
    Figures, JournalConfig, JournalError, Op,
    files::JournalFiles,
    format::{
        ACCEPTED_OVERHEAD, AcceptedRef, BEGIN_LEN, BatchWriter, Header, RECORD_HEAD, RawRecord,
    },
    format::{Record, SECTOR},
    recover::{Index, Place, Segment, segment_name},
};
use crate::PoolTx;
use alloy_primitives::B256;
use std::{
    collections::VecDeque,
    hash::{BuildHasher, RandomState},
    io,
    time::Instant,
};

/// Bytes of live records of the oldest segment that one batch carries along while it is rewritten.
const COPY_BYTES: usize = 256 * 1024;
/// A dropped record at most.
const DROPPED_LEN: usize = RECORD_HEAD + 65;

/// The only writer of the journal. After an error other than [`JournalError::NoSpace`] it must not
/// be used again.
pub(crate) struct Writer {
    files: Box<dyn JournalFiles>,
    config: JournalConfig,
    index: Index,
    next_batch: u64,
    /// What is left to rewrite of the oldest segment.
    copying: VecDeque<(B256, Place)>,
    figures: Figures,
}

enum Change {
    Live(B256, Place),
    Dead(B256),
}

impl Writer {
    pub(crate) fn new(
        files: Box<dyn JournalFiles>,
        config: JournalConfig,
        index: Index,
        next_batch: u64,
        figures: Figures,
    ) -> Self {
        let writer = Self {
            files,
            config,
            index,
            next_batch,
            copying: VecDeque::new(),
            figures,
        };
        writer.publish(0, None);
        writer
    }

    /// Writes and syncs the records of `ops` as one batch. `Ok` means durable.
    pub(crate) fn commit<'a>(
        &mut self,
        ops: impl Iterator<Item = &'a Op> + Clone,
    ) -> Result<(), JournalError> {
        let own: usize = ops
            .clone()
            .map(|op| match op {
                Op::Accept(tx) => ACCEPTED_OVERHEAD + tx.raw.len(),
                Op::Drop { .. } => DROPPED_LEN,
                Op::Forget(_) | Op::Fence => 0,
            })
            .sum();
        if own == 0 {
            for op in ops {
                self.forget(op);
            }
            self.publish(0, None);
            return Ok(());
        }
        let copies = self.copies();
        let copied: usize = copies.iter().map(|(_, place)| place.len as usize).sum();
        self.make_room((BEGIN_LEN + own + copied).next_multiple_of(SECTOR) as u64)?;
        let active = self.index.segments.back().expect("room was made").clone();
        let place = |(at, len): (usize, usize)| Place {
            segment: active.number,
            offset: active.end + at as u64,
            len: u32::try_from(len).unwrap_or(u32::MAX),
        };
        let mut batch = BatchWriter::new(self.next_batch, active.salt);
        let mut changes = Vec::new();
        for (hash, from) in copies {
            let accepted = self.read_back(from)?;
            changes.push(Change::Live(
                hash,
                place(batch.accepted(&accepted.as_ref())),
            ));
        }
        for op in ops {
            match op {
                Op::Accept(tx) => {
                    changes.push(Change::Live(tx.hash, place(batch.accepted(&record_of(tx)))));
                }
                Op::Drop { tx, reason } => {
                    batch.dropped(&tx.hash, reason);
                    changes.push(Change::Dead(tx.hash));
                }
                Op::Forget(hashes) => changes.extend(hashes.iter().copied().map(Change::Dead)),
                Op::Fence => {}
            }
        }
        let records = u64::from(batch.count());
        debug_assert!(batch.len() <= BEGIN_LEN + own + copied);
        let bytes = batch.close();
        self.write(&active, &bytes)?;
        let started = Instant::now();
        self.files
            .sync(&active.name)
            .map_err(failed("syncing a batch"))?;
        self.next_batch += 1;
        if let Some(segment) = self.index.segments.back_mut() {
            segment.end += bytes.len() as u64;
        }
        for change in changes {
            match change {
                Change::Live(hash, place) => self.index.set(hash, place),
                Change::Dead(hash) => self.index.unset(&hash),
            }
        }
        self.publish(records, Some(started.elapsed()));
        Ok(())
    }

    fn forget(&mut self, op: &Op) {
        if let Op::Forget(hashes) = op {
            for hash in hashes {
                self.index.unset(hash);
            }
        }
    }

    /// Deletes the oldest segments while nothing in them is live. To be called between batches.
    pub(crate) fn reclaim(&mut self) -> Result<(), JournalError> {
        while self.index.segments.len() > 1
            && self
                .index
                .segments
                .front()
                .is_some_and(|segment| segment.live == 0)
        {
            // One at a time, oldest first: a drop must not vanish before what it dropped.
            let oldest = self.index.segments.pop_front().expect("there are two");
            self.files
                .remove(&oldest.name)
                .map_err(failed("deleting a segment"))?;
            self.files
                .sync_dir()
                .map_err(failed("syncing the folder"))?;
            self.copying.clear();
            self.publish(0, None);
        }
        Ok(())
    }

    /// Live records of the oldest segment to carry along, if rewriting is due: when segments are as
    /// many as allowed, or a quarter of what is on disk would do.
    fn copies(&mut self) -> Vec<(B256, Place)> {
        let count = self.index.segments.len();
        let used: u64 = self.index.segments.iter().map(|segment| segment.end).sum();
        let (_, live) = self.index.live_total();
        let due = count >= self.config.segments_max || (count > 2 && live.saturating_mul(4) < used);
        if count < 2 || !due {
            return Vec::new();
        }
        let oldest = self.index.segments.front().expect("there are two").number;
        if self.copying.is_empty() {
            self.copying = self.index.live_of(oldest).into();
        }
        // At the bound the rest of the oldest segment goes at once.
        let budget = if count >= self.config.segments_max {
            usize::MAX
        } else {
            COPY_BYTES
        };
        let mut taken = Vec::new();
        let mut bytes = 0usize;
        while bytes < budget {
            let Some((hash, place)) = self.copying.pop_front() else {
                break;
            };
            if self.index.place(&hash) == Some(place) {
                bytes = bytes.saturating_add(place.len as usize);
                taken.push((hash, place));
            }
        }
        taken
    }

    fn read_back(&mut self, place: Place) -> Result<super::format::Accepted, JournalError> {
        let segment = self
            .index
            .segment(place.segment)
            .expect("live records are in segments");
        let (name, salt) = (segment.name.clone(), segment.salt);
        let bytes = self
            .files
            .read_at(&name, place.offset, place.len as usize)
            .map_err(failed("reading a record back"))?;
        let record = RawRecord::read(&bytes, salt)
            .and_then(|(raw, _)| Record::decode(raw.kind, raw.payload));
        match record {
            Some(Record::Accepted(accepted)) => Ok(accepted),
            _ => Err(JournalError::Damaged {
                segment: name,
                offset: place.offset,
                reason: "record does not match its checksum",
            }),
        }
    }

    /// Makes sure that `bytes` fit into the last segment, with a new one if need be.
    fn make_room(&mut self, bytes: u64) -> Result<(), JournalError> {
        if self
            .index
            .segments
            .back()
            .is_some_and(|last| last.size.saturating_sub(last.end) >= bytes)
        {
            return Ok(());
        }
        let number = self.index.segments.back().map_or(1, |last| last.number + 1);
        let name = segment_name(number);
        let size = self
            .config
            .segment_bytes
            .max(bytes + SECTOR as u64)
            .next_multiple_of(SECTOR as u64);
        self.files
            .create(&name, size)
            .map_err(|error| match error.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    JournalError::NoSpace {
                        reason: error.to_string(),
                    }
                }
                _ => failed("creating a segment")(error),
            })?;
        // Any value that nobody outside can know will do.
        let salt = RandomState::new().hash_one(number);
        let header = Header {
            segment: number,
            first_batch: self.next_batch,
            salt,
        };
        self.files
            .write_at(&name, 0, &header.encode())
            .map_err(failed("writing a header"))?;
        self.files.sync(&name).map_err(failed("syncing a header"))?;
        self.files
            .sync_dir()
            .map_err(failed("syncing the folder"))?;
        let end = SECTOR as u64;
        let segment = Segment {
            number,
            name,
            salt,
            size,
            end,
            live: 0,
            live_bytes: 0,
        };
        self.index.segments.push_back(segment);
        Ok(())
    }

    /// Writes a batch. A lack of space, where files cannot be preallocated, is undone.
    fn write(&mut self, active: &Segment, bytes: &[u8]) -> Result<(), JournalError> {
        match self.files.write_at(&active.name, active.end, bytes) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                self.files
                    .clear_from(&active.name, active.end)
                    .and_then(|()| self.files.sync(&active.name))
                    .map_err(failed("undoing a batch"))?;
                Err(JournalError::NoSpace {
                    reason: error.to_string(),
                })
            }
            Err(error) => Err(failed("writing a batch")(error)),
        }
    }

    fn publish(&self, records: u64, sync: Option<std::time::Duration>) {
        let (live, live_bytes) = self.index.live_total();
        let mut figures = self.figures.lock();
        figures.records += records;
        if let Some(time) = sync {
            figures.syncs += 1;
            figures.sync_time += time;
            figures.sync_time_max = figures.sync_time_max.max(time);
        }
        figures.segments = self.index.segments.len();
        figures.live = live;
        figures.live_bytes = live_bytes;
    }
}

fn record_of(tx: &PoolTx) -> AcceptedRef<'_> {
    AcceptedRef {
        arrival: tx.arrival,
        accepted_ms: tx.accepted_ms,
        requeued: tx.requeued,
        private: tx.private,
        sender: tx.sender,
        raw: &tx.raw,
    }
}

fn failed(during: &'static str) -> impl Fn(io::Error) -> JournalError {
    move |error| JournalError::Failed {
        during,
        reason: error.to_string(),
    }
}
