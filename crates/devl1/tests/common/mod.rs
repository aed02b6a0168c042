//! What the scenarios share: a chain whose clock stands still, accounts, signed transactions.
#![allow(dead_code, reason = "every scenario uses a part")]

use alloy::signers::{SignerSync, local::PrivateKeySigner};
use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, address, hex};
use foggara_devl1::{Clock, DevL1, DevL1Config, GenesisAccount};
use foggara_l1::{L1Client, StateAt};
use foggara_primitives::{ChainSpec, FoggaraConfig, GenesisSystemConfig, RollupConfig};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

pub(crate) const START: u64 = 1_700_000_000;
pub(crate) const PORTAL: Address = address!("00000000000000000000000000000000000000a1");
pub(crate) const SYSTEM_CONFIG: Address = address!("00000000000000000000000000000000000000a2");
pub(crate) const INBOX: Address = address!("00ff000000000000000000000000000000000901");

/// Private keys of the first three accounts of the test mnemonic.
const KEYS: [[u8; 32]; 3] = [
    hex!("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"),
    hex!("59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"),
    hex!("5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a"),
];

pub(crate) fn signer(index: usize) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&KEYS[index].into()).unwrap()
}

/// A clock that moves when told.
#[derive(Clone, Default)]
pub(crate) struct Hand(Arc<AtomicU64>);

impl Hand {
    pub(crate) fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }

    pub(crate) fn clock(&self) -> Clock {
        let now = Arc::clone(&self.0);
        Clock::new(move || START * 1_000 + now.load(Ordering::SeqCst))
    }
}

/// Code that logs its calldata under `topic`: two words as indexed fields, the rest as data.
pub(crate) fn logger(topic: B256) -> Bytes {
    let mut code = hex!("60403603806040600037602035600035 7f").to_vec();
    code.extend_from_slice(topic.as_slice());
    code.extend_from_slice(&hex!("836000a300"));
    code.into()
}

/// An in-memory chain with loggers where the portal and the system config would be.
pub(crate) fn config(hand: &Hand) -> DevL1Config {
    let mut config = DevL1Config {
        clock: hand.clock(),
        ..DevL1Config::default()
    };
    let logs = |topic| GenesisAccount::contract(logger(topic));
    config
        .alloc
        .insert(PORTAL, logs(foggara_derive::TRANSACTION_DEPOSITED_TOPIC));
    config
        .alloc
        .insert(SYSTEM_CONFIG, logs(foggara_derive::CONFIG_UPDATE_TOPIC));
    config
}

pub(crate) fn chain() -> DevL1 {
    DevL1::open(config(&Hand::default())).unwrap()
}

/// A rollup whose batcher is the first test account.
pub(crate) fn spec() -> ChainSpec {
    let system_config = GenesisSystemConfig {
        batcher_addr: signer(0).address(),
        ..Default::default()
    };
    let mut rollup = RollupConfig {
        batch_inbox_address: INBOX,
        deposit_contract_address: PORTAL,
        l1_system_config_address: SYSTEM_CONFIG,
        ..Default::default()
    };
    rollup.genesis.system_config = system_config;
    ChainSpec {
        rollup,
        foggara: FoggaraConfig::default(),
        genesis: alloy_consensus::Header::default(),
    }
}

/// A signed transaction of type 2 with the sender's next nonce.
pub(crate) async fn call(l1: &dyn L1Client, from: usize, to: Address, input: Bytes) -> Bytes {
    let signer = signer(from);
    let tx = TxEip1559 {
        chain_id: l1.chain_id().await.unwrap(),
        nonce: l1.nonce(signer.address(), StateAt::Pending).await.unwrap(),
        gas_limit: 200_000 + 40 * input.len() as u64,
        max_fee_per_gas: 5_000_000_000,
        max_priority_fee_per_gas: 1_000_000_000,
        to: TxKind::Call(to),
        value: U256::ZERO,
        input,
        ..Default::default()
    };
    let signature = signer.sign_hash_sync(&tx.signature_hash()).unwrap();
    TxEnvelope::from(tx.into_signed(signature))
        .encoded_2718()
        .into()
}

/// OP's encoding of `data` as one blob.
pub(crate) fn blob(data: &[u8]) -> Bytes {
    foggara_batch::blob::encode(data).unwrap().into()
}

/// Calldata of a logger: two words and data.
pub(crate) fn event(first: u64, second: u64, data: &[u8]) -> Bytes {
    let mut input = B256::from(U256::from(first)).to_vec();
    input.extend_from_slice(B256::from(U256::from(second)).as_slice());
    input.extend_from_slice(data);
    input.into()
}
