//! The state of an open block: a source below, what the block has changed above.
//!
//! The engine reads through [`Overlay`]; after each transaction [`Overlay::commit`] compares what
//! the engine touched with the state before, writes the difference and returns it in canonical
//! form. Values at the source are remembered at first use, so the difference of the whole block
//! needs no second read.

use crate::DbError;
use alloc::collections::BTreeMap;
use alloy_primitives::{
    Address, B256, Bytes, KECCAK256_EMPTY, U256,
    map::{AddressMap, B256Map, U256Map},
};
use core::{cell::RefCell, fmt};
use foggara_primitives::{AccountChange, AccountInfo, SourceError, StateDiff, StateSource};
use revm::{
    Database, DatabaseRef,
    bytecode::Bytecode,
    state::{Account, AccountInfo as EngineInfo, EvmState},
};

/// A source of state with changes on top.
pub struct Overlay<S> {
    /// In a cell so that tracers can read through a shared reference; execution never borrows it.
    source: RefCell<S>,
    accounts: AddressMap<Cached>,
    codes: B256Map<Bytecode>,
    hashes: BTreeMap<u64, B256>,
}

#[derive(Debug, Clone, Default)]
struct Cached {
    /// At the source.
    parent: Option<AccountInfo>,
    /// Now.
    now: Option<AccountInfo>,
    /// Whether the storage at the source is hidden.
    wiped: bool,
    /// Whether any transaction changed it.
    dirty: bool,
    /// Slots read or written, by key.
    storage: U256Map<Slot>,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    parent: U256,
    now: U256,
}

impl<S> fmt::Debug for Overlay<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Overlay")
            .field("accounts", &self.accounts.len())
            .finish_non_exhaustive()
    }
}

impl<S: StateSource> Overlay<S> {
    /// Nothing changed yet on top of `source`.
    pub fn new(source: S) -> Self {
        Self {
            source: RefCell::new(source),
            accounts: AddressMap::default(),
            codes: B256Map::default(),
            hashes: BTreeMap::new(),
        }
    }

    /// The source below.
    pub fn source_mut(&mut self) -> &mut S {
        self.source.get_mut()
    }

    /// Drops the changes.
    pub fn into_source(self) -> S {
        self.source.into_inner()
    }

    /// The account as it is now.
    ///
    /// # Errors
    /// [`SourceError`]: the source is broken.
    pub fn account(&mut self, address: Address) -> Result<Option<AccountInfo>, SourceError> {
        Ok(self.cached(address)?.now)
    }

    /// The slot as it is now.
    ///
    /// # Errors
    /// [`SourceError`]: the source is broken.
    pub fn slot(&mut self, address: Address, key: U256) -> Result<U256, SourceError> {
        let Self {
            source, accounts, ..
        } = self;
        let source = source.get_mut();
        let cached = load(source, accounts, address)?;
        Ok(slot(source, cached, address, key)?.now)
    }

    /// The code with this hash.
    ///
    /// # Errors
    /// [`SourceError`]: the source is broken or has no such code.
    pub fn code(&mut self, hash: B256) -> Result<Bytecode, SourceError> {
        if hash == KECCAK256_EMPTY || hash.is_zero() {
            return Ok(Bytecode::default());
        }
        if let Some(code) = self.codes.get(&hash) {
            return Ok(code.clone());
        }
        let code = Bytecode::new_raw(self.source.get_mut().code(hash)?);
        self.codes.insert(hash, code.clone());
        Ok(code)
    }

    /// Fixes the hash of a block, so that the source is not asked.
    pub fn set_block_hash(&mut self, number: u64, hash: B256) {
        self.hashes.insert(number, hash);
    }

    /// Replaces an account's values as if some transaction had, for simulations: `None` keeps.
    ///
    /// # Errors
    /// [`SourceError`]: the source is broken.
    pub fn override_account(
        &mut self,
        address: Address,
        nonce: Option<u64>,
        balance: Option<U256>,
        code: Option<Bytes>,
    ) -> Result<(), SourceError> {
        let code = code.map(|raw| {
            let code = Bytecode::new_raw(raw);
            (code.hash_slow(), code)
        });
        let cached = self.cached(address)?;
        let mut info = cached.now.unwrap_or_default();
        info.nonce = nonce.unwrap_or(info.nonce);
        info.balance = balance.unwrap_or(info.balance);
        if let Some((hash, _)) = &code {
            info.code_hash = *hash;
        }
        cached.now = Some(info);
        cached.dirty = true;
        if let Some((hash, code)) = code {
            self.codes.insert(hash, code);
        }
        Ok(())
    }

