//! What the pool holds beside the book: transactions on their way out or into blocks, reasons of
//! drops, accounts of blocks that are not durable yet.

use crate::{
    DropReason, PoolState, PoolTx,
    book::{Book, Removed},
    journal::{Entry, Op},
    queue::{Account, Code},
};
use alloy_primitives::{
    Address, B256, KECCAK256_EMPTY,
    map::{AddressMap, B256Map, B256Set},
};
use foggara_primitives::{AccountChange, AccountInfo, SourceError, StateDiff};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

/// A map that forgets its oldest keys.
#[derive(Debug)]
pub(crate) struct Bounded<V> {
    map: B256Map<V>,
    order: VecDeque<B256>,
    /// Keys that were inserted before the oldest in `order`.
    before: u64,
    max: usize,
}

impl<V: Copy> Bounded<V> {
    pub(crate) fn new(max: usize) -> Self {
        Self {
            map: B256Map::default(),
            order: VecDeque::new(),
            before: 0,
            max,
        }
    }

    pub(crate) fn get(&self, hash: &B256) -> Option<V> {
        self.map.get(hash).copied()
    }

    pub(crate) fn remove(&mut self, hash: &B256) {
        self.map.remove(hash);
    }

    pub(crate) fn insert(&mut self, hash: B256, value: V) {
        if self.max == 0 {
            return;
        }
        if self.map.insert(hash, value).is_none() {
            self.order.push_back(hash);
        }
        // Keys that were removed meanwhile leave when they are oldest.
        while self.order.len() > self.max {
            if let Some(oldest) = self.order.pop_front() {
                self.map.remove(&oldest);
                self.before += 1;
            }
        }
    }

    /// Up to `max` of what was inserted behind `mark` and is still there, the mark behind these, and how
    /// much of what lay between has been forgotten.
    pub(crate) fn since(&self, mark: u64, max: usize) -> (Vec<(B256, V)>, u64, u64) {
        let missed = self.before.saturating_sub(mark);
        let skip = usize::try_from(mark.saturating_sub(self.before)).unwrap_or(usize::MAX);
        let order = self.order.iter().skip(skip).take(max);
        let next = mark.max(self.before) + order.len() as u64;
        let found = order.filter_map(|hash| Some((*hash, self.get(hash)?)));
        (found.collect(), next, missed)
    }
}

/// An account as a sealed block leaves it.
#[derive(Debug, Clone, Copy)]
struct SealedAccount {
    number: u64,
    info: AccountInfo,
    /// Known if the code came with a block that is not durable.
    code: Option<Code>,
}

/// Where the account of a sender comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Known {
    /// Complete.
    Account(Account),
    /// A sealed block set it; its code has to be looked at in the state.
    Info(AccountInfo),
    /// The state has it.
    State,
}

#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) book: Book,
    /// Changes with every change of the chain, so that a reader knows that its view is old.
    pub(crate) version: u64,
    pub(crate) next_arrival: u64,
    pub(crate) expired_ms: u64,
    pub(crate) dropped: Bounded<DropReason>,
    pub(crate) requeues: Bounded<u32>,
    /// Dropped, and the record of it is not synced.
    pub(crate) leaving: B256Map<Arc<PoolTx>>,
    /// Accepted, and the record of it is not synced.
    pub(crate) accepting: B256Set,
    /// In sealed blocks that are not durable.
    sealed: BTreeMap<u64, Vec<B256>>,
    /// What those blocks made impossible. Recorded when they are durable: until then a crash takes
    /// the block back, and with it the reason.
    sealed_drops: BTreeMap<u64, Removed>,
    sealed_txs: B256Map<(u64, Arc<PoolTx>)>,
    sealed_accounts: AddressMap<SealedAccount>,
}

impl Ledger {
    pub(crate) fn new(book: Book, dropped_max: usize) -> Self {
        Self {
            book,
            version: 0,
            next_arrival: 0,
            expired_ms: 0,
            dropped: Bounded::new(dropped_max),
            requeues: Bounded::new(dropped_max),
            leaving: B256Map::default(),
            accepting: B256Set::default(),
            sealed: BTreeMap::new(),
            sealed_drops: BTreeMap::new(),
            sealed_txs: B256Map::default(),
            sealed_accounts: AddressMap::default(),
        }
    }

