//! Transactions that wait for a block, by sender and nonce.
//!
//! With a folder every transaction is a file of its own, synced before its hash is given out and
//! removed after the block that holds it is durable. A file is the Keccak-256 hash of the rest, then
//! the network form: what it names was verified before it was written and is not verified again.

use crate::{DevL1Error, PoolTx};
use alloy_consensus::Transaction;
use alloy_primitives::{Address, B256, Bytes, keccak256};
use foggara_l1::Rejection;
use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, File},
    io::Write,
    path::PathBuf,
};

/// Transactions at most.
const POOL_MAX: usize = 4_096;
/// Nonces ahead of the account at most.
const NONCE_REACH: u64 = 1_024;
/// Blobs waiting at most (131,072 bytes each).
const BLOBS_MAX: u64 = 256;

/// The pool.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    by_sender: BTreeMap<Address, BTreeMap<u64, PoolTx>>,
    by_hash: HashMap<B256, (Address, u64)>,
    blobs: u64,
    arrivals: u64,
    dir: Option<PathBuf>,
}

/// What the chain says about the sender of a transaction to admit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing {
    pub(crate) chain_id: u64,
    pub(crate) nonce: u64,
    pub(crate) balance: alloy_primitives::U256,
    pub(crate) gas_limit: u64,
}