    /// Replaces slots of an account for a simulation; with `all` every other slot becomes zero.
    ///
    /// # Errors
    /// [`SourceError`]: the source is broken.
    pub fn override_storage(
        &mut self,
        address: Address,
        slots: impl IntoIterator<Item = (B256, U256)>,
        all: bool,
    ) -> Result<(), SourceError> {
        let cached = self.cached(address)?;
        if all {
            cached.wiped = true;
            cached.storage.clear();
        }
        cached.now.get_or_insert_default();
        cached.dirty = true;
        for (key, value) in slots {
            let key = U256::from_be_bytes(key.0);
            cached
                .storage
                .entry(key)
                .or_insert(Slot {
                    parent: U256::ZERO,
                    now: value,
                })
                .now = value;
        }
        Ok(())
    }

    /// Writes what one transaction did and returns it in canonical form: only values that differ
    /// from the state before it.
    ///
    /// # Errors
    /// [`SourceError`]: the source is broken.
    pub fn commit(&mut self, state: EvmState) -> Result<StateDiff, SourceError> {
        let mut diff = StateDiff::default();
        for (address, account) in state {
            if !account.is_touched() {
                continue;
            }
            if let Some(change) = self.commit_account(address, account)? {
                diff.accounts.insert(address, change);
            }
        }
        Ok(diff)
    }

    fn commit_account(
        &mut self,
        address: Address,
        account: Account,
    ) -> Result<Option<AccountChange>, SourceError> {
        let Self {
            source,
            accounts,
            codes,
            ..
        } = self;
        let source = source.get_mut();
        let cached = load(source, accounts, address)?;
        let before = cached.now;
        let (destroyed, created) = (account.is_selfdestructed(), account.is_created());
        // Touched and empty is gone (EIP-161); before that fork the engine marks what stays as created.
        let gone = destroyed || (account.is_empty() && !created);
        let after = (!gone).then_some(AccountInfo {
            nonce: account.info.nonce,
            balance: account.info.balance,
            code_hash: account.info.code_hash,
        });
        // What did not exist has no storage to clear.
        let storage_wiped = before.is_some() && (gone || created);
        let mut change = AccountChange {
            info: after,
            storage_wiped,
            ..AccountChange::default()
        };
        if storage_wiped || gone {
            cached.wiped = true;
            cached.storage.clear();
        }
        if let Some(after) = after {
            let old = before.map_or(KECCAK256_EMPTY, |info| info.code_hash);
            if after.code_hash != old && after.code_hash != KECCAK256_EMPTY {
                let code = account.info.code.unwrap_or_default();
                change.new_code = Some(code.original_bytes());
                codes.insert(after.code_hash, code);
            }
            for (key, value) in account.storage {
                let now = value.present_value;
                let before = if storage_wiped {
                    U256::ZERO
                } else {
                    value.original_value
                };
                if now == before {
                    continue;
                }
                change.storage.insert(B256::from(key), now);
                cached
                    .storage
                    .entry(key)
                    .or_insert(Slot {
                        parent: before,
                        now,
                    })
                    .now = now;
            }
        }
        let changed = before != after || storage_wiped || !change.storage.is_empty();
        if changed {
            cached.now = after;
            cached.dirty = true;
        }
        Ok(changed.then_some(change))
    }

    /// What all commits together changed, again only what differs from the source.
    ///
    /// # Errors
    /// [`SourceError`]: the source is broken or lacks code that was set from it.
    pub fn diff(&mut self) -> Result<StateDiff, SourceError> {
        let mut diff = StateDiff::default();
        let Self {
            source,
            accounts,
            codes,
            ..
        } = self;
        let source = source.get_mut();
        for (address, cached) in accounts.iter().filter(|(_, cached)| cached.dirty) {
            let storage_wiped = cached.wiped && cached.parent.is_some();
            let mut change = AccountChange {
                info: cached.now,
                storage_wiped,
                ..AccountChange::default()
            };
            if let Some(now) = cached.now {
                let old = cached.parent.map_or(KECCAK256_EMPTY, |info| info.code_hash);
                if now.code_hash != old && now.code_hash != KECCAK256_EMPTY {
                    change.new_code = Some(match codes.get(&now.code_hash) {
                        Some(code) => code.original_bytes(),
                        None => source.code(now.code_hash)?,
                    });
                }
                for (key, slot) in &cached.storage {
                    let before = if cached.wiped {
                        U256::ZERO
                    } else {
                        slot.parent
                    };
                    if slot.now != before {
                        change.storage.insert(B256::from(*key), slot.now);
                    }
                }
            }
            if cached.now != cached.parent || storage_wiped || !change.storage.is_empty() {
                diff.accounts.insert(*address, change);
            }
        }
        Ok(diff)
    }

