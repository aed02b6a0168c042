//! Follows the head of an L1: what arrives is an L1 that changes its mind, what leaves is a list of
//! events, each of which fits the one before by parent hash.

use crate::{BlockAt, BlockTag, L1Client, L1Error, ref_of};
use foggara_primitives::L1Ref;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};
use tokio::sync::watch;

/// What happened on L1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum L1Event {
    /// The next block; its parent is the block of the event before.
    Advance(L1Ref),
    /// Another branch is canonical.
    Reorg {
        /// The last block that both branches share.
        fork: L1Ref,
        /// The new branch after it, in order, never empty.
        new: Vec<L1Ref>,
    },
    /// The L1 will not drop this block or anything below.
    Finalized(L1Ref),
}

/// How an L1 is followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FollowerConfig {
    /// Time between two looks at an L1 that does not announce its heads.
    pub poll: Duration,
    /// Blocks remembered, and thereby the deepest reorg that can be followed.
    pub window_max: usize,
    /// Blocks fetched by one look at most, so that catching up delivers as it goes.
    pub step_max: u64,
}

impl Default for FollowerConfig {
    fn default() -> Self {
        Self {
            poll: Duration::from_millis(500),
            window_max: 4_096,
            step_max: 64,
        }
    }
}

/// Follows one L1.
///
/// Invariants: the remembered blocks are a chain by parent hash; `finalized` never goes back and is
/// one of them, or below all of them.
#[derive(Debug)]
pub struct Follower {
    client: Arc<dyn L1Client>,
    config: FollowerConfig,
    window: BTreeMap<u64, L1Ref>,
    tip: L1Ref,
    finalized: Option<L1Ref>,
    ready: VecDeque<L1Event>,
    announced: Option<watch::Receiver<L1Ref>>,
}

impl Follower {
    /// Follows `client` from `start`, a block that the caller has already dealt with.
    pub fn new(client: Arc<dyn L1Client>, start: L1Ref, config: FollowerConfig) -> Self {
        Self {
            announced: client.head_changes(),
            client,
            config,
            window: BTreeMap::from([(start.number, start)]),
            tip: start,
            finalized: None,
            ready: VecDeque::new(),
        }
    }

    /// Adds blocks below `start` that the caller knows, newest first, so that a reorg across a
    /// restart can be followed. Stops at the first that does not fit by parent hash.
    pub fn remember(&mut self, older: impl IntoIterator<Item = L1Ref>) {
        for block in older {
            let Some((_, oldest)) = self.window.first_key_value() else {
                return;
            };
            let fits = oldest.parent_hash == block.hash
                && oldest.number == block.number.saturating_add(1)
                && self.window.len() < self.config.window_max;
            if !fits {
                return;
            }
            self.window.insert(block.number, block);
        }
    }

    /// The newest block delivered.
    pub const fn tip(&self) -> L1Ref {
        self.tip
    }

    /// The newest final block delivered.
    pub const fn finalized(&self) -> Option<L1Ref> {
        self.finalized
    }

    /// A remembered canonical block.
    pub fn get(&self, number: u64) -> Option<L1Ref> {
        self.window.get(&number).copied()
    }