impl Pool {
    /// A pool with what its folder holds.
    pub(crate) fn open(dir: Option<PathBuf>) -> Result<Self, DevL1Error> {
        let mut pool = Self {
            dir,
            ..Self::default()
        };
        let Some(dir) = &pool.dir else {
            return Ok(pool);
        };
        fs::create_dir_all(dir)?;
        let mut found = Vec::new();
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            match stored(&fs::read(&path)?) {
                Some(tx) => found.push(tx),
                // It was being written when the process died: its hash was never given out.
                None => fs::remove_file(&path)?,
            }
        }
        found.sort_by_key(|tx| (tx.sender(), tx.nonce()));
        for tx in found {
            pool.insert(tx);
        }
        Ok(pool)
    }

    pub(crate) fn len(&self) -> usize {
        self.by_hash.len()
    }

    pub(crate) fn get(&self, hash: B256) -> Option<&PoolTx> {
        let (sender, nonce) = self.by_hash.get(&hash)?;
        self.by_sender.get(sender)?.get(nonce)
    }

    /// The next nonce of an account when what waits without a gap is counted.
    pub(crate) fn pending_nonce(&self, sender: Address, nonce: u64) -> u64 {
        let Some(waiting) = self.by_sender.get(&sender) else {
            return nonce;
        };
        let mut next = nonce;
        while waiting.contains_key(&next) {
            next = next.saturating_add(1);
        }
        next
    }

    /// Admits a transaction; it is durable afterwards.
    pub(crate) fn add(&mut self, tx: PoolTx, standing: Standing) -> Result<B256, DevL1Error> {
        self.check(&tx, standing)?;
        let hash = tx.hash();
        self.write(&tx)?;
        self.insert(tx);
        Ok(hash)
    }

    /// Takes back a transaction of a block that is gone; it is durable afterwards.
    pub(crate) fn give_back(&mut self, tx: PoolTx) -> Result<(), DevL1Error> {
        self.write(&tx)?;
        self.insert(tx);
        Ok(())
    }

    fn write(&self, tx: &PoolTx) -> Result<(), DevL1Error> {
        let Some(dir) = &self.dir else { return Ok(()) };
        let mut file = File::create(dir.join(format!("{:x}", tx.hash())))?;
        let network = tx.network();
        file.write_all(keccak256(&network).as_slice())?;
        file.write_all(&network)?;
        file.sync_all()?;
        File::open(dir)?.sync_all()?;
        Ok(())
    }

    fn check(&self, tx: &PoolTx, standing: Standing) -> Result<(), DevL1Error> {
        use DevL1Error as E;
        let envelope = &tx.prepared.tx;
        let nonce = tx.nonce();
        if self.by_hash.contains_key(&tx.hash()) {
            return Err(E::rejected(Rejection::AlreadyKnown, "already known"));
        }
        if envelope.chain_id() != Some(standing.chain_id) {
            let have = envelope
                .chain_id()
                .map_or_else(|| "none".into(), |id| id.to_string());
            let text = format!("invalid chain ID: have {have}, want {}", standing.chain_id);
            return Err(E::rejected(Rejection::Invalid, text));
        }
        if envelope.gas_limit() > standing.gas_limit {
            let text = format!(
                "exceeds block gas limit: {} above {}",
                envelope.gas_limit(),
                standing.gas_limit
            );
            return Err(E::rejected(Rejection::Invalid, text));
        }
        let floor = intrinsic_floor(envelope.input());
        if envelope.gas_limit() < floor {
            let text = format!(
                "intrinsic gas too low: have {}, want {floor}",
                envelope.gas_limit()
            );
            return Err(E::rejected(Rejection::Invalid, text));
        }
        if envelope
            .max_priority_fee_per_gas()
            .is_some_and(|tip| tip > envelope.max_fee_per_gas())
        {
            let text = "max priority fee per gas higher than max fee per gas";
            return Err(E::rejected(Rejection::Invalid, text));
        }
        if nonce < standing.nonce {
            let text = format!(
                "nonce too low: next nonce {}, tx nonce {nonce}",
                standing.nonce
            );
            return Err(E::rejected(Rejection::NonceTooLow, text));
        }
        if nonce - standing.nonce > NONCE_REACH {
            let text = format!(
                "nonce too high: next nonce {}, tx nonce {nonce}",
                standing.nonce
            );
            return Err(E::rejected(Rejection::NonceTooHigh, text));
        }
        let waiting = self.by_sender.get(&tx.sender());
        let others = waiting
            .into_iter()
            .flatten()
            .filter(|(at, _)| **at != nonce);
        let mut need = tx.worst_cost();
        for (_, other) in others {
            if other.kind() != tx.kind() {
                return Err(E::rejected(
                    Rejection::AccountReserved,
                    "address already reserved",
                ));
            }
            need = need
                .zip(other.worst_cost())
                .and_then(|(a, b)| a.checked_add(b));
        }
        if need.is_none_or(|need| need > standing.balance) {
            let want = need.map_or_else(|| "more than 2^256".into(), |need| need.to_string());
            let text = format!(
                "insufficient funds for gas * price + value: have {} want {want}",
                standing.balance
            );
            return Err(E::rejected(Rejection::InsufficientFunds, text));
        }
        let old = waiting.and_then(|waiting| waiting.get(&nonce));
        if old.is_some_and(|old| old.kind() != tx.kind()) {
            return Err(E::rejected(
                Rejection::AccountReserved,
                "address already reserved",
            ));
        }
        if old.is_some_and(|old| !tx.outbids(old)) {
            return Err(E::rejected(
                Rejection::Underpriced,
                "replacement transaction underpriced",
            ));
        }
        let full = self.by_hash.len() >= POOL_MAX
            || self.blobs.saturating_add(tx.blob_count()) > BLOBS_MAX && tx.blob_count() > 0;
        if full && old.is_none() {
            return Err(E::rejected(
                Rejection::Underpriced,
                "transaction underpriced: pool is full",
            ));
        }
        Ok(())
    }

    fn insert(&mut self, mut tx: PoolTx) {
        tx.arrival = self.arrivals;
        self.arrivals = self.arrivals.saturating_add(1);
        let (sender, nonce, hash) = (tx.sender(), tx.nonce(), tx.hash());
        self.blobs = self.blobs.saturating_add(tx.blob_count());
        let old = self.by_sender.entry(sender).or_default().insert(nonce, tx);
        if let Some(old) = old {
            self.dropped(&old);
        }
        self.by_hash.insert(hash, (sender, nonce));
    }

    /// Forgets a transaction that is in a durable block or can never be.
    pub(crate) fn remove(&mut self, sender: Address, nonce: u64) {
        let Some(waiting) = self.by_sender.get_mut(&sender) else {
            return;
        };
        let old = waiting.remove(&nonce);
        if waiting.is_empty() {
            self.by_sender.remove(&sender);
        }
        if let Some(old) = old {
            self.dropped(&old);
        }
    }

    fn dropped(&mut self, old: &PoolTx) {
        self.by_hash.remove(&old.hash());
        self.blobs = self.blobs.saturating_sub(old.blob_count());
        if let Some(dir) = &self.dir {
            // A file left behind is dropped at the next start: its nonce is used.
            let _ = fs::remove_file(dir.join(format!("{:x}", old.hash())));
        }
    }

    /// Forgets what the chain has overtaken: nonces below the account's.
    pub(crate) fn overtaken(&mut self, sender: Address, nonce: u64) {
        let old: Vec<u64> = self
            .by_sender
            .get(&sender)
            .map(|waiting| waiting.range(..nonce).map(|(at, _)| *at).collect())
            .unwrap_or_default();
        for at in old {
            self.remove(sender, at);
        }
    }

    /// Accounts with something waiting.
    pub(crate) fn senders(&self) -> Vec<Address> {
        self.by_sender.keys().copied().collect()
    }

    /// What waits at this nonce.
    pub(crate) fn at(&self, sender: Address, nonce: u64) -> Option<&PoolTx> {
        self.by_sender.get(&sender)?.get(&nonce)
    }
}

/// What a file of the pool holds, if it is whole.
fn stored(file: &[u8]) -> Option<PoolTx> {
    let (hash, network) = file.split_first_chunk::<32>()?;
    if keccak256(network) != *hash {
        return None;
    }
    PoolTx::decode_verified(network)
        .ok()
        .or_else(|| PoolTx::returned(Bytes::copy_from_slice(network)))
}

/// Floor of the intrinsic gas (EIP-7623); the executor checks the rest.
fn intrinsic_floor(input: &[u8]) -> u64 {
    let zeros = input.iter().filter(|byte| **byte == 0).count() as u64;
    let tokens = zeros.saturating_add((input.len() as u64).saturating_sub(zeros).saturating_mul(4));
    tokens.saturating_mul(10).saturating_add(21_000)
}
