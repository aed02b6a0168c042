//! Tests of the crate that need its inside, and what they share.

mod admission;
mod book;
mod chain;
mod journal;
mod measure;
mod recovery;

use crate::{HeadFees, JournalFiles, PoolConfig, PoolState, PoolTx, TxQuote};
use alloy::signers::{SignerSync, local::PrivateKeySigner};
use alloy_consensus::{SignableTransaction, Signed, TxEip1559, TxEnvelope, TxLegacy};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, keccak256};
use foggara_primitives::{AccountInfo, SourceError};
use parking_lot::Mutex;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

pub(crate) const CHAIN: u64 = 8_453_000;
pub(crate) const GWEI: u128 = 1_000_000_000;
pub(crate) const ETHER: u128 = 1_000_000_000_000_000_000;
/// Fees of the test state.
pub(crate) const L1_COST: u64 = 1_000;
pub(crate) const OPERATOR_COST: u64 = 7;

pub(crate) fn signer(seed: u64) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&keccak256(seed.to_be_bytes())).unwrap()
}

/// A plain transfer of nothing.
pub(crate) fn transfer(nonce: u64, max_fee: u128, max_tip: u128) -> TxEip1559 {
    TxEip1559 {
        chain_id: CHAIN,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: max_fee,
        max_priority_fee_per_gas: max_tip,
        to: TxKind::Call(Address::repeat_byte(0x77)),
        ..Default::default()
    }
}

pub(crate) fn sign<T>(tx: T, signer: &PrivateKeySigner) -> Bytes
where
    T: SignableTransaction<Signature>,
    TxEnvelope: From<Signed<T>>,
{
    let signature = signer.sign_hash_sync(&tx.signature_hash()).unwrap();
    TxEnvelope::from(tx.into_signed(signature))
        .encoded_2718()
        .into()
}

/// A pool transaction that no decoder made: for what only reads the fields beside `tx`.
pub(crate) fn bare(sender: Address, nonce: u64, tip: u128, cost: u128, raw: Vec<u8>) -> PoolTx {
    let tx = TxLegacy {
        nonce,
        ..Default::default()
    };
    let signature = Signature::new(U256::from(1), U256::from(1), false);
    PoolTx {
        hash: keccak256(&raw),
        raw: raw.into(),
        tx: Signed::new_unhashed(tx, signature).into(),
        sender,
        nonce,
        gas_limit: 21_000,
        max_fee: tip,
        max_tip: tip,
        cost: U256::from(cost),
        da_size: 0,
        arrival: 0,
        accepted_ms: 0,
        requeued: 0,
        private: false,
        authorities: Vec::new(),
    }
}

/// A state in memory.
#[derive(Debug)]
pub(crate) struct TestState {
    pub(crate) accounts: Mutex<HashMap<Address, AccountInfo>>,
    pub(crate) codes: Mutex<HashMap<B256, Bytes>>,
    pub(crate) fees: Mutex<HeadFees>,
    /// The next question for an account is a bug of ours.
    pub(crate) panics: AtomicBool,
    /// Transactions in durable blocks.
    pub(crate) included: Mutex<HashSet<B256>>,
}

impl TestState {
    pub(crate) fn new() -> Arc<Self> {
        let fees = HeadFees {
            base_fee_next: 100,
            block_gas_limit: 60_000_000,
            ..Default::default()
        };
        Arc::new(Self {
            accounts: Mutex::default(),
            codes: Mutex::default(),
            fees: Mutex::new(fees),
            panics: AtomicBool::default(),
            included: Mutex::default(),
        })
    }

    pub(crate) fn set(&self, address: Address, nonce: u64, balance: u128) {
        let info = AccountInfo {
            nonce,
            balance: U256::from(balance),
            ..Default::default()
        };
        self.accounts.lock().insert(address, info);
    }

    pub(crate) fn set_code(&self, address: Address, code: &[u8]) {
        let hash = keccak256(code);
        self.codes.lock().insert(hash, Bytes::copy_from_slice(code));
        self.accounts.lock().entry(address).or_default().code_hash = hash;
    }
}

impl PoolState for TestState {
    fn account(&self, address: Address) -> Result<Option<AccountInfo>, SourceError> {
        assert!(
            !self.panics.swap(false, Ordering::SeqCst),
            "as the test asked"
        );
        Ok(self.accounts.lock().get(&address).copied())
    }

    fn code(&self, code_hash: B256) -> Result<Bytes, SourceError> {
        let code = self.codes.lock().get(&code_hash).cloned();
        code.ok_or_else(|| SourceError("no such code".into()))
    }

    fn fees(&self) -> HeadFees {
        *self.fees.lock()
    }

    fn quote(&self, _: &HeadFees, raw: &[u8], _: u64) -> TxQuote {
        TxQuote {
            da_size: raw.len() as u64,
            l1_cost: U256::from(L1_COST),
            operator_cost: U256::from(OPERATOR_COST),
        }
    }

    fn included(&self, hash: &B256) -> Result<bool, SourceError> {
        Ok(self.included.lock().contains(hash))
    }
}

pub(crate) fn config() -> PoolConfig {
    PoolConfig {
        journal_segment_bytes: 64 * 1024,
        ..PoolConfig::public(CHAIN)
    }
}

/// A disk that forgets: what was not synced survives in part or not at all.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk(Arc<Mutex<DiskState>>);