    fn cached(&mut self, address: Address) -> Result<&mut Cached, SourceError> {
        load(self.source.get_mut(), &mut self.accounts, address)
    }
}

fn load<'a, S: StateSource>(
    source: &mut S,
    accounts: &'a mut AddressMap<Cached>,
    address: Address,
) -> Result<&'a mut Cached, SourceError> {
    use alloy_primitives::map::Entry;
    Ok(match accounts.entry(address) {
        Entry::Occupied(entry) => entry.into_mut(),
        Entry::Vacant(entry) => {
            let parent = source.account(address)?;
            entry.insert(Cached {
                parent,
                now: parent,
                ..Cached::default()
            })
        }
    })
}

fn slot<S: StateSource>(
    source: &mut S,
    cached: &mut Cached,
    address: Address,
    key: U256,
) -> Result<Slot, SourceError> {
    if let Some(slot) = cached.storage.get(&key) {
        return Ok(*slot);
    }
    let value = if cached.wiped || cached.parent.is_none() {
        U256::ZERO
    } else {
        source.storage(address, B256::from(key))?
    };
    let slot = Slot {
        parent: value,
        now: value,
    };
    cached.storage.insert(key, slot);
    Ok(slot)
}

impl<S: StateSource> Database for Overlay<S> {
    type Error = DbError;

    fn basic(&mut self, address: Address) -> Result<Option<EngineInfo>, DbError> {
        Ok(self.cached(address)?.now.map(engine_info))
    }

    fn code_by_hash(&mut self, hash: B256) -> Result<Bytecode, DbError> {
        Ok(self.code(hash)?)
    }

    fn storage(&mut self, address: Address, key: U256) -> Result<U256, DbError> {
        Ok(self.slot(address, key)?)
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, DbError> {
        if let Some(hash) = self.hashes.get(&number) {
            return Ok(*hash);
        }
        let hash = self.source.get_mut().block_hash(number)?;
        self.hashes.insert(number, hash);
        Ok(hash)
    }
}

fn engine_info(info: AccountInfo) -> EngineInfo {
    EngineInfo {
        balance: info.balance,
        nonce: info.nonce,
        code_hash: info.code_hash,
        account_id: None,
        code: (info.code_hash == KECCAK256_EMPTY).then(Bytecode::default),
    }
}

/// Reads without remembering: for tracers, beside or after an execution.
impl<S: StateSource> DatabaseRef for Overlay<S> {
    type Error = DbError;

    fn basic_ref(&self, address: Address) -> Result<Option<EngineInfo>, DbError> {
        let info = match self.accounts.get(&address) {
            Some(cached) => cached.now,
            None => self.source.borrow_mut().account(address)?,
        };
        let Some(info) = info else { return Ok(None) };
        let code = self.code_by_hash_ref(info.code_hash)?;
        Ok(Some(EngineInfo {
            code: Some(code),
            ..engine_info(info)
        }))
    }

    fn code_by_hash_ref(&self, hash: B256) -> Result<Bytecode, DbError> {
        if hash == KECCAK256_EMPTY || hash.is_zero() {
            return Ok(Bytecode::default());
        }
        match self.codes.get(&hash) {
            Some(code) => Ok(code.clone()),
            None => Ok(Bytecode::new_raw(self.source.borrow_mut().code(hash)?)),
        }
    }

    fn storage_ref(&self, address: Address, key: U256) -> Result<U256, DbError> {
        let hidden = match self.accounts.get(&address) {
            Some(cached) => match cached.storage.get(&key) {
                Some(slot) => return Ok(slot.now),
                None => cached.wiped || cached.parent.is_none(),
            },
            None => false,
        };
        if hidden {
            return Ok(U256::ZERO);
        }
        Ok(self.source.borrow_mut().storage(address, B256::from(key))?)
    }

    fn block_hash_ref(&self, number: u64) -> Result<B256, DbError> {
        match self.hashes.get(&number) {
            Some(hash) => Ok(*hash),
            None => Ok(self.source.borrow_mut().block_hash(number)?),
        }
    }
}
