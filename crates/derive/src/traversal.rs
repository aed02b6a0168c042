//! Stage 1: L1 blocks in order, and the window of those that a batch may still name as origin.

use crate::{EpochStart, L1Header, L1Input};
use alloc::{collections::BTreeMap, collections::VecDeque, vec::Vec};
use alloy_primitives::Log;

/// L1 blocks pushed but not yet needed. Bounded: the farthest ahead are forgotten and asked for again.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    blocks: BTreeMap<u64, L1Input>,
}

impl Inbox {
    /// Blocks kept.
    const MAX: usize = 64;

    pub(crate) fn push(&mut self, block: L1Input) {
        self.blocks.insert(block.header.number, block);
        while self.blocks.len() > Self::MAX {
            self.blocks.pop_last();
        }
    }

    /// The block `number` if it was pushed; forgets all below it.
    pub(crate) fn take(&mut self, number: u64) -> Option<L1Input> {
        while let Some(entry) = self.blocks.first_entry() {
            if *entry.key() > number {
                return None;
            }
            let block = entry.remove();
            if block.header.number == number {
                return Some(block);
            }
        }
        None
    }

    /// The block `number`, without forgetting others.
    pub(crate) fn remove(&mut self, number: u64) -> Option<L1Input> {
        self.blocks.remove(&number)
    }
}

/// What the first block of an epoch takes from its origin.
#[derive(Debug, Default)]
struct Events {
    config_updates: Vec<Log>,
    deposits: Vec<(u64, Log)>,
}

impl Events {
    fn size(&self) -> usize {
        let logs = self
            .config_updates
            .iter()
            .chain(self.deposits.iter().map(|(_, log)| log));
        logs.fold(0, |sum, log| {
            sum.saturating_add(log.data.data.len()).saturating_add(256)
        })
    }
}

#[derive(Debug)]
struct Entry {
    header: L1Header,
    /// `None` if they were shed.
    events: Option<Events>,
}

/// Consecutive L1 blocks from the safe head's origin to the one being consumed.
///
/// Headers are always there; events are shed above a bound and asked for again when their epoch begins.
#[derive(Debug, Default)]
pub(crate) struct Window {
    entries: VecDeque<Entry>,
    events_size: usize,
}

impl Window {
    /// Bytes of events kept.
    pub(crate) const EVENTS_MAX: usize = 32 << 20;

    pub(crate) fn push(&mut self, header: L1Header, updates: Vec<Log>, deposits: Vec<(u64, Log)>) {
        let events = Events {
            config_updates: updates,
            deposits,
        };
        let size = self.events_size.saturating_add(events.size());
        let keep = size <= Self::EVENTS_MAX;
        if keep {
            self.events_size = size;
        }
        self.entries.push_back(Entry {
            header,
            events: keep.then_some(events),
        });
    }

    /// The origin of the safe head.
    pub(crate) fn epoch(&self) -> Option<&L1Header> {
        self.entries.front().map(|entry| &entry.header)
    }

    /// The L1 block after it.
    pub(crate) fn next_epoch(&self) -> Option<&L1Header> {
        self.entries.get(1).map(|entry| &entry.header)
    }

    /// The newest block.
    pub(crate) fn last(&self) -> Option<&L1Header> {
        self.entries.back().map(|entry| &entry.header)
    }

    /// The block with this number.
    pub(crate) fn get(&self, number: u64) -> Option<&L1Header> {
        let index = number.checked_sub(self.epoch()?.number)?;
        self.entries
            .get(usize::try_from(index).ok()?)
            .map(|entry| &entry.header)
    }

    /// Events of the block after the safe head's origin, unless they were shed.
    pub(crate) fn next_epoch_events(&self) -> Option<EpochStart<'_>> {
        let events = self.entries.get(1)?.events.as_ref()?;
        Some(EpochStart {
            config_updates: &events.config_updates,
            deposits: &events.deposits,
        })
    }

    /// Brings back events of the block after the safe head's origin. `false` if it is another block.
    pub(crate) fn refill_next_epoch(&mut self, block: L1Input) -> bool {
        match self.entries.get_mut(1) {
            Some(entry) if entry.header.hash == block.header.hash => {
                let L1Input {
                    config_updates,
                    deposits,
                    ..
                } = block;
                let events = Events {
                    config_updates,
                    deposits,
                };
                self.events_size = self.events_size.saturating_add(events.size());
                entry.events = Some(events);
                true
            }
            _ => false,
        }
    }

    /// Forgets blocks below the safe head's origin, and the events of that origin.
    pub(crate) fn advance(&mut self, origin: u64) {
        while self.epoch().is_some_and(|header| header.number < origin) {
            if let Some(events) = self.entries.pop_front().and_then(|entry| entry.events) {
                self.events_size = self.events_size.saturating_sub(events.size());
            }
        }
        if let Some(entry) = self.entries.front_mut() {
            let used = entry.events.replace(Events::default());
            let size = used.map_or(0, |events| events.size());
            self.events_size = self.events_size.saturating_sub(size);
        }
    }
}