#[derive(Debug, Clone, Default)]
pub(crate) struct DiskState {
    files: BTreeMap<String, DiskFile>,
    /// Deleted, and the folder was not synced since.
    deleted: BTreeMap<String, DiskFile>,
    pub(crate) syncs: u64,
    pub(crate) writes: u64,
    /// Everything fails after this many syncs.
    pub(crate) syncs_max: Option<u64>,
    /// Bytes of files at most.
    pub(crate) bytes_max: Option<u64>,
    /// The next sync of a file fails.
    pub(crate) fail_sync: bool,
    /// The next sync of a file is a bug of ours.
    pub(crate) panic_sync: bool,
    /// How long a sync takes.
    pub(crate) sync_time: std::time::Duration,
}

#[derive(Debug, Clone)]
struct DiskFile {
    now: Vec<u8>,
    synced: Vec<u8>,
    linked: bool,
}

impl Disk {
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut DiskState) -> R) -> R {
        f(&mut self.0.lock())
    }

    /// The contents as they are now, all durable.
    pub(crate) fn image(&self) -> BTreeMap<String, Vec<u8>> {
        self.with(|disk| {
            disk.files
                .iter()
                .map(|(k, v)| (k.clone(), v.now.clone()))
                .collect()
        })
    }

    pub(crate) fn of(image: BTreeMap<String, Vec<u8>>) -> Self {
        let file = |bytes: Vec<u8>| DiskFile {
            now: bytes.clone(),
            synced: bytes,
            linked: true,
        };
        let files = image
            .into_iter()
            .map(|(name, bytes)| (name, file(bytes)))
            .collect();
        Self(Arc::new(Mutex::new(DiskState {
            files,
            ..Default::default()
        })))
    }

    /// What a power cut may leave: synced bytes, and any of the unsynced sectors and links.
    pub(crate) fn after_power_cut(&self, seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        // All, none, or some of what was not synced.
        let kept: f64 = [0.0, 1.0, 0.5, 0.9][(seed % 4) as usize];
        let mut image = BTreeMap::new();
        self.with(|disk| {
            for (name, file) in disk.files.iter().chain(&disk.deleted) {
                if (!file.linked || disk.deleted.contains_key(name)) && !rng.random_bool(kept) {
                    continue;
                }
                let mut bytes = file.synced.clone();
                bytes.resize(file.now.len(), 0);
                for (old, new) in bytes.chunks_mut(512).zip(file.now.chunks(512)) {
                    if old != new && rng.random_bool(kept) {
                        old.copy_from_slice(new);
                    }
                }
                image.insert(name.clone(), bytes);
            }
        });
        Self::of(image)
    }
}

impl DiskState {
    fn alive(&self) -> io::Result<()> {
        match self.syncs_max {
            Some(max) if self.syncs >= max => Err(io::Error::other("the power is gone")),
            _ => Ok(()),
        }
    }

    fn file(&mut self, name: &str) -> io::Result<&mut DiskFile> {
        self.alive()?;
        self.files
            .get_mut(name)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl JournalFiles for Disk {
    fn list(&mut self) -> io::Result<Vec<String>> {
        self.with(|disk| {
            disk.alive()?;
            Ok(disk.files.keys().cloned().collect())
        })
    }

    fn create(&mut self, name: &str, bytes: u64) -> io::Result<()> {
        self.with(|disk| {
            disk.alive()?;
            let used: u64 = disk.files.values().map(|file| file.now.len() as u64).sum();
            if disk.bytes_max.is_some_and(|max| used + bytes > max) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            assert!(!disk.files.contains_key(name), "{name} exists");
            disk.writes += 1;
            let zeros = vec![0; usize::try_from(bytes).unwrap()];
            let file = DiskFile {
                now: zeros.clone(),
                synced: zeros,
                linked: false,
            };
            disk.files.insert(name.into(), file);
            Ok(())
        })
    }

    fn read(&mut self, name: &str) -> io::Result<Vec<u8>> {
        self.with(|disk| Ok(disk.file(name)?.now.clone()))
    }

    fn read_at(&mut self, name: &str, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let offset = usize::try_from(offset).unwrap();
        self.with(|disk| Ok(disk.file(name)?.now[offset..offset + len].to_vec()))
    }

    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let offset = usize::try_from(offset).unwrap();
        self.with(|disk| {
            disk.writes += 1;
            disk.file(name)?.now[offset..offset + bytes.len()].copy_from_slice(bytes);
            Ok(())
        })
    }

    fn clear_from(&mut self, name: &str, offset: u64) -> io::Result<()> {
        let offset = usize::try_from(offset).unwrap();
        self.with(|disk| {
            disk.writes += 1;
            disk.file(name)?.now[offset..].fill(0);
            Ok(())
        })
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        std::thread::sleep(self.with(|disk| disk.sync_time));
        self.with(|disk| {
            assert!(!std::mem::take(&mut disk.panic_sync), "as the test asked");
            if std::mem::take(&mut disk.fail_sync) {
                return Err(io::Error::other("the disk says no"));
            }
            let file = disk.file(name)?;
            file.synced = file.now.clone();
            disk.syncs += 1;
            Ok(())
        })
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.with(|disk| {
            disk.alive()?;
            disk.writes += 1;
            let file = disk.files.remove(name).ok_or(io::ErrorKind::NotFound)?;
            if file.linked {
                disk.deleted.insert(name.into(), file);
            }
            Ok(())
        })
    }

    fn sync_dir(&mut self) -> io::Result<()> {
        self.with(|disk| {
            disk.alive()?;
            disk.deleted.clear();
            for file in disk.files.values_mut() {
                file.linked = true;
            }
            disk.syncs += 1;
            Ok(())
        })
    }
}