    /// What is known of a sender without asking the state.
    pub(crate) fn known(&self, sender: &Address) -> Known {
        if let Some(queue) = self.book.queue(sender) {
            return Known::Account(queue.account);
        }
        match self.sealed_accounts.get(sender) {
            None => Known::State,
            Some(sealed) => {
                let code = if sealed.info.code_hash == KECCAK256_EMPTY {
                    Some(Code::None)
                } else {
                    sealed.code
                };
                let AccountInfo { nonce, balance, .. } = sealed.info;
                code.map_or(Known::Info(sealed.info), |code| {
                    Known::Account(Account {
                        nonce,
                        balance,
                        code,
                    })
                })
            }
        }
    }

    /// The block and the transaction, if it is in a sealed block that is not durable.
    pub(crate) fn sealed(&self, hash: &B256) -> Option<&(u64, Arc<PoolTx>)> {
        self.sealed_txs.get(hash)
    }

    /// Keeps what left the book until its record is synced, and gives the records.
    pub(crate) fn drop_all(&mut self, removed: Removed) -> Vec<Entry> {
        removed
            .into_iter()
            .map(|(tx, reason)| {
                self.leaving.insert(tx.hash, Arc::clone(&tx));
                Entry::new(Op::Drop { tx, reason })
            })
            .collect()
    }

    /// As [`Self::drop_all`] after the chain moved in a way that the pool was not told: what a durable
    /// block holds is only forgotten.
    pub(crate) fn leave_all(
        &mut self,
        removed: Removed,
        state: &dyn PoolState,
    ) -> Result<Vec<Entry>, SourceError> {
        let mut included = Vec::new();
        let mut dropped = Removed::new();
        for (tx, reason) in removed {
            if matches!(reason, DropReason::NonceUsed { .. }) && state.included(&tx.hash)? {
                included.push(tx.hash);
            } else {
                dropped.push((tx, reason));
            }
        }
        let mut entries = self.drop_all(dropped);
        if !included.is_empty() {
            entries.push(Entry::new(Op::Forget(included)));
        }
        Ok(entries)
    }

    /// Reads the senders that no sealed block tells of again.
    pub(crate) fn reread(
        &mut self,
        state: &dyn PoolState,
        now_ms: u64,
    ) -> Result<Removed, SourceError> {
        self.version += 1;
        let senders: Vec<Address> = self
            .book
            .queues()
            .map(|(sender, _)| *sender)
            .filter(|sender| !self.sealed_accounts.contains_key(sender))
            .collect();
        let mut removed = Removed::new();
        for sender in senders {
            let account = account_in(state, sender)?;
            removed.extend(self.book.set_account(&sender, account, now_ms));
        }
        Ok(removed)
    }

    /// Takes a sealed block in.
    pub(crate) fn seal(
        &mut self,
        number: u64,
        included: &[B256],
        diff: &StateDiff,
        state: &dyn PoolState,
        now_ms: u64,
    ) {
        self.version += 1;
        let mut hashes = Vec::new();
        for hash in included {
            self.dropped.remove(hash);
            let held = self.book.include(hash, now_ms).map(|entry| entry.tx);
            if let Some(tx) = held.or_else(|| self.leaving.remove(hash)) {
                hashes.push(*hash);
                self.sealed_txs.insert(*hash, (number, tx));
            }
        }
        self.sealed.entry(number).or_default().extend(hashes);
        let mut removed = Removed::new();
        for (address, change) in &diff.accounts {
            let info = change.info.unwrap_or_default();
            let code = self.code_after(address, &info, change);
            self.sealed_accounts
                .insert(*address, SealedAccount { number, info, code });
            if let Some(queue) = self.book.queue(address) {
                let before = queue.account.code;
                let code = code.unwrap_or_else(|| code_of(state, info.code_hash).unwrap_or(before));
                let account = Account {
                    nonce: info.nonce,
                    balance: info.balance,
                    code,
                };
                removed.extend(self.book.set_account(address, account, now_ms));
            }
        }
        for (tx, _) in &removed {
            self.leaving.insert(tx.hash, Arc::clone(tx));
        }
        self.sealed_drops.entry(number).or_default().extend(removed);
    }

    /// Whether block `number` was sealed and not given up since.
    pub(crate) fn is_sealed(&self, number: u64) -> bool {
        self.sealed.contains_key(&number)
    }