    /// The next event; waits until there is one.
    ///
    /// Cancelling the wait loses nothing.
    ///
    /// # Errors
    /// As [`Self::poll`]. After an error of severity Retry the call may be repeated.
    pub async fn next(&mut self) -> Result<L1Event, L1Error> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            let events = self.poll().await?;
            if events.is_empty() {
                self.wait().await;
            }
            self.ready.extend(events);
        }
    }

    async fn wait(&mut self) {
        if let Some(announced) = &mut self.announced
            && tokio::time::timeout(self.config.poll, announced.changed())
                .await
                .is_ok_and(|r| r.is_err())
        {
            self.announced = None;
        } else if self.announced.is_none() {
            tokio::time::sleep(self.config.poll).await;
        }
    }

    /// Looks once at the L1 and says what has changed; nothing is adopted unless all of it fits.
    ///
    /// # Errors
    /// - Retry: the L1 did not answer, or changed while it was read.
    /// - [`L1Error::ReorgBelowFinalized`], [`L1Error::ReorgTooDeep`]: the new branch cannot be followed.
    pub async fn poll(&mut self) -> Result<Vec<L1Event>, L1Error> {
        let mut events = Vec::new();
        let head = self.client.head(BlockTag::Latest).await?;
        let final_head = self.client.head(BlockTag::Finalized).await?;
        let target = self.target(head).await?;
        if let Some(target) = target {
            let branch = self.branch(target).await?;
            self.adopt(branch, &mut events)?;
        }
        self.finalize(head, final_head, &mut events);
        Ok(events)
    }

    /// The block to reach with this look: the head, or one on the way to it.
    async fn target(&self, head: L1Ref) -> Result<Option<L1Ref>, L1Error> {
        let known = self
            .window
            .get(&head.number)
            .is_some_and(|block| block.hash == head.hash);
        let behind = self
            .window
            .first_key_value()
            .is_some_and(|(oldest, _)| head.number < *oldest);
        if known || behind {
            return Ok(None);
        }
        let reach = self.tip.number.saturating_add(self.config.step_max);
        if head.number <= reach {
            return Ok(Some(head));
        }
        self.fetch(BlockAt::Number(reach)).await.map(Some)
    }

    async fn fetch(&self, at: BlockAt) -> Result<L1Ref, L1Error> {
        let found = self.client.header(at).await?;
        found
            .map(|(header, hash)| ref_of(&header, hash))
            .ok_or_else(|| match at {
                BlockAt::Number(number) => L1Error::NotFound {
                    what: format!("block {number}"),
                },
                // The branch vanished while it was read: the next look sees the one that replaced it.
                BlockAt::Hash(hash) => L1Error::NotFound {
                    what: format!("block {hash}"),
                },
            })
    }

    /// The blocks from `target` down to the first whose parent is remembered, oldest first.
    async fn branch(&self, target: L1Ref) -> Result<Vec<L1Ref>, L1Error> {
        let oldest = self
            .window
            .first_key_value()
            .map_or(0, |(number, _)| *number);
        let mut branch = vec![target];
        let mut lowest = target;
        loop {
            let below = lowest.number.checked_sub(1);
            let parent = below.and_then(|number| self.window.get(&number));
            if parent.is_some_and(|parent| parent.hash == lowest.parent_hash) {
                branch.reverse();
                return Ok(branch);
            }
            if below.is_none_or(|number| number <= oldest) {
                return Err(L1Error::ReorgTooDeep { oldest });
            }
            let block = self.fetch(BlockAt::Hash(lowest.parent_hash)).await?;
            if block.number.checked_add(1) != Some(lowest.number) {
                return Err(L1Error::Decode {
                    what: format!("block {}", block.hash),
                    reason: "its number does not follow its parent's".into(),
                });
            }
            branch.push(block);
            lowest = block;
        }
    }

    fn adopt(&mut self, branch: Vec<L1Ref>, events: &mut Vec<L1Event>) -> Result<(), L1Error> {
        let (Some(first), Some(last)) = (branch.first(), branch.last().copied()) else {
            return Ok(());
        };
        let fork_number = first.number.saturating_sub(1);
        let Some(fork) = self.window.get(&fork_number).copied() else {
            return Ok(());
        };
        if let Some(finalized) = self.finalized
            && fork.number < finalized.number
        {
            return Err(L1Error::ReorgBelowFinalized {
                finalized: finalized.number,
                fork: fork.number,
            });
        }
        self.window.split_off(&first.number);
        self.window
            .extend(branch.iter().map(|block| (block.number, *block)));
        while self.window.len() > self.config.window_max {
            self.window.pop_first();
        }
        if fork.hash == self.tip.hash {
            events.extend(branch.into_iter().map(L1Event::Advance));
        } else {
            tracing::warn!(
                fork = fork.number,
                old = self.tip.number,
                new = last.number,
                "l1.reorg"
            );
            events.push(L1Event::Reorg { fork, new: branch });
        }
        self.tip = last;
        Ok(())
    }

    /// Delivers finality up to the tip. `latest` and `head` were asked for one after the other.
    fn finalize(&mut self, latest: L1Ref, head: L1Ref, events: &mut Vec<L1Event>) {
        if head.number > latest.number {
            // One node says what is latest and another, ahead of it, what is final: the tip may be on a
            // branch that the second has dropped.
            return;
        }
        let block = if head.number > self.tip.number {
            // Catching up: the tip was just read by number at or below a final block.
            self.tip
        } else {
            match self.window.get(&head.number) {
                Some(block) if block.hash == head.hash => *block,
                // Below the window, or two views mixed: a later look decides.
                _ => return,
            }
        };
        if self.finalized.is_some_and(|old| old.number >= block.number) {
            return;
        }
        self.finalized = Some(block);
        events.push(L1Event::Finalized(block));
    }
}