    /// A transaction of a sealed block has a record of its own again, which stays when the block is
    /// durable.
    pub(crate) fn keep_record(&mut self, hash: &B256) {
        if let Some((number, _)) = self.sealed_txs.remove(hash)
            && let Some(hashes) = self.sealed.get_mut(&number)
        {
            hashes.retain(|sealed| sealed != hash);
        }
    }

    /// Blocks up to `number` are durable; returns the transactions in them, and the records of what
    /// they made impossible.
    pub(crate) fn durable(&mut self, number: u64) -> (Vec<B256>, Vec<Entry>) {
        let done = take_until(&mut self.sealed, number);
        let drops = take_until(&mut self.sealed_drops, number);
        if !done.is_empty() {
            self.version += 1;
            self.sealed_accounts
                .retain(|_, account| account.number > number);
        }
        let hashes: Vec<B256> = done.into_values().flatten().collect();
        for hash in &hashes {
            self.sealed_txs.remove(hash);
        }
        let drops = self.drop_all(drops.into_values().flatten().collect());
        (hashes, drops)
    }

    /// Forgets sealed blocks that never became durable. Returns what they made impossible, then what
    /// they included.
    pub(crate) fn unseal(&mut self) -> Vec<Arc<PoolTx>> {
        self.version += 1;
        self.sealed_accounts.clear();
        let drops = std::mem::take(&mut self.sealed_drops)
            .into_values()
            .flatten();
        let mut back: Vec<_> = drops.map(|(tx, _)| tx).collect();
        for tx in &back {
            self.leaving.remove(&tx.hash);
        }
        let hashes = std::mem::take(&mut self.sealed).into_values().flatten();
        back.extend(hashes.filter_map(|hash| Some(self.sealed_txs.remove(&hash)?.1)));
        back
    }

    /// The code of an account after a block, where that can be said without the state.
    fn code_after(
        &self,
        address: &Address,
        info: &AccountInfo,
        change: &AccountChange,
    ) -> Option<Code> {
        if info.code_hash == KECCAK256_EMPTY {
            return Some(Code::None);
        }
        if let Some(code) = &change.new_code {
            return Some(Code::of(info.code_hash, code));
        }
        let before = self.sealed_accounts.get(address)?;
        before
            .code
            .filter(|_| before.info.code_hash == info.code_hash)
    }
}

/// What code a hash stands for.
pub(crate) fn code_of(state: &dyn PoolState, hash: B256) -> Result<Code, SourceError> {
    if hash == KECCAK256_EMPTY || hash.is_zero() {
        return Ok(Code::None);
    }
    Ok(Code::of(hash, &state.code(hash)?))
}

/// An account from the state.
pub(crate) fn account_in(state: &dyn PoolState, address: Address) -> Result<Account, SourceError> {
    complete(state, &state.account(address)?.unwrap_or_default())
}

/// An account whose code has to be looked at.
pub(crate) fn complete(state: &dyn PoolState, info: &AccountInfo) -> Result<Account, SourceError> {
    let code = code_of(state, info.code_hash)?;
    Ok(Account {
        nonce: info.nonce,
        balance: info.balance,
        code,
    })
}

/// Splits off the keys up to `number`.
fn take_until<V>(map: &mut BTreeMap<u64, V>, number: u64) -> BTreeMap<u64, V> {
    let later = number
        .checked_add(1)
        .map(|next| map.split_off(&next))
        .unwrap_or_default();
    std::mem::replace(map, later)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_inserted_since_a_mark_is_told_once_and_what_is_forgotten_is_counted() {
        let key = |n: u8| B256::with_last_byte(n);
        let mut bounded = Bounded::new(4);
        for n in 0..3 {
            bounded.insert(key(n), n);
        }
        assert_eq!(
            bounded.since(0, 2),
            (vec![(key(0), 0), (key(1), 1)], 2, 0),
            "no more than asked for"
        );
        bounded.remove(&key(2));
        bounded.insert(key(3), 3);
        assert_eq!(bounded.since(2, 9), (vec![(key(3), 3)], 4, 0));
        assert_eq!(bounded.since(4, 9), (vec![], 4, 0));
        for n in 4..10 {
            bounded.insert(key(n), n);
        }
        let (found, mark, missed) = bounded.since(4, 9);
        assert_eq!(
            (found.len(), found[0], mark, missed),
            (4, (key(6), 6), 10, 2)
        );
    }
}
